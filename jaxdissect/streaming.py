"""Exact statistics of data sets larger than memory: one loop, many statistics.

Counts are exact: at most 2^24 per batch where float32 matrix products count, int32
otherwise, and int64 on the host across batches.
"""

import functools
import math
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float, Int, Shaped

from jaxdissect.base import BadInput, Statistic


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

    >>> both = combine(total=total(), largest=upper_quantile(0.25, 4))
    >>> result = accumulate(both, [(np.array([[1], [2]]),), (np.array([[3], [4]]),)])
    >>> result["total"].tolist(), result["largest"].tolist()
    ([[4], [6]], [4])
    """

    def measure(*batch):
        return {name: s.measure(*batch) for name, s in statistics.items()}

    def merge(a, b):
        return {name: s.merge(a[name], b[name]) for name, s in statistics.items()}

    def value(partial):
        return {name: s.value(partial[name]) for name, s in statistics.items()}

    return Statistic(measure, merge, value)


def add(a: Any, b: Any) -> Any:
    """Add two pytrees on the host: integers in int64, floats in float64.

    >>> add(np.int32(2**31 - 1), np.int32(1)).item()
    2147483648
    """
    return jax.tree.map(lambda x, y: np.add(_wide(x), _wide(y)), a, b)


def total(measure: Callable[..., Any] = lambda *batch: batch[0]) -> Statistic:
    """The sum over batches of a pytree; integers stay exact beyond 2^31.

    Args:
        measure: (*batch) -> pytree of arrays whose shapes do not depend on the batch.

    >>> positive = total(lambda x: (x > 0).sum())
    >>> accumulate(positive, [(np.array([1, -1]),), (np.array([2, 3]),)]).item()
    3
    """
    return Statistic(measure, add, lambda partial: jax.tree.map(_wide, partial))


def _wide(x):
    integer = np.issubdtype(np.asarray(x).dtype, np.integer)
    return np.asarray(x, np.int64 if integer else np.float64)


def tail_count(tail_mass: float, num_values: int) -> int:
    """k = ceil(tail_mass * num_values), the rank of the upper quantile from the top.

    A product within a relative 1e-9 of an integer counts as that integer: .01 * 300
    is 3.0000000000000004 in floating point and must not become 4.

    Raises:
        BadInput: `tail_mass` is not in (0, 1].

    >>> tail_count(0.01, 300), tail_count(0.01, 301)
    (3, 4)
    """
    if not 0 < tail_mass <= 1:
        raise BadInput(f"`tail_mass` is {tail_mass}; it must be in (0, 1]")
    product = tail_mass * num_values
    nearest = round(product)
    close = abs(product - nearest) <= 1e-9 * max(nearest, 1)
    return max(1, nearest if close else math.ceil(product))


def upper_quantile(tail_mass: float, num_values: int) -> Statistic:
    """The exact upper quantile of every unit: its k-th largest value.

    t_u = max {t : P[a_u >= t] >= q}, the k-th largest of all `num_values` values with
    k = ceil(q N). Keeps the k largest values seen, k x U floats.

    Args:
        tail_mass: q, the share of values above the threshold, in (0, 1].
        num_values: N, values per unit over the whole data set (images x positions).

    Returns:
        A Statistic: batches are (values [... U],), the value is [U].

    Raises:
        BadInput: another number of values arrived by the end.

    Reference:
        Bau et al., Understanding the role of individual units in a deep neural
        network, PNAS 2020, definition of t_u.

    >>> accumulate(upper_quantile(0.5, 4), [(np.array([[3.0], [1.0]]),),
    ...                                     (np.array([[2.0], [4.0]]),)]).tolist()
    [3.0]
    """
    k = tail_count(tail_mass, num_values)

    def largest(values: Shaped[np.ndarray, "M U"]) -> Shaped[np.ndarray, "k U"]:
        # numpy's introselect is several times faster than XLA's top_k on a CPU.
        return values if len(values) <= k else np.partition(values, -k, axis=0)[-k:]

    def measure(values, *_):
        values = np.asarray(values)
        values = values.reshape(-1, values.shape[-1])
        return largest(values), len(values)

    def merge(a, b):
        return largest(np.concatenate([a[0], b[0]])), a[1] + b[1]

    def value(partial):
        kept, seen = partial
        if seen != num_values:
            raise BadInput(
                f"`num_values` is {num_values}, but {seen} values per unit arrived; "
                "the rank of the quantile depends on their number"
            )
        return kept.min(axis=0)

    return Statistic(measure, merge, value)


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
        k: examples to keep; fewer are returned where the data set is smaller.

    Returns:
        A Statistic: batches are (peaks [B U], indices [B]), the value is a
        `TopExamples`.

    >>> batch = (np.array([[1.0], [5.0]]), np.array([7, 8]))
    >>> top = accumulate(top_examples(1), [batch])
    >>> top.indices.tolist(), top.peaks.tolist()
    ([[8]], [[5.0]])
    """

    def best(peaks, indices) -> TopExamples:
        order = np.lexsort((indices, -peaks), axis=-1)[:, :k]
        return TopExamples(
            np.take_along_axis(peaks, order, -1), np.take_along_axis(indices, order, -1)
        )

    def measure(peaks, indices) -> TopExamples:
        peaks = np.asarray(peaks).T
        return best(peaks, np.broadcast_to(np.asarray(indices), peaks.shape))

    def merge(a: TopExamples, b: TopExamples) -> TopExamples:
        return best(*(np.concatenate(pair, axis=1) for pair in zip(a, b, strict=True)))

    return Statistic(measure, merge, lambda top: top)
