"""How often units take which values: the histogram behind a threshold."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from jaxdissect.base import AnyArray, Statistic
from jaxdissect.streaming import total

SIDE = 16
"""Cells along an axis that a histogram looks at; of finer maps every n-th only."""


class Extrema(NamedTuple):
    """The least and the greatest value of every unit."""

    low: Float[np.ndarray, "U"]
    high: Float[np.ndarray, "U"]


class Activity(NamedTuple):
    """A histogram of each unit's values.

    Attributes:
        edges: [U N + 1] of the bins, equally wide between the unit's extrema.
        counts: [U N] values in each bin.
    """

    edges: Float[np.ndarray, "U E"]
    counts: Int[np.ndarray, "U N"]


def extrema() -> Statistic:
    """The least and the greatest value of every unit; batches are (acts [B H W U],).

    >>> from jaxdissect.streaming import accumulate
    >>> acts = np.array([[[[1.0], [3.0]]]], np.float32)
    >>> accumulate(extrema(), [(acts,)]).high.tolist()
    [3.0]
    """

    def measure(acts: Float[AnyArray, "B H W U"], *_) -> Extrema:
        values = np.asarray(acts).reshape(-1, acts.shape[-1])
        return Extrema(values.min(0), values.max(0))

    def merge(a: Extrema, b: Extrema) -> Extrema:
        return Extrema(np.minimum(a.low, b.low), np.maximum(a.high, b.high))

    return Statistic(measure, merge, lambda found: found)


def histogram(found: Extrema, num_bins: int = 40) -> Statistic:
    """Counts of every unit's values between its extrema.

    Of maps finer than 16 x 16 cells every n-th cell is counted, as a picture of the
    distribution needs no more.

    Args:
        found: from `extrema`, of the same images.
        num_bins: N.

    Returns:
        A Statistic: batches are (acts [B H W U],), the value is an `Activity`.

    >>> from jaxdissect.streaming import accumulate
    >>> acts = np.array([[[[1.0], [3.0], [3.0]]]], np.float32)
    >>> low, high = np.ones(1, np.float32), np.full(1, 3.0, np.float32)
    >>> accumulate(histogram(Extrema(low, high), 2), [(acts,)]).counts.tolist()
    [[1, 2]]
    """
    edges = np.linspace(found.low, found.high, num_bins + 1, axis=-1)
    counted = total(lambda acts, *_: _histogram(acts, found.low, found.high, num_bins))
    return counted._replace(
        value=lambda partial: Activity(edges, counted.value(partial))
    )


def _histogram(acts, low, high, num_bins):
    # numpy, as comparing every value with every bin takes ten times as long.
    num_units = acts.shape[-1]
    steps = [-(-cells // SIDE) for cells in acts.shape[1:3]]
    values = np.asarray(acts[:, :: steps[0], :: steps[1]]).reshape(-1, num_units)
    width = np.where(high > low, high - low, np.float32(1)) / num_bins
    bins = np.clip(((values - low) / width).astype(np.int32), 0, num_bins - 1)
    cells = (bins + num_bins * np.arange(num_units)).ravel()
    counts = np.bincount(cells, minlength=num_units * num_bins)
    return counts.reshape(num_units, num_bins)
