"""What units do to the classes, as a page shows it.

Drops are kept as fractions, positive where removing the unit costs something; the page
shows them in points (hundredths).
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from jaxdissect.errors import BadInput
from jaxdissect.experiments.dissect.cards import UnitCard
from jaxdissect.pages.numbers import plain


class Service(NamedTuple):
    """One class that a unit serves.

    Attributes:
        class_name: the class; any characters.
        drop: of the class's balanced accuracy when the unit is removed, a fraction in
            [-1, 1]; negative where the class gains.
        low: lower end of the drop's 95 % interval.
        high: upper end.
        nats: drop of the mean log-probability of the class's images, in nats.
        significant: whether the class's images lose more answers than chance allows, at
            a false-discovery rate of 5 %.
    """

    class_name: str
    drop: float
    low: float
    high: float
    nats: float
    significant: bool


class ClassUnit(NamedTuple):
    """One unit that a class relies on.

    Attributes:
        unit: its number, 0-based.
        label: its best concept; empty for a unit without one.
        category: that concept's category, or empty.
        iou: its IoU with that concept, in [0, 1].
        drop: of the class's balanced accuracy without the unit, as in `Service`.
        low: lower end of the drop's 95 % interval.
        high: upper end.
        nats: drop of the mean log-probability of the class's images, in nats.
    """

    unit: int
    label: str
    category: str
    iou: float
    drop: float
    low: float
    high: float
    nats: float


class ClassCard(NamedTuple):
    """A class and the units it relies on.

    Attributes:
        name: the class; any characters.
        recall: with all units, in [0, 1].
        balanced_accuracy: with all units, in [0, 1]; chance is 0.5.
        units: the most important ones, most important first.
    """

    name: str
    recall: float
    balanced_accuracy: float
    units: tuple[ClassUnit, ...]


class UnitEffects(NamedTuple):
    """What removing one unit costs, overall and by class.

    Attributes:
        top1_drop: of the accuracy over all images, a fraction in [-1, 1].
        low: lower end of its 95 % interval.
        high: upper end.
        services: the classes the unit serves, most important first; may be empty.
    """

    top1_drop: float
    low: float
    high: float
    services: tuple[Service, ...]


def by_unit(
    cards: Sequence[UnitCard], effects: Sequence[UnitEffects]
) -> dict[int, UnitEffects]:
    """Every unit's effects under its number.

    Raises:
        BadInput: `effects` has another length than `cards`, and is not empty.

    >>> card = UnitCard(0, "roof", "part", 0.1, True, 1.0, "", (), ())
    >>> by_unit([card], [UnitEffects(0.01, 0.0, 0.02, ())])[0].top1_drop
    0.01
    """
    if effects and len(effects) != len(cards):
        raise BadInput(
            f"`effects` has {len(effects)} entries for {len(cards)} units; it must "
            "have one for each or none"
        )
    units = sorted(card.unit for card in cards)
    return dict(zip(units, effects, strict=False))


def check_units(cards: Sequence[UnitCard], classes: Iterable[ClassCard]) -> None:
    """Refuse classes that rely on a unit without a card: its link would lead nowhere.

    >>> unit = ClassUnit(3, "roof", "part", 0.1, 0.01, 0.0, 0.02, 0.3)
    >>> check_units([], [ClassCard("farm", 0.99, 0.99, (unit,))])
    Traceback (most recent call last):
    jaxdissect.errors.BadInput: `classes` names unit 3 for 'farm', which has no card
    """
    known = {card.unit for card in cards}
    for entry in classes:
        for unit in entry.units:
            if unit.unit not in known:
                raise BadInput(
                    f"`classes` names unit {unit.unit} for {entry.name!r}, which has "
                    "no card"
                )


def served_classes(
    effects: Iterable[UnitEffects], classes: Iterable[ClassCard] = ()
) -> list[str]:
    """The classes that some unit serves, each once, in the order of `classes`.

    >>> service = Service("farm", 0.1, 0.0, 0.2, 1.0, True)
    >>> effects = UnitEffects(0.0, 0.0, 0.0, (service,))
    >>> served_classes([effects], [ClassCard("park", 0.9, 0.9, ())])
    ['farm']
    """
    served = dict.fromkeys(s.class_name for unit in effects for s in unit.services)
    order = dict.fromkeys([*(entry.name for entry in classes), *served])
    return [name for name in order if name in served]


def page_data(
    effects: Mapping[int, UnitEffects], classes: Sequence[ClassCard]
) -> dict[str, Any]:
    """What the page's script and other programs read: each only where there are any."""
    data: dict[str, Any] = {}
    if effects:
        data["effects"] = {unit: plain(effect) for unit, effect in effects.items()}
    if classes:
        data["classes"] = [plain(entry) for entry in classes]
    return data
