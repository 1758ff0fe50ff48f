"""The result of a dissection as one HTML page that needs nothing but a browser."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jinja2

from jaxdissect.dissection import Protocol
from jaxdissect.dissection.certainty import MAX_Q
from jaxdissect.dissection.tally import Headline
from jaxdissect.experiments.dissect import effect_cards
from jaxdissect.experiments.dissect.cards import UnitCard
from jaxdissect.experiments.dissect.effect_cards import ClassCard, UnitEffects
from jaxdissect.pages import base, numbers
from jaxdissect.pages.tables import Cell, Table

PALETTE_SIZE = 6
"""Colours in the style sheet; further categories begin again with the first."""

IMAGES_PER_ROW = (6, 5)
"""Of a card, at most, on wide and on narrow screens."""

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


def render(
    title: str,
    facts: Mapping[str, str],
    headline: Headline,
    cards: Sequence[UnitCard],
    categories: Sequence[str],
    protocol: Protocol,
    *,
    effects: Sequence[UnitEffects] = (),
    classes: Sequence[ClassCard] = (),
    extra: Sequence[tuple[str, Table]] = (),
) -> str:
    """Write the page: what every unit looks for and, if measured, what it does.

    It is complete without a network and readable without JavaScript, which adds
    sorting, filters and the details of units. All texts may hold any characters.

    Args:
        title: of the page.
        facts: what was dissected and how, in reading order, such as network, layer,
            weights, accuracy, images, seed, versions, precision and date.
        headline: the layer's numbers.
        cards: one for every unit.
        categories: the concepts' categories in the order of chart and chips.
        protocol: the conventions the dissection followed.
        effects: what removing each unit costs, in order of unit number, or none.
        classes: what each class relies on, in reading order, or none.
        extra: (title, table) of further tables, shown below the chart.

    Returns:
        HTML, to be written in UTF-8.

    Raises:
        BadInput: `effects` not one for each unit; a unit in `classes` without a card.
        ValueError: a number that is not finite.

    Reference:
        Bau et al., Network Dissection, CVPR 2017, whose published pages this one
        follows: a chart of labels, and for every unit its top images.

    >>> from jaxdissect.dissection import PNAS20
    >>> card = UnitCard(0, "roof", "part", 0.1, True, 1.0, "data:,", ("farm",), ())
    >>> numbers = Headline(1, 1, 1, 1, 0.1, 0.1)
    >>> page = render("conv5", {"seed": "0"}, numbers, [card], ["part"], PNAS20)
    >>> page[:15], page.count('<article class="card')
    ('<!doctype html>', 1)
    """
    chart = histogram(cards, categories)
    does = _what_units_do(cards, effects, classes)
    chancy = any(c.is_detector and c.best.is_significant is False for c in cards)
    return (
        _environment()
        .get_template("dissection.html.j2")
        .render(
            title=title,
            facts=facts,
            headline=headline,
            cards=sorted(cards, key=_place if chancy else _by_iou),
            first_order="chance" if chancy else "iou",
            categories=categories,
            colour={name: i % PALETTE_SIZE for i, name in enumerate(categories)},
            protocol=protocol,
            tested=any(match.q is not None for card in cards for match in card.ranking),
            max_q=MAX_Q,
            nameless="no label",
            chart=chart,
            plot_height=PLOT_HEIGHT,
            slope=SLOPE,
            legend=_legend(chart.bars, categories),
            extra=extra,
            data=_data(cards, categories)
            | effect_cards.page_data(does["effects"], classes),
            **_layout(cards, protocol),
            **does,
        )
    )


def _by_iou(card: UnitCard) -> tuple[float, int]:
    return -card.iou, card.unit


def _place(card: UnitCard) -> tuple[bool, float, int]:
    """Detectors beyond chance come first."""
    return not (card.is_detector and card.best.is_significant), *_by_iou(card)


def _environment() -> jinja2.Environment:
    environment = base.environment(
        amount=numbers.amount, share=_share, q_value=_q_value, cell=_cell
    )
    environment.globals["interval"] = numbers.interval
    return environment


def _what_units_do(cards, effects, classes) -> dict[str, Any]:
    effect_cards.check_units(cards, classes)
    return {
        "effects": effect_cards.by_unit(cards, effects),
        "classes": classes,
        "served": effect_cards.served_classes(effects, classes),
    }


def _legend(bars, categories) -> list[tuple[str, int, int]]:
    counts = []
    for name in categories:
        group = [len(bar.units) for bar in bars if bar.category == name]
        counts.append((name, len(group), sum(group)))
    return [entry for entry in counts if entry[1]]


def _data(cards: Sequence[UnitCard], categories: Sequence[str]) -> dict[str, Any]:
    # The pictures and their captions are in the cards.
    units = [numbers.plain(card._replace(strip="", captions=())) for card in cards]
    for unit in units:
        del unit["strip"], unit["captions"]
    return {"categories": list(categories), "units": units}


def _layout(cards: Sequence[UnitCard], protocol: Protocol) -> dict[str, float]:
    """The IoU that fills a track, and how many pictures fill a row."""
    pictures = max([len(card.captions) for card in cards] + [1])
    values = [
        value for card in cards for value in (card.iou, card.high, card.best.chance)
    ]
    return {
        "full_iou": max([value or 0 for value in values] + [2 * protocol.min_iou]),
        "wide": _per_row(pictures, IMAGES_PER_ROW[0]),
        "narrow": _per_row(pictures, IMAGES_PER_ROW[1]),
    }


def _per_row(num: int, most: int) -> int:
    """Pictures per row, in as few and as even rows as possible."""
    rows = -(-num // most)
    return -(-num // rows)


def _share(part, whole) -> str:
    """A length or place on the page, nothing of nothing being none."""
    return f"{100 * part / (whole or 1):.2f}%"


def _q_value(q) -> str:
    return "q < 0.001" if q < 0.001 else f"q = {q:.3f}"


def _cell(cell: Cell) -> str:
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    return f"{cell:.3g}" if isinstance(cell, float) else str(cell)


class Bar(NamedTuple):
    """One concept: the units that detect it and where its bar stands."""

    label: str
    category: str
    units: tuple[int, ...]
    x: float
    height: float


class Histogram(NamedTuple):
    """A bar chart, in pixels; the origin of bars is the lower left of the plot.

    Ticks are (number of units, height); the margins keep the names on the picture.
    """

    bars: list[Bar]
    ticks: list[tuple[int, float]]
    bar_width: float
    plot_width: float
    left: int
    bottom: int


def histogram(cards: Sequence[UnitCard], categories: Sequence[str]) -> Histogram:
    """Bars of the concepts that detectors detect, grouped by category.

    Within a group the most detected concept comes first, then by name.

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
