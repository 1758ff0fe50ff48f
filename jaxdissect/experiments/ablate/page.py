"""The page of a layer's ablation: what units do and, where it is known, look for."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

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
    does = unit_effects(effects, top)
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


def unit_effects(effects: LayerEffects, top: int) -> list[dissect.UnitEffects]:
    """What every unit costs, and the classes it serves.

    A unit serves the classes in whose `top` most important units it is, by the ranking
    images, and those that lose answers without it beyond chance.
    """
    place, units = np.argsort(effects.orders, 1), effects.units
    loses = effects.significant & (units.lost > units.gained)

    def service(unit: int, k: int) -> dissect.Service:
        significant = bool(loses[unit, k])
        return dissect.Service(
            effects.classes[k], *_costs(effects, unit, k), significant
        )

    cards = []
    for unit, top1 in enumerate(effects.drops.top1.tolist()):
        served = np.flatnonzero((place[:, unit] < top) | loses[unit])
        nats = effects.drops.log_probability[unit, served]
        order = served[np.argsort(-nats, kind="stable")].tolist()
        ends = effects.top1.low[unit].item(), effects.top1.high[unit].item()
        services = tuple(service(unit, k) for k in order)
        cards.append(dissect.UnitEffects(top1, *ends, services))
    return cards


def class_cards(
    effects: LayerEffects, cards: Sequence[dissect.UnitCard], top: int
) -> list[dissect.ClassCard]:
    """Every class with the `top` units it relies on; what those look for, if known."""
    base = effects.units.base
    recall, balanced = metrics.recall(base), metrics.balanced_accuracy(base)

    def relied_on(unit: int, k: int) -> dissect.ClassUnit:
        card = cards[unit] if cards else None
        label = (card.label, card.category, card.iou) if card else ("", "", 0.0)
        return dissect.ClassUnit(unit, *label, *_costs(effects, unit, k))

    return [
        dissect.ClassCard(
            name=name,
            recall=recall[k].item(),
            balanced_accuracy=balanced[k].item(),
            units=tuple(relied_on(u, k) for u in effects.orders[k, :top].tolist()),
        )
        for k, name in enumerate(effects.classes)
    ]


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
