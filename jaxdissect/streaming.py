"""Exact statistics of data sets larger than memory: one loop, many statistics.

Counts are exact: at most 2^24 per batch where float32 matrix products count, int32
otherwise, and int64 on the host across batches.
"""

import functools
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float, Int

from jaxdissect.base import Statistic
from jaxdissect.checking import (
    check_not_empty,
    check_number,
    check_real,
    check_shape,
)
from jaxdissect.errors import BadInput


def accumulate(statistic: Statistic, batches: Iterable[tuple[Any, ...]]) -> Any:
    """Measure a statistic over all batches, one batch in memory at a time.

    Args:
        statistic: what to measure.
        batches: tuples of the arguments `statistic.measure` takes.

    Returns:
        `statistic.value` of everything seen.

    Raises:
        BadInput: `batches` is empty.

    >>> batches = [(np.arange(3),), (np.arange(4),)]
    >>> accumulate(total(lambda values: values.sum()), batches).item()
    9
    """
    partials = (statistic.measure(*batch) for batch in batches)
    try:
        first = next(partials)
    except StopIteration:
        raise BadInput("`batches` is empty; at least one batch is needed") from None
    return statistic.value(functools.reduce(statistic.merge, partials, first))


def combine(**statistics: Statistic) -> Statistic:
    """Several statistics of the same batches in one pass; the value is a dict.

    >>> both = combine(total=total(), number=total(len))
    >>> result = accumulate(both, [(np.array([[1], [2]]),), (np.array([[3], [4]]),)])
    >>> result["total"].tolist(), result["number"].item()
    ([[4], [6]], 4)
    """

    def measure(*batch):
        return {name: s.measure(*batch) for name, s in statistics.items()}

    def merge(a, b):
        return {name: s.merge(a[name], b[name]) for name, s in statistics.items()}

    def value(partial):
        return {name: s.value(partial[name]) for name, s in statistics.items()}

    return Statistic(measure, merge, value)


NOTHING = Statistic(lambda *batch: (), lambda a, b: (), lambda partial: partial)
"""Measures nothing, where something may be measured beside."""


def add(a: Any, b: Any) -> Any:
    """Add two pytrees on the host: integers in int64, floats in float64.

    Raises:
        BadInput: arrays of two shapes, as of batches with different numbers of units.

    >>> add(np.int32(2**31 - 1), np.int32(1)).item()
    2147483648
    """
    return jax.tree.map(_sum, a, b)


def total(measure: Callable[..., Any] = lambda *batch: batch[0]) -> Statistic:
    """The sum over batches of a pytree; integers stay exact beyond 2^31.

    Args:
        measure: (*batch) -> pytree of arrays whose shapes do not depend on the batch.

    >>> positive = total(lambda x: (x > 0).sum())
    >>> accumulate(positive, [(np.array([1, -1]),), (np.array([2, 3]),)]).item()
    3
    """
    return Statistic(measure, add, lambda partial: jax.tree.map(_wide, partial))


def _sum(x, y):
    x, y = _wide(x), _wide(y)
    if x.shape != y.shape and x.ndim and y.ndim:
        raise BadInput(
            f"`batches` give the shapes {x.shape} and {y.shape}, which do not add up; "
            "all must have the same units"
        )
    return np.add(x, y)


def _wide(x):
    integer = np.issubdtype(np.asarray(x).dtype, np.integer)
    return np.asarray(x, np.int64 if integer else np.float64)


class TopExamples(NamedTuple):
    """The examples on which each unit peaks highest, best first.

    Attributes:
        peaks: [U k] the units' peaks.
        indices: [U k] which example each peak belongs to.
    """

    peaks: Float[np.ndarray, "U k"]
    indices: Int[np.ndarray, "U k"]


def top_examples(k: int) -> Statistic:
    """The k examples with the highest peak of every unit; ties go to the lower index.

    Args:
        k: examples to keep, at least 1; fewer are returned where the data set is
            smaller.

    Returns:
        A Statistic: batches are (peaks [B U], indices [B]), the value is a
        `TopExamples`.

    Raises:
        BadInput: no examples to keep, peaks that are not finite or of other units than
            before, or other numbers of peaks than of indices.

    >>> batch = (np.array([[1.0], [5.0]]), np.array([7, 8]))
    >>> top = accumulate(top_examples(1), [batch])
    >>> top.indices.tolist(), top.peaks.tolist()
    ([[8]], [[5.0]])
    """

    check_number("k", k)

    def best(peaks, indices) -> TopExamples:
        order = np.lexsort((indices, -peaks), axis=-1)[:, :k]
        return TopExamples(
            np.take_along_axis(peaks, order, -1), np.take_along_axis(indices, order, -1)
        )

    def measure(peaks, indices) -> TopExamples:
        peaks, indices = np.asarray(peaks).T, np.asarray(indices)
        check_shape("peaks", peaks.T, "B U", B=len(indices))
        check_not_empty("peaks", peaks.T, "B U")
        check_real("peaks", peaks)
        return best(peaks, np.broadcast_to(indices, peaks.shape))

    def merge(a: TopExamples, b: TopExamples) -> TopExamples:
        check_shape("peaks", b.peaks.T, "B U", U=len(a.peaks))
        return best(*(np.concatenate(pair, axis=1) for pair in zip(a, b, strict=True)))

    return Statistic(measure, merge, lambda top: top)
