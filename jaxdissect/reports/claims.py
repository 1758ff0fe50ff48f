"""What has been claimed of single units, put to several trainings.

The claims are those of Zhou et al., Revisiting the importance of individual units in
CNNs, 2018, and Morcos et al., On the importance of single directions for
generalization, ICLR 2018; how each is put to the test is our own choice, made before
looking at results.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

from jaxdissect.reports.comparison import Training, numbers, regime
from jaxdissect.reports.tables import Table

LEVEL = 0.05
"""p-value at and below which a claim is found, or its opposite."""


class Claim(NamedTuple):
    """A claim, whether it was found, and the numbers.

    Attributes:
        claim: in words.
        verdict: "found", "the opposite was found" or "not found".
        numbers: behind it, in words.
        p: two-sided p-value of the exact test; NaN-free, 1 where there is none.
    """

    claim: str
    verdict: str
    numbers: str
    p: float


def claims(measured: Sequence[Training]) -> list[Claim]:
    """Every claim, put to the trainings.

    Claims within a training are paired over trainings (Wilcoxon's signed ranks, exact);
    claims about regimes compare trainings (Mann and Whitney, exact).
    """
    rows = [numbers(t) for t in measured]

    def column(name: str) -> np.ndarray:
        return np.array([row[name] for row in rows])

    def paired(claim: str, larger: str, smaller: str) -> Claim:
        a, b = column(larger), column(smaller)
        said = f"{larger} {_spread(a)}, {smaller} {_spread(b)}"
        return _judged(
            claim, a - b, said, stats.wilcoxon(a - b).pvalue if (a != b).any() else 1.0
        )

    small = np.abs(column("overall drop"))
    weak = np.abs(column("selectivity ~ overall drop"))
    found = [
        _bound(
            "Removing one unit hardly changes overall accuracy (mean below 1 point)",
            small,
            1.0,
            "points",
        ),
        paired(
            "It costs the class that needs the unit most more than it costs overall",
            "worst-class drop",
            "overall drop",
        ),
        _bound(
            "Selectivity predicts the overall drop poorly (|rho| below .3)",
            weak,
            0.3,
            "|rho|",
        ),
        paired(
            "Selectivity predicts the class's drop better than the overall one",
            "selectivity ~ class drop",
            "selectivity ~ overall drop",
        ),
        paired(
            "Class correlation predicts the class's drop better than the overall one",
            "class correlation ~ class drop",
            "class correlation ~ overall drop",
        ),
        paired(
            "Units cost their class more than rotated directions do",
            "worst-class drop",
            "rotated: worst-class drop",
        ),
        paired(
            "Units are more selective than the positive parts of rotated directions",
            "selectivity",
            "rotated: selectivity",
        ),
    ]
    norm = np.array([t.batch_norm for t in measured])
    dropped = np.array([t.dropout > 0 for t in measured])
    for with_it, name, claim, measure, sign in (
        (norm, "BatchNorm", "BatchNorm lowers selectivity", "selectivity", -1),
        (
            norm,
            "BatchNorm",
            "BatchNorm makes networks robust to cumulative removal",
            "area relative to top-1",
            1,
        ),
        (
            norm,
            "BatchNorm",
            "BatchNorm makes single units matter less to their class",
            "worst-class drop",
            -1,
        ),
        (
            dropped,
            "dropout",
            "Dropout makes networks robust to cumulative removal",
            "area relative to top-1",
            1,
        ),
        (
            dropped,
            "dropout",
            "Dropout makes single units matter less to their class",
            "worst-class drop",
            -1,
        ),
    ):
        if with_it.any() and not with_it.all():
            found.append(
                _unpaired(claim, name, measure, column(measure), with_it, sign)
            )
    return found


def _spread(values) -> str:
    return f"{values.mean():.3g} ({values.min():.3g} to {values.max():.3g})"


def _judged(claim: str, differences, said: str, p: float) -> Claim:
    verdict = "not found"
    if p <= LEVEL:
        verdict = "found" if np.mean(differences) > 0 else "the opposite was found"
    return Claim(claim, verdict, f"{said}; p = {p:.2g}", float(p))


def _bound(claim: str, values, limit: float, unit: str) -> Claim:
    holds = bool((values < limit).all())
    said = f"{unit} {_spread(values)} over trainings"
    return Claim(claim, "found" if holds else "not found", said, 1.0)


def _unpaired(claim: str, name: str, measure: str, values, with_it, sign: int) -> Claim:
    a, b = values[with_it], values[~with_it]
    said = f"{measure} with {name} {_spread(a)}, without {_spread(b)}"
    p = stats.mannwhitneyu(a, b, method="exact").pvalue
    return _judged(claim, sign * (a.mean() - b.mean()), said, p)


def claims_table(found: Sequence[Claim]) -> Table:
    """One row per claim.

    >>> claims_table([Claim("a", "found", "1", 0.01)]).rows
    [['a', 'found', '1', 0.01]]
    """
    return Table(list(Claim._fields), [list(claim) for claim in found])


def sentences(measured: Sequence[Training], found: Sequence[Claim]) -> list[str]:
    """The claims, one by one."""
    regimes = list(dict.fromkeys(map(regime, measured)))
    return [
        f"{len(measured)} trainings of {len(regimes)} regimes ({'; '.join(regimes)}); "
        f"top-1 {_spread(np.array([100 * t.top1 for t in measured]))} %. Drops are in "
        "points, means over units; ranges are over trainings.",
        *(f"{c.claim}: {c.verdict}. {c.numbers}." for c in found),
    ]
