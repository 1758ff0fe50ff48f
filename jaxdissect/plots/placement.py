"""Where to write names beside dots so that they can be read."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

LETTER, LINE = 0.0102, 0.042
"""Width of a letter and height of a line, as shares of the axes."""

AWAY = 0.022
"""Horizontal distance of a name from its dot."""

RISES = (0.0, 0.05, -0.05, 0.1, -0.1, 0.15, -0.15)
"""Vertical distances to try, the best first."""

Box = tuple[float, float, float, float]


class Place(NamedTuple):
    """A name's anchor in axes coordinates, and the side of it that is anchored."""

    x: float
    y: float
    anchor: str


def place_names(
    dots: Float[np.ndarray, "U 2"], chosen: Int[np.ndarray, "m"], names: Sequence[str]
) -> list[Place]:
    """Put each name right or left of its dot where it covers least.

    Args:
        dots: [U 2] all dots, in axes coordinates from 0 to 1.
        chosen: [m] the dots to name, the most important first.
        names: [m] their names.

    Returns:
        [m] places. A name covers dots rather than another name or the margin.

    >>> place_names(np.array([[0.5, 0.5]]), np.array([0]), ["roof"])
    [Place(x=0.522, y=0.5, anchor='left')]
    """
    taken: list[Box] = []
    places = []
    for (x, y), name in zip(dots[chosen].tolist(), names, strict=True):
        options = [
            Place(round(x + side, 4), round(y + rise, 4), anchor)
            for rise in RISES
            for side, anchor in ((AWAY, "left"), (-AWAY, "right"))
        ]
        costs = [_cost(_box(place, name), dots, taken) for place in options]
        # The first of equals, hence the order of RISES.
        best = options[costs.index(min(costs))]
        taken.append(_box(best, name))
        places.append(best)
    return places


def _box(place: Place, name: str) -> Box:
    width = LETTER * len(name)
    left = place.x if place.anchor == "left" else place.x - width
    return left, place.y - LINE / 2, left + width, place.y + LINE / 2


def _cost(box: Box, dots, taken: list[Box]) -> int:
    left, low, right, high = box
    x, y = dots.T
    covered = ((left < x) & (x < right) & (low < y) & (y < high)).sum()
    crossed = sum(
        left < other_right
        and other_left < right
        and low < other_high
        and other_low < high
        for other_left, other_low, other_right, other_high in taken
    )
    outside = min(left, low, 1 - right, 1 - high) < 0
    return int(covered) + len(dots) * (crossed + outside)
