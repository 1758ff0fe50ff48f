"""Experiments of several trainings: tables, claims and figures of made-up trainings."""

import numpy as np
import pytest

from jaxdissect.experiments.groups import Measured as MeasuredGroups
from jaxdissect.experiments.groups import writing as groups
from jaxdissect.experiments.regimes import Measured
from jaxdissect.experiments.regimes import tables as regimes
from jaxdissect.experiments.regimes import writing as regime_plots
from jaxdissect.pages import claims, tables

STEPS = (1 / 255, 4 / 255, 8 / 255)
LAST = {"none": 0.70, "dropout": 0.66, "focused dropout": 0.705, "input gradient": 0.69}
NORMS = {"none": 3.0, "dropout": 3.0, "focused dropout": 2.8, "input gradient": 1.0}


def made_up():
    """Three seeds of four regimes; the penalty makes robust, dropout costs 4 points."""
    found = []
    for seed in range(3):
        for name, last in LAST.items():
            own = last + 0.002 * seed + 0.0005 * len(name) * (seed == 1)
            robust = (name == "input gradient") * (0.2 + 0.01 * seed)
            found.append(
                Measured(
                    name,
                    seed,
                    0.99,
                    own,
                    own + 0.01,
                    own,
                    np.array([0.3, 0.2 + robust + 0.001 * seed, 0.1]),
                    np.array([0.5, 0.4 + robust + 0.001 * seed, 0.3]),
                    NORMS[name] + 0.1 * seed,
                    {"object": 5 + seed, "colour": 3},
                    6,
                    7,
                )
            )
    return found


def cells(table, **where):
    """The rows of columns that have these cells, as dicts."""
    rows = [
        dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True)
    ]
    return [r for r in rows if all(r[name] == value for name, value in where.items())]


def test_accuracies_are_means_over_seeds_with_t_intervals():
    (row,) = cells(regimes.accuracy(made_up(), regimes.REPORTED), regime="none")
    values = 100 * np.array([0.70, 0.704, 0.704])
    half = 4.302652729 * values.std(ddof=1) / np.sqrt(3)
    mean = values.mean()
    expected = f"{mean:.2f} [{mean - half:.2f}, {mean + half:.2f}]"
    assert row["test, last epoch"] == expected
    assert (row["seeds"], row["reported test, best epoch"]) == (3, "72.32")
    assert row["last epoch minus none"] == ""


def test_differences_are_paired_by_seed_whatever_the_order():
    shuffled = made_up()[::-1]
    grouped = regimes.by_regime(shuffled)
    lost = regimes.minus_baseline(grouped, "dropout", "last_top1")
    expected = [
        100 * (0.66 - 0.70),
        100 * (0.66 - 0.70 + 0.0005 * 3),
        100 * (0.66 - 0.70),
    ]
    np.testing.assert_allclose(lost, expected, atol=1e-9)


def test_robustness_has_a_row_for_every_step_and_the_clean_images():
    table = regimes.robustness(made_up(), STEPS)
    rows = cells(table, regime="input gradient")
    assert [row["step * 255"] for row in rows] == ["0", "1", "4", "8"]
    assert rows[2]["white box"].startswith("41.10")


@pytest.mark.parametrize(
    ("words", "verdict"),
    [
        ("Focused dropout costs no more", "found"),
        ("Dropout .2 after every convolution", "found"),
        ("The input gradient shrinks", "found"),
        ("white-box step of 4/255", "found"),
        ("transferred step", "found"),
        ("The penalty costs no more than 2 points", "found"),
    ],
)
def test_planted_claims_are_found(words, verdict):
    (claim,) = [c for c in regimes.claims(made_up(), STEPS) if words in c.claim]
    assert claim.verdict == verdict, claim


def test_claims_about_regimes_that_were_not_trained_are_left_out():
    only = [m for m in made_up() if m.regime in ("none", "dropout")]
    (claim,) = regimes.claims(only, STEPS)
    assert "Dropout .2" in claim.claim


