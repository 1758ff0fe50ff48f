"""Claims put to made-up trainings: planted truths, their opposites, too few."""

import numpy as np
import pytest

from jaxdissect.experiments.compare import claims
from jaxdissect.experiments.compare.results import Axes, Training, numbers

UNITS = 12


def axes(rng, *, overall=0.002, worst=0.03, selectivity=0.5):
    def around(value):
        return value * rng.uniform(0.9, 1.1, UNITS)

    return Axes(
        overall=around(overall),
        worst=around(worst),
        overall_nats=rng.normal(size=UNITS),
        worst_nats=rng.normal(size=UNITS),
        significant=rng.uniform(size=UNITS) > 0.5,
        selectivity=around(selectivity),
        correlation=around(0.3),
        frequency=around(0.5),
        mean_peak=around(1.0),
    )


def trainings(num_seeds=6, *, worst=0.03, rotated=0.01, with_norm=0.2, without=0.6):
    made = []
    for seed in range(num_seeds):
        for norm in (True, False):
            rng = np.random.default_rng([seed, norm])
            selectivity = with_norm if norm else without
            made.append(
                Training(
                    batch_norm=norm,
                    dropout=0.0,
                    seed=seed,
                    top1=0.9,
                    l1=rng.uniform(size=UNITS),
                    units=axes(rng, worst=worst, selectivity=selectivity),
                    rotated=[axes(rng, worst=rotated, selectivity=0.1)],
                    counts=np.arange(UNITS + 1),
                    removal=np.linspace(0.9, 0.1, UNITS + 1)[None],
                )
            )
    return made


def verdict(measured, words):
    (claim,) = [c for c in claims.claims(measured) if words in c.claim]
    return claim.verdict


@pytest.mark.slow
def test_what_is_planted_is_found():
    measured = trainings()
    assert verdict(measured, "hardly changes overall") == "found"
    assert verdict(measured, "more than it costs overall") == "found"
    assert verdict(measured, "more than rotated directions") == "found"
    assert verdict(measured, "BatchNorm lowers selectivity") == "found"


@pytest.mark.slow
def test_the_opposite_is_called_so():
    measured = trainings(worst=0.001, rotated=0.05, with_norm=0.6, without=0.2)
    assert verdict(measured, "more than it costs overall") == "the opposite was found"
    assert verdict(measured, "more than rotated directions") == "the opposite was found"
    assert verdict(measured, "lowers selectivity") == "the opposite was found"


@pytest.mark.slow
def test_where_nothing_differs_nothing_is_found():
    measured = trainings(worst=0.002)
    assert verdict(measured, "robust to cumulative removal") == "not found"
    large = [
        t._replace(units=t.units._replace(overall=np.full(UNITS, 0.02)))
        for t in measured
    ]
    assert verdict(large, "hardly changes overall") == "not found"


@pytest.mark.parametrize(
    ("num_seeds", "said"), [(5, "too few trainings"), (6, "found")]
)
def test_five_pairs_cannot_show_anything(num_seeds, said):
    assert verdict(trainings(num_seeds), "BatchNorm lowers selectivity") == said


def test_settings_that_never_differ_are_not_judged():
    said = " ".join(c.claim for c in claims.claims(trainings()))
    assert "BatchNorm" in said and "Dropout" not in said


def test_numbers_are_means_over_units_in_points():
    (first, *_) = trainings()
    row = numbers(first)
    assert row["worst-class drop"] == pytest.approx(100 * first.units.worst.mean())
    assert row["area"] == pytest.approx(0.5)
    assert row["area relative to top-1"] == pytest.approx(0.5 / 0.9)
