"""How sure a difference is: exact paired tests and false discoveries.

An ablation is a paired experiment: the same images with and without a unit. All that a
test needs of it are two counts: images gained (wrong before, right now) and lost (right
before, wrong now).
"""

import numpy as np
from jaxtyping import Float, Integer

from jaxdissect.base import AnyArray
from jaxdissect.errors import BadInput


def mcnemar(
    lost: Integer[AnyArray, "*N"], gained: Integer[AnyArray, "*N"]
) -> Float[np.ndarray, "*N"]:
    """Exact two-sided p-value of McNemar's test that losses and gains are as likely.

    p = min(1, 2 P[Bin(lost + gained, 1/2) <= min(lost, gained)]); images that are right
    both times, or wrong both times, say nothing about the difference.

    Args:
        lost: images right before and wrong after.
        gained: images wrong before and right after.

    Returns:
        p-values in [0, 1]; 1 where no image changed.

    Raises:
        BadInput: a count is negative or not an integer, or the shapes differ.

    Reference:
        McNemar, Note on the sampling error of the difference between correlated
        proportions or percentages, Psychometrika 1947; the exact form.

    >>> mcnemar(np.array([6, 3, 0]), np.array([0, 3, 0])).tolist()
    [0.03125, 1.0, 1.0]
    """
    from scipy import stats  # slow to import

    lost, gained = checked_counts("lost", lost), checked_counts("gained", gained)
    if lost.shape != gained.shape:
        raise BadInput(f"`gained` is of shape {gained.shape}, `lost` of {lost.shape}")
    tail = stats.binom.cdf(np.minimum(lost, gained), lost + gained, 0.5)
    return np.asarray(np.minimum(1.0, 2 * tail))


def false_discovery(p_values: Float[AnyArray, "*N"]) -> Float[np.ndarray, "*N"]:
    """Benjamini-Hochberg adjusted p-values, all entries being one family.

    Calling the entries with q <= 0.05 discoveries keeps the expected share of false
    ones among them at 0.05 or below; pass the whole table that was looked through.

    Args:
        p_values: in [0, 1], independent or positively dependent; may be empty.

    Returns:
        q-values in [0, 1], never below the p-values.

    Raises:
        BadInput: a p-value is outside [0, 1] or NaN.

    Reference:
        Benjamini and Hochberg, Controlling the false discovery rate: a practical and
        powerful approach to multiple testing, JRSS B 1995.

    >>> false_discovery(np.array([[0.01, 0.5], [0.02, 0.5]])).tolist()
    [[0.04, 0.5], [0.04, 0.5]]
    """
    from scipy import stats  # slow to import

    p_values = np.asarray(p_values, np.float64)
    bad = ~((p_values >= 0) & (p_values <= 1))
    if bad.any():
        raise BadInput(f"`p_values` holds {p_values[bad][0]}; it must be in [0, 1]")
    return stats.false_discovery_control(p_values, axis=None).reshape(p_values.shape)


def checked_counts(name: str, values: AnyArray) -> Integer[np.ndarray, "..."]:
    """Counts as int64, whose sums cannot wrap around.

    Raises:
        BadInput: a count is negative or not an integer.
    """
    values = np.asarray(values)
    if not np.issubdtype(values.dtype, np.integer):
        raise BadInput(f"`{name}` is {values.dtype}; counts must be integers")
    if (values < 0).any():
        raise BadInput(f"`{name}` holds {values.min()}; counts must be at least 0")
    return values.astype(np.int64)
