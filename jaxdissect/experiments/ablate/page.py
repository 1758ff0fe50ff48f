"""The page of a layer's ablation: what units do and, where it is known, look for."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool

from jaxdissect import metrics
from jaxdissect.ablation.layer_effects import LayerEffects
from jaxdissect.data import scene_rendering as scenes
from jaxdissect.experiments import dissect
from jaxdissect.pages import base, numbers

if TYPE_CHECKING:
    from jaxdissect.experiments.ablate.experiment import LayerResult


def page(result: "LayerResult") -> str:
    """What every unit does and, where it is known, looks for, as HTML."""
    effects, units, top = result.effects, result.dissected, result.summary["top"]
    does = unit_effect_cards(effects, top)
    if units is None:
        return _without_labels(result, does, class_cards(effects, [], top))
    return dissect.render(
        f"What {result.layer} looks for, and what it does",
        result.facts,
        units.headline,
        units.cards,
        getattr(units, "categories", scenes.CATEGORIES),
        units.protocol,
        effects=does,
        classes=class_cards(effects, units.cards, top),
    )


def _without_labels(
    result: "LayerResult",
    effects: Sequence[dissect.UnitEffects],
    classes: Sequence[dissect.ClassCard],
) -> str:
    """What units do, where nobody knows what they look for.

    Units are in the order of the largest drop of log-probability of a class they serve.
    """
    environment = base.environment(amount=numbers.amount)
    environment.globals["interval"] = numbers.interval
    cost = [max([s.nats for s in unit.services], default=0.0) for unit in effects]
    order = sorted(range(len(effects)), key=lambda unit: -cost[unit])
    return environment.get_template("effects_page.html.j2").render(
        title=f"What {result.layer} does",
        facts=result.facts,
        effects=[(unit, effects[unit]) for unit in order],
        classes=classes,
        colour={},
        nameless="",
    )


def unit_effect_cards(effects: LayerEffects, top: int) -> list[dissect.UnitEffects]:
    """What every unit costs, and the classes it serves.

    A unit serves the classes in whose `top` most important units it is, by the ranking
    images, and those that lose answers without it beyond chance.
    """
    rank = np.argsort(effects.orders, 1)
    cards = []
    for unit, top1 in enumerate(effects.drops.top1.tolist()):
        serves = (rank[:, unit] < top) | _loses(effects, unit)
        classes = np.flatnonzero(serves)
        nats = effects.drops.log_probability[unit, classes]
        cards.append(
            dissect.UnitEffects(
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
    effects: LayerEffects, cards: Sequence[dissect.UnitCard], top: int
) -> list[dissect.ClassCard]:
    """Every class with the `top` units it relies on, and what those look for."""
    base = effects.units.base
    recall, balanced = metrics.recall(base), metrics.balanced_accuracy(base)
    return [
        dissect.ClassCard(
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


def _service(effects: LayerEffects, unit: int, k: int) -> dissect.Service:
    drop, low, high, nats = _costs(effects, unit, k)
    significant = bool(_loses(effects, unit)[k])
    return dissect.Service(effects.classes[k], drop, low, high, nats, significant)


def _class_unit(
    effects: LayerEffects, cards: Sequence[dissect.UnitCard], unit: int, k: int
) -> dissect.ClassUnit:
    costs = _costs(effects, unit, k)
    if not cards:
        return dissect.ClassUnit(unit, "", "", 0.0, *costs)
    card = cards[unit]
    return dissect.ClassUnit(unit, card.label, card.category, card.iou, *costs)


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
