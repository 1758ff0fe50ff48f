"""Exact upper quantiles of more values than fit into memory.

Two ways to the same number. `upper_quantile` keeps the k largest values in one pass.
Where they are too many, `next_digits` counts values by the leading bits of their
floating-point form, pass by pass: each pass settles some more bits of the quantile, in
memory that does not grow with the data.
"""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Integer, Shaped, UInt32

from jaxdissect.base import Statistic
from jaxdissect.checking import check_number, check_real, check_shape
from jaxdissect.errors import BadInput
from jaxdissect.streaming import total

BITS = 32
"""Of a float32, all of which decide where a value stands."""

SAMPLED = 16
"""Of so many values one is looked at to find out where the largest begin."""


def tail_count(tail_mass: float, num_values: int) -> int:
    """k = ceil(tail_mass * num_values), the rank of the upper quantile from the top.

    A product within a relative 1e-9 of an integer counts as that integer: .01 * 300
    is 3.0000000000000004 in floating point and must not become 4.

    Raises:
        BadInput: `tail_mass` is not in (0, 1], or there are no values.

    >>> tail_count(0.01, 300), tail_count(0.01, 301)
    (3, 4)
    """
    if not 0 < tail_mass <= 1:
        raise BadInput(f"`tail_mass` is {tail_mass}; it must be in (0, 1]")
    check_number("num_values", num_values)
    product = tail_mass * num_values
    nearest = round(product)
    close = abs(product - nearest) <= 1e-9 * max(nearest, 1)
    return max(1, nearest if close else math.ceil(product))


def upper_quantile(tail_mass: float, num_values: int) -> Statistic:
    """The exact upper quantile of every unit: its k-th largest value.

    t_u = max {t : P[a_u >= t] >= q}, the k-th largest of all `num_values` values with
    k = ceil(q N). Keeps up to 3 k values of a unit while it merges; `kept_bytes` says
    what that takes.

    Args:
        tail_mass: q, the share of values above the threshold, in (0, 1].
        num_values: N, values per unit over the whole data set (images x positions).

    Returns:
        A Statistic: batches are (values [... U],), the value is [U]. Values [M U] in
        column-major order, each unit's together, are the fastest.

    Raises:
        BadInput: another number of values arrived by the end, batches have different
            numbers of units or none, or a value is not finite: it has no rank.

    Reference:
        Bau et al., Understanding the role of individual units in a deep neural
        network, PNAS 2020, definition of t_u.

    >>> from jaxdissect.streaming import accumulate
    >>> accumulate(upper_quantile(0.5, 4), [(np.array([[3.0], [1.0]]),),
    ...                                     (np.array([[2.0], [4.0]]),)]).tolist()
    [3.0]
    """
    k = tail_count(tail_mass, num_values)

    def largest(values: Shaped[np.ndarray, "M U"]) -> Shaped[np.ndarray, "k U"]:
        if len(values) <= k:
            return values
        kept = np.empty((values.shape[1], k), values.dtype)
        for row, column in zip(kept, values.T, strict=True):
            row[:] = _largest(column, k)
        return kept.T

    def measure(values, *_):
        values = _rows(values)
        return largest(values), len(values)

    def merge(a, b):
        check_shape("values", b[0], "M U", U=a[0].shape[1])
        # Selecting k of few more than k would cost as much every time as of 2 k.
        both = np.concatenate([a[0], b[0]])
        return both if len(both) <= 2 * k else largest(both), a[1] + b[1]

    def value(partial):
        kept, seen = partial
        if seen != num_values:
            raise BadInput(
                f"`num_values` is {num_values}, but {seen} values per unit arrived; "
                "the rank of the quantile depends on their number"
            )
        return largest(kept).min(axis=0)

    return Statistic(measure, merge, value)


def kept_bytes(tail_mass: float, num_values: int, num_units: int) -> int:
    """Memory that `upper_quantile` takes at its peak, in bytes.

    >>> round(kept_bytes(0.005, 63_000 * 14 * 14, 512) / 2**20)  # MiB
    724
    """
    # Up to 3 k values a unit when two partial results meet, and a copy to select in.
    return 6 * tail_count(tail_mass, num_values) * num_units * 4


class Bracket(NamedTuple):
    """What is known of every unit's quantile.

    Attributes:
        prefix: [U] the leading bits of its place in the order of all float32.
        known: how many bits that are.
        rank: [U] its rank from the top among the values with that prefix, from 1.
    """

    prefix: UInt32[np.ndarray, "U"]
    known: int
    rank: Integer[np.ndarray, "U"]


def open_bracket(tail_mass: float, num_values: int, num_units: int) -> Bracket:
    """Nothing is known yet but the rank.

    >>> open_bracket(0.5, 4, 1).rank.tolist()
    [2]
    """
    rank = np.full(num_units, tail_count(tail_mass, num_values), np.int64)
    return Bracket(np.zeros(num_units, np.uint32), 0, rank)