def test_a_mean_above_a_bound_is_found_below_it_the_opposite():
    values = np.array([1.0, 1.2, 1.1])
    assert claims.above("a", "x", values, 0.0).verdict == "found"
    assert claims.above("a", "x", values, 3.0).verdict == "the opposite was found"
    assert claims.above("a", "x", values, 1.05).verdict == "not found"
    assert claims.above("a", "x", values[:2]).verdict == "too few trainings"
    assert claims.above("a", "x", np.zeros(3)).verdict == "not found"
    # Without any spread only the signs are left: p = 1/4 for three, 1/32 for six.
    assert claims.above("a", "x", np.ones(3)).verdict == "not found"
    assert claims.above("a", "x", np.ones(6)).p == 1 / 32


def test_an_order_must_hold_in_every_seed():
    rising = np.array([[1.0, 2.0, 3.0], [2.0, 3.0, 9.0], [0.0, 3.0, 9.0]])
    assert claims.ordered("a", "x", rising[:2]).verdict == "too few trainings"
    assert claims.ordered("a", "x", rising).verdict == "found"
    assert claims.ordered("a", "x", -rising).verdict == "the opposite was found"
    rising[1, 1] = 9.0
    assert claims.ordered("a", "x", rising).verdict == "not found"


def concept_groups(scores):
    """Trainings of one network with these scores by regime, three seeds each."""
    return [
        MeasuredGroups(
            "net",
            regime,
            seed,
            0.9 + 0.001 * seed,
            {"conv1": 2, "conv2": score + (seed == 2) * (number + 1)},
            30,
            {"conv1": np.array([1.0, 1.0]), "conv2": np.array([1.0, 1.0 + number])},
        )
        for number, (regime, score) in enumerate(scores.items())
        for seed in range(3)
    ]


def test_the_score_sums_unique_labels_over_layers():
    measured = concept_groups(dict(zip(groups.REGIMES, (5, 7, 9), strict=True)))
    assert measured[0].score() == 7
    assert measured[0].unevenness() == 0
    assert measured[3].unevenness() == pytest.approx(0.5 / 1.5 / 2)
    (row,) = cells(groups.scores(measured), regime="block norm")
    assert (row["conv1"], row["conv2"]) == ("2.0", "7.7")
    assert row["score"].startswith("9.67 [")


def test_the_papers_order_is_found_where_it_is_planted_and_not_where_it_is_not():
    def verdicts(scores):
        measured = concept_groups(dict(zip(groups.REGIMES, scores, strict=True)))
        return [c.verdict for c in groups.claims(measured)[:3]]

    assert verdicts((5, 7, 9)) == ["found"] * 3
    assert verdicts((9, 5, 1)) == ["the opposite was found"] * 3


def test_markdown_tables_have_as_many_cells_in_every_row():
    columns = regimes.accuracy(made_up(), regimes.REPORTED)
    lines = tables.markdown(tables.of_columns(columns)).splitlines()
    assert len({line.count("|") for line in lines}) == 1 and len(lines) == 6


def test_figures_show_every_regime():
    grouped = regimes.by_regime(made_up())
    values = {n: {"last": regimes.percent(m, "last_top1")} for n, m in grouped.items()}
    figure = regime_plots.dots(values, name="x", reported={"none": 72.32})
    assert [t.get_text() for t in figure.axes[0].get_yticklabels()] == list(LAST)
    assert len(figure.axes[0].collections) == 5
    panels = {
        "white box": {n: np.stack([x.white_box for x in m]) for n, m in grouped.items()}
    }
    figure = regime_plots.robustness(STEPS, panels)
    assert len(figure.axes[0].lines) == 4
    bars = regime_plots.category_bars(
        {"none": {"object": 2.0, "colour": 1.0}}, name="x"
    )
    ends = [p.get_x() + p.get_width() for p in bars.axes[0].patches]
    assert ends == [2.0, 3.0]
