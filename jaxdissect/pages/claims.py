"""Claims of papers put to measured numbers: found, not found, or the opposite."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy import stats

from jaxdissect.intervals import mean_interval
from jaxdissect.pages.tables import Table

LEVEL = 0.05
"""p-value at and below which a claim is found, or its opposite."""

MIN_SEEDS = 3
"""Fewer trainings of a kind bear nothing out."""


class Claim(NamedTuple):
    """A claim, whether it was found, and the numbers.

    Attributes:
        claim: in words.
        verdict: "found", "the opposite was found", "not found" or "too few trainings".
        numbers: behind it, in words.
        p: two-sided p-value; 1 where there is no test.
    """

    claim: str
    verdict: str
    numbers: str
    p: float


def above(
    claim: str, name: str, values: Float[np.ndarray, "N"], bound: float = 0.0
) -> Claim:
    """Whether the mean of some values lies above a bound, by Student's t.

    Args:
        claim: in words: that it does.
        name: of the values, with their unit.
        values: one per seed, such as differences between trainings of the same seed.
        bound: to compare with.

    Returns:
        "found" or "the opposite was found" where the 95 % interval leaves the bound
        out, "not found" where it does not, "too few trainings" below 3 values.

    >>> above("b helps", "points", np.array([1.0, 1.1, 0.9])).verdict
    'found'
    """
    if len(values) < MIN_SEEDS:
        return Claim(claim, "too few trainings", f"{name} {spread(values)}", 1.0)
    differences = values - bound
    if np.ptp(differences) > 0:
        p = float(stats.ttest_1samp(differences, 0.0).pvalue)
    else:  # equal counts have no spread to test by; the signs are left
        p = min(1.0, 2.0 ** (1 - len(values))) if differences[0] else 1.0
    verdict = "not found"
    if p <= LEVEL:
        verdict = "found" if differences.mean() > 0 else "the opposite was found"
    said = f"{name} {mean_and_interval(values)}, bound {bound:g}; p = {p:.2g}"
    return Claim(claim, verdict, f"{said}, {len(values)} seeds", p)


def ordered(claim: str, name: str, values: Float[np.ndarray, "N S"]) -> Claim:
    """Whether values rise along the last axis, in every seed.

    >>> ordered("more is more", "x", np.array([[1.0, 2.0]] * 3)).verdict
    'found'
    """
    if len(values) < MIN_SEEDS:
        return Claim(claim, "too few trainings", f"{len(values)} seeds", 1.0)
    rising = (np.diff(values, axis=1) > 0).all(1)
    falling = (np.diff(values, axis=1) < 0).all(1)
    verdict = "not found"
    if rising.all() or falling.all():
        verdict = "found" if rising.all() else "the opposite was found"
    means = ", ".join(f"{mean:.3g}" for mean in values.mean(0))
    said = f"mean {name} {means}; rising in {rising.sum()} of {len(values)} seeds"
    return Claim(claim, verdict, said, 1.0)


def spread(values: Float[np.ndarray, "N"]) -> str:
    """Mean and range, in words.

    >>> spread(np.array([1.0, 3.0]))
    '2 (1 to 3)'
    """
    return f"{values.mean():.3g} ({values.min():.3g} to {values.max():.3g})"


def mean_and_interval(values: Float[np.ndarray, "N"]) -> str:
    """Mean and its 95 % t interval, in words; the value itself where there is one.

    >>> mean_and_interval(np.array([1.0, 2.0, 3.0]))
    '2.00 [-0.48, 4.48]'
    """
    if len(values) < 2:
        return f"{values.mean():.2f}"
    middle = values.mean()
    rest = values - middle
    sums = (np.asarray(x) for x in (rest.sum(), (rest**2).sum(), len(values)))
    low, high = mean_interval(*sums)
    return f"{middle:.2f} [{middle + low:.2f}, {middle + high:.2f}]"


def claims_table(found: Sequence[Claim]) -> Table:
    """One row per claim.

    >>> claims_table([Claim("a", "found", "1", 0.01)]).rows
    [['a', 'found', '1', 0.01]]
    """
    return Table(list(Claim._fields), [list(claim) for claim in found])