def next_digits(bracket: Bracket, bits: int) -> Statistic:
    """Settle the next bits of every unit's quantile, in one pass over all values.

    Counts each unit's values by their next `bits` bits, 2^bits x U integers, among
    those that agree with what is known; the quantile's own are where the counts from
    the top reach its rank. The same values must come in every pass.

    Args:
        bracket: what is known.
        bits: how many more, at least 1; at most what is left is settled.

    Returns:
        A Statistic: batches are (values [... U] float32,), the value is a narrower
        `Bracket`.

    Raises:
        BadInput: fewer values arrived than the rank asks for, or of other units, or one
            is not finite.

    >>> from jaxdissect.streaming import accumulate
    >>> values = np.array([[3], [1], [2], [4]], np.float32)
    >>> bracket = open_bracket(0.5, 4, 1)
    >>> while bracket.known < BITS:
    ...     bracket = accumulate(next_digits(bracket, 11), [(values,)])
    >>> bounds(bracket)[0].tolist()
    [3.0]
    """
    check_number("bits", bits)
    bits = min(bits, BITS - bracket.known)
    left = BITS - bracket.known - bits
    units = np.arange(len(bracket.prefix))

    def count(values, *_):
        values = _rows(values)
        check_shape("values", values, "M U", U=len(units))
        counts = np.empty((len(units), 2**bits), np.int64)
        # A unit's counts fit into the cache; those of all would not.
        for unit, places in enumerate(map(_places, values.T)):
            if bracket.known:
                agree = places >> np.uint32(left + bits) == bracket.prefix[unit]
                places = places[agree]
            digits = (places >> np.uint32(left)) & np.uint32(2**bits - 1)
            counts[unit] = np.bincount(digits, minlength=2**bits)
        return counts

    counted = total(count)

    def value(partial):
        from_top = np.cumsum(counted.value(partial)[:, ::-1], axis=1)
        if (from_top[:, -1] < bracket.rank).any():
            raise BadInput(
                f"{from_top[:, -1].min()} values of a unit arrived where its quantile "
                f"has rank {bracket.rank.max()}; every pass needs all values"
            )
        steps = (from_top < bracket.rank[:, None]).sum(axis=1)
        above = np.where(steps > 0, from_top[units, steps - 1], 0)
        digit = (2**bits - 1 - steps).astype(np.uint32)
        prefix = (bracket.prefix << np.uint32(bits)) | digit
        return Bracket(prefix, bracket.known + bits, bracket.rank - above)

    return Statistic(count, counted.merge, value)


def bounds(
    bracket: Bracket,
) -> tuple[Float[np.ndarray, "U"], Float[np.ndarray, "U"]]:
    """The least and the greatest value every unit's quantile can have; once all bits
    are known, both are the quantile.

    >>> low, high = bounds(Bracket(np.array([0x1804], np.uint32), 13, np.array([1])))
    >>> low.tolist(), high.tolist()
    ([2.5], [2.624999761581421])
    """
    left = BITS - bracket.known
    low = bracket.prefix.astype(np.uint64) << np.uint64(left)
    high = low | np.uint64(2**left - 1)
    return _floats(low.astype(np.uint32)), _floats(high.astype(np.uint32))


def _largest(values, k):
    # A few of the values tell nearly where the k-th largest lies, and most of the
    # others to leave out; should they be wrong, nothing is left out.
    few = values[::SAMPLED]
    rank = int(k / SAMPLED + 4 * math.sqrt(k / SAMPLED)) + 1
    if rank < len(few) / 8:
        above = values[values >= -np.partition(-few, rank)[rank]]
        values = above if len(above) >= k else values
    # numpy's introselect is several times faster than XLA's top_k on a CPU, and the
    # least of the negated up to twenty times faster than the largest: after a ReLU most
    # values are the same 0, which it handles badly at the lower end.
    negated = -values
    negated.partition(k - 1)
    return -negated[:k]


def _rows(values):
    values = np.asarray(values)
    if values.ndim < 2 or 0 in values.shape:
        raise BadInput(
            f"`values` has the shape {values.shape}; it must be [... U], none empty"
        )
    check_real("values", values)
    # Reshaping would copy values that lie unit by unit.
    return values if values.ndim == 2 else values.reshape(-1, values.shape[-1])


def _places(values):
    # The bits of floats as integers in the order of the floats; -0 is 0.
    bits = (values.astype(np.float32) + np.float32(0)).view(np.uint32)
    return np.where(bits >> 31, ~bits, bits | np.uint32(2**31))


def _floats(places):
    bits = np.where(places >> 31, places & np.uint32(2**31 - 1), ~places)
    return bits.astype(np.uint32).view(np.float32)
