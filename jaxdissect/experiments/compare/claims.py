"""What has been claimed of single units, put to several trainings.

The claims are those of Zhou et al., Revisiting the importance of individual units in
CNNs, 2018, and Morcos et al., On the importance of single directions for
generalization, ICLR 2018; how each is put to the test is our own choice.
"""

from collections.abc import Sequence

import numpy as np
from scipy import stats

from jaxdissect.experiments.compare.results import Training, numbers, regime
from jaxdissect.pages.claims import LEVEL, Claim, spread

BOUNDS = (
    (
        "Removing one unit hardly changes overall accuracy (mean below 1 point)",
        "overall drop",
        1.0,
    ),
    (
        "Selectivity predicts the overall drop poorly (|rho| below .3)",
        "selectivity ~ overall log-probability",
        0.3,
    ),
)
"""(claim, measure, bound on its size in every training)."""

WITHIN = (
    (
        "Removing a unit costs the class that needs it most more than it costs overall",
        "worst-class drop",
        "overall drop",
    ),
    (
        "Selectivity predicts the class's drop better than the overall one",
        "selectivity ~ class log-probability",
        "selectivity ~ overall log-probability",
    ),
    (
        "Class correlation predicts the class's drop better than the overall one",
        "class correlation ~ class log-probability",
        "class correlation ~ overall log-probability",
    ),
    (
        "Units cost their class more than rotated directions do",
        "worst-class drop",
        "rotated: worst-class drop",
    ),
    (
        "Units are more selective than the positive parts of rotated directions",
        "selectivity",
        "rotated: selectivity",
    ),
)
"""(claim, measure that is larger, measure that is smaller) within a training."""

BETWEEN = (
    ("BatchNorm lowers selectivity", "batch_norm", "selectivity", -1),
    (
        "BatchNorm makes networks robust to cumulative removal",
        "batch_norm",
        "area relative to top-1",
        1,
    ),
    (
        "BatchNorm makes single units matter less to their class",
        "batch_norm",
        "worst-class drop",
        -1,
    ),
    (
        "Dropout makes networks robust to cumulative removal",
        "dropout",
        "area relative to top-1",
        1,
    ),
    (
        "Dropout makes single units matter less to their class",
        "dropout",
        "worst-class drop",
        -1,
    ),
)
"""(claim, setting, measure, sign of its change with the setting)."""


def claims(measured: Sequence[Training]) -> list[Claim]:
    """Every claim, put to the trainings.

    Claims within a training compare two of its numbers; claims about a setting compare
    trainings that differ in it alone, seed by seed. Both are tested by Wilcoxon's
    signed ranks over such pairs, two-sided.

    Args:
        measured: all trainings.

    Returns:
        The claims that can be put to these trainings.
    """
    rows = [numbers(t) for t in measured]

    def column(name: str) -> np.ndarray:
        return np.array([row[name] for row in rows])

    found = [
        _bounded(claim, name, column(name), limit) for claim, name, limit in BOUNDS
    ]
    for claim, larger, smaller in WITHIN:
        found.append(_paired(claim, larger, column(larger), smaller, column(smaller)))
    for claim, setting, name, sign in BETWEEN:
        with_it, without = _matched(measured, setting)
        if with_it:
            a, b = column(name)[with_it], column(name)[without]
            names = (f"{name} with {setting}", "without")
            found.append(_paired(claim, names[0], a, names[1], b, sign=sign))
    return found


def _matched(measured: Sequence[Training], setting: str) -> tuple[list[int], list[int]]:
    """Trainings with a setting and without it that are otherwise alike."""

    def has(t: Training) -> bool:
        return t.batch_norm if setting == "batch_norm" else t.dropout > 0

    def rest(t: Training) -> tuple[float, int]:
        return (t.dropout if setting == "batch_norm" else t.batch_norm, t.seed)

    pairs = [
        (i, j)
        for i, a in enumerate(measured)
        for j, b in enumerate(measured)
        if has(a) and not has(b) and rest(a) == rest(b)
    ]
    return [i for i, _ in pairs], [j for _, j in pairs]


def _bounded(claim: str, name: str, values, limit: float) -> Claim:
    holds = bool((np.abs(values) < limit).all())
    said = f"{name} {spread(values)} over trainings"
    return Claim(claim, "found" if holds else "not found", said, 1.0)


def _paired(claim: str, name: str, a, other: str, b, *, sign: int = 1) -> Claim:
    differences = sign * (a - b)
    p = float(stats.wilcoxon(differences).pvalue) if differences.any() else 1.0
    verdict = "not found"
    if 2 / 2 ** len(a) > LEVEL:  # the smallest p there can be
        verdict = "too few trainings"
    elif p <= LEVEL:
        above = np.median(differences) > 0
        verdict = "found" if above else "the opposite was found"
    said = f"{name} {spread(a)}, {other} {spread(b)}; p = {p:.2g}"
    return Claim(claim, verdict, f"{said}, {len(a)} pairs", p)


def sentences(measured: Sequence[Training], found: Sequence[Claim]) -> list[str]:
    """The claims, one by one."""
    regimes = list(dict.fromkeys(map(regime, measured)))
    return [
        f"{len(measured)} trainings of {len(regimes)} regimes ({'; '.join(regimes)}); "
        f"top-1 {spread(np.array([100 * t.top1 for t in measured]))} %. Drops are in "
        "points, means over units; ranges are over trainings.",
        *(f"{c.claim}: {c.verdict}. {c.numbers}." for c in found),
    ]
