"""What an ablation says of each unit and class, for the dissection's page."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool

from jaxdissect import metrics
from jaxdissect.ablation.layer_effects import LayerEffects
from jaxdissect.experiments.dissect.cards import UnitCard
from jaxdissect.experiments.dissect.effect_cards import (
    ClassCard,
    ClassUnit,
    Service,
    UnitEffects,
)


def unit_effect_cards(effects: LayerEffects, top: int) -> list[UnitEffects]:
    """What every unit costs, and the classes it serves.

    A unit serves the classes in whose `top` most important units it is, by the ranking
    images, and those that lose answers without it beyond chance.

    Args:
        effects: of the layer.
        top: units that count as a class's most important ones.
    """
    rank = np.argsort(effects.orders, 1)
    cards = []
    for unit, top1 in enumerate(effects.drops.top1.tolist()):
        serves = (rank[:, unit] < top) | _loses(effects, unit)
        classes = np.flatnonzero(serves)
        nats = effects.drops.log_probability[unit, classes]
        cards.append(
            UnitEffects(
                top1_drop=top1,
                low=effects.top1.low[unit].item(),
                high=effects.top1.high[unit].item(),
                services=tuple(
                    _service(effects, unit, k)
                    for k in classes[np.argsort(-nats, kind="stable")].tolist()
                ),
            )
        )
    return cards


def class_cards(
    effects: LayerEffects, cards: Sequence[UnitCard], top: int
) -> list[ClassCard]:
    """Every class with the units it relies on, and what those look for.

    Args:
        effects: of the layer.
        cards: what every unit looks for, in order of unit number, or none.
        top: units per class.
    """
    base = effects.units.base
    recall, balanced = metrics.recall(base), metrics.balanced_accuracy(base)
    return [
        ClassCard(
            name=name,
            recall=recall[k].item(),
            balanced_accuracy=balanced[k].item(),
            units=tuple(
                _class_unit(effects, cards, unit, k)
                for unit in effects.orders[k, :top].tolist()
            ),
        )
        for k, name in enumerate(effects.classes)
    ]


def _loses(effects: LayerEffects, unit: int) -> Bool[np.ndarray, "K"]:
    """Classes that lose answers without the unit beyond chance."""
    units = effects.units
    return effects.significant[unit] & (units.lost[unit] > units.gained[unit])


def _service(effects: LayerEffects, unit: int, k: int) -> Service:
    drop, low, high, nats = _costs(effects, unit, k)
    significant = bool(_loses(effects, unit)[k])
    return Service(effects.classes[k], drop, low, high, nats, significant)


def _class_unit(
    effects: LayerEffects, cards: Sequence[UnitCard], unit: int, k: int
) -> ClassUnit:
    costs = _costs(effects, unit, k)
    if not cards:
        return ClassUnit(unit, "", "", 0.0, *costs)
    return ClassUnit(
        unit, cards[unit].label, cards[unit].category, cards[unit].iou, *costs
    )


def _costs(
    effects: LayerEffects, unit: int, k: int
) -> tuple[float, float, float, float]:
    """Drop, both ends of its interval, and nats."""
    return (
        effects.drops.balanced[unit, k].item(),
        effects.balanced.low[unit, k].item(),
        effects.balanced.high[unit, k].item(),
        effects.drops.log_probability[unit, k].item(),
    )
