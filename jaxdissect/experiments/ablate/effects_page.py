"""What units do, as one HTML page, where nobody knows what they look for."""

from collections.abc import Mapping, Sequence

from jaxdissect.experiments.dissect.effect_cards import ClassCard, UnitEffects
from jaxdissect.pages import base, numbers


def render(
    title: str,
    facts: Mapping[str, str],
    effects: Sequence[UnitEffects],
    classes: Sequence[ClassCard],
) -> str:
    """Write the page: what each class relies on, and what every unit costs.

    Args:
        title: of the page.
        facts: what was measured and how, in reading order.
        effects: of each unit, in order of unit number.
        classes: in reading order.

    Returns:
        HTML, to be written in UTF-8; units are in the order of the largest drop of
        log-probability of a class they serve.

    >>> page = render("conv5", {}, [UnitEffects(0.0, 0.0, 0.0, ())], [])
    >>> page[:15], page.count('<article class="card')
    ('<!doctype html>', 1)
    """
    environment = base.environment(amount=numbers.amount)
    environment.globals["interval"] = numbers.interval
    cost = [max([s.nats for s in e.services], default=0.0) for e in effects]
    order = sorted(range(len(effects)), key=lambda unit: -cost[unit])
    return environment.get_template("effects_page.html.j2").render(
        title=title,
        facts=facts,
        effects=[(unit, effects[unit]) for unit in order],
        classes=classes,
        colour={},
        nameless="",
    )
