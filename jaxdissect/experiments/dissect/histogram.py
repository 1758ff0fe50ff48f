"""How many units detect each concept, as the geometry of a bar chart."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from jaxdissect.experiments.dissect.cards import UnitCard

PLOT_HEIGHT = 150
CATEGORY_GAP = 12
STEPS = (15, 30)
"""Narrowest and widest distance between bars, in pixels."""

FULL_WIDTH = 1100
"""Pixels the bars may take before they get as narrow as they can."""

LETTER = 7.0
"""Mean width of a letter of the concept names, in pixels."""

SLOPE = 55
"""Angle of the names, in degrees."""


class Bar(NamedTuple):
    """One concept: the units that detect it and where its bar stands."""

    label: str
    category: str
    units: tuple[int, ...]
    x: float
    height: float


class Histogram(NamedTuple):
    """A bar chart, in pixels; the origin of bars is the lower left of the plot.

    Attributes:
        bars: from left to right.
        ticks: (number of units, height) of the horizontal lines.
        bar_width: of every bar.
        plot_width: of the bars and the gaps between them.
        left: margin that keeps the first names on the picture.
        bottom: margin for the names.
    """

    bars: list[Bar]
    ticks: list[tuple[int, float]]
    bar_width: float
    plot_width: float
    left: int
    bottom: int


def histogram(cards: Sequence[UnitCard], categories: Sequence[str]) -> Histogram:
    """Bars of the concepts that detectors detect, grouped by category.

    Args:
        cards: of all units; those that are no detectors are left out.
        categories: the order of the groups.

    Returns:
        Within a group the most detected concept first, then by name; no bars where
        there is no detector.

    >>> card = UnitCard(3, "roof", "part", 0.1, True, 1.0, "", (), ())
    >>> [bar[:3] for bar in histogram([card], ["part"]).bars]
    [('roof', 'part', (3,))]
    """
    units: dict[tuple[str, str], list[int]] = {}
    for card in sorted(cards):
        if card.is_detector:
            units.setdefault((card.label, card.category), []).append(card.unit)
    concepts = sorted(units, key=lambda c: (categories.index(c[1]), -len(units[c]), c))
    peak = max(map(len, units.values()), default=1)
    low, high = STEPS
    step = min(high, max(low, FULL_WIDTH / max(len(concepts), 1)))
    bars = []
    x = step / 2
    for i, concept in enumerate(concepts):
        if i and concept[1] != concepts[i - 1][1]:
            x += CATEGORY_GAP
        height = PLOT_HEIGHT * len(units[concept]) / peak
        bars.append(Bar(*concept, tuple(units[concept]), round(x, 1), round(height, 1)))
        x += step
    return Histogram(
        bars, _ticks(peak), round(0.7 * step, 1), round(x, 1), *_margins(bars)
    )


def _ticks(peak: int) -> list[tuple[int, float]]:
    # The roundest distance that gives at most five lines above zero.
    magnitudes = (k * 10**e for e in range(9) for k in (1, 2, 5))
    step = next(size for size in magnitudes if peak / size <= 5)
    counts = range(0, peak + 1, step)
    return [(count, round(PLOT_HEIGHT * count / peak, 1)) for count in counts]


def _margins(bars: list[Bar]) -> tuple[int, int]:
    angle = math.radians(SLOPE)
    overhang = max(
        (LETTER * len(b.label) * math.cos(angle) - b.x for b in bars), default=0
    )
    longest = max((len(bar.label) for bar in bars), default=0)
    return round(max(36, overhang + 8)), round(LETTER * longest * math.sin(angle) + 16)
