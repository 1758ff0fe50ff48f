"""The result of a dissection as one HTML page that needs nothing but a browser."""

from collections.abc import Mapping, Sequence
from typing import Any

import jinja2

from jaxdissect.dissection import Protocol
from jaxdissect.reports import effect_cards
from jaxdissect.reports.cards import Headline, UnitCard
from jaxdissect.reports.effect_cards import ClassCard, UnitEffects
from jaxdissect.reports.histogram import PLOT_HEIGHT, SLOPE, histogram

PALETTE_SIZE = 6
"""Colours in the style sheet; further categories begin again with the first."""


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
) -> str:
    """Write the page: what every unit looks for and, if measured, what it does.

    It is complete without a network and readable without JavaScript, which adds
    sorting and filters. All texts may hold any characters.

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
    return (
        _environment()
        .get_template("dissection.html.j2")
        .render(
            title=title,
            facts=facts,
            headline=headline,
            cards=sorted(cards, key=lambda card: (-card.iou, card.unit)),
            categories=categories,
            colour={name: i % PALETTE_SIZE for i, name in enumerate(categories)},
            protocol=protocol,
            # Bars of IoU fill their track at the best unit of the layer.
            full_iou=max([card.iou for card in cards] + [2 * protocol.min_iou]),
            chart=chart,
            plot_height=PLOT_HEIGHT,
            slope=SLOPE,
            legend=_legend(chart.bars, categories),
            data=_data(cards, categories)
            | effect_cards.page_data(does["effects"], classes),
            **does,
        )
    )


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("jaxdissect.reports", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["amount"] = effect_cards.amount
    environment.globals["interval"] = effect_cards.interval
    # A NaN would make the page's JSON unreadable: better no page than a broken one.
    environment.policies["json.dumps_kwargs"] = {"allow_nan": False}
    return environment


def _what_units_do(cards, effects, classes) -> dict[str, Any]:
    effect_cards.check_units(cards, classes)
    return {
        "effects": effect_cards.effects_by_unit(cards, effects),
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
    units = [
        {
            "unit": card.unit,
            "label": card.label,
            "category": card.category,
            "iou": card.iou,
            "is_detector": card.is_detector,
            "threshold": card.threshold,
            "runners_up": [match._asdict() for match in card.runners_up],
        }
        for card in cards
    ]
    return {"categories": list(categories), "units": units}
