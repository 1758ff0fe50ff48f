"""What attacks found: everything there is to say, and in words."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from jaxdissect.experiments.attack.page import Moved
from jaxdissect.experiments.attack.results import (
    ALL,
    Attacks,
    RoleEffect,
    Roles,
    StepEffect,
    UnitEffects,
)
from jaxdissect.experiments.dissect.cards import UnitCard

MEASURES = ("activation", "share of scale")
"""A unit's peak as it is, and over its mean peak on its top images."""


class Measured(NamedTuple):
    """Changes in one measure.

    Attributes:
        changes: [P U] of every unit's peak.
        roles: of every attack.
        role_effects: means over images.
        unit_effects: {target: of every unit}.
    """

    changes: np.ndarray
    roles: Roles
    role_effects: list[RoleEffect]
    unit_effects: dict[int, UnitEffects]


class Findings(NamedTuple):
    """All there is to say.

    Attributes:
        classes: [K] names.
        cards: [U] what each unit looks for.
        important: [K n] the units that matter most to each class.
        attacks: what was done.
        measured: {measure: changes in it}.
        steps: what single steps come to.
    """

    classes: tuple[str, ...]
    cards: list[UnitCard]
    important: np.ndarray
    attacks: Attacks
    measured: Mapping[str, Measured]
    steps: list[StepEffect]

    def name(self, target: int) -> str:
        """Of a class, or "all"."""
        return "all" if target == ALL else self.classes[target]


def sentences(found: Findings) -> list[str]:
    """What was found, in words."""
    done, number = found.attacks, len(found.attacks.success)
    good = done.success
    if not good.any():
        return [f"None of {number} attacks succeeds."]
    said = [
        f"{good.sum()} of {number} attacks succeed ({100 * good.mean():.0f} %), "
        f"{(good & done.rounded).sum()} of them in 8 bits, too. The L2 norm of the "
        f"change is {done.distance[good].mean():.3g} and the largest change of a pixel "
        f"{255 * done.largest[good].mean():.1f} / 255, on average."
    ]
    return said + [
        _said_of(measure, {e.role: e for e in of.role_effects if e.target == ALL})
        for measure, of in found.measured.items()
        if any(effect.target == ALL for effect in of.role_effects)
    ]


def _said_of(measure: str, effects: Mapping[str, RoleEffect]) -> str:
    others = effects["others"].mean
    said = {
        "target": "units that matter most to the target",
        "source": "those that matter most to the source",
        "random": "random ones",
    }
    parts = [
        f"{whose} by {effects[role].mean:.3g} ({_times(effects[role].mean, others)}, "
        f"q = {effects[role].q:.2g}; with its sign {effects[role].signed:+.3g})"
        for role, whose in said.items()
    ]
    return (
        f"Peaks move, in {measure} and over all targets, of {', of '.join(parts)}; of "
        f"all others by {others:.3g}."
    )


def moved_most(
    cards: Sequence[UnitCard],
    changes: np.ndarray,
    number: int,
    ends: tuple[np.ndarray, np.ndarray] | None = None,
) -> tuple[list[Moved], list[Moved]]:
    """The units that rise most and fall most, at most `number` of each.

    Args:
        cards: [U] what each unit looks for.
        changes: [U] signed shares of the units' scales.
        number: of each kind.
        ends: of the changes' intervals; units whose interval has 0 in it are left out.
    """
    sure = np.ones(len(changes), bool) if ends is None else ends[0] * ends[1] > 0
    orders = (np.argsort(-changes, kind="stable"), np.argsort(changes, kind="stable"))
    both: list[list[Moved]] = []
    for sign, order in zip((1, -1), orders, strict=True):
        units = [u for u in order.tolist() if sure[u] and sign * changes[u] > 0]
        both.append(
            [
                Moved(name_of(cards[u]), u, float(changes[u]), _interval(ends, u))
                for u in units[:number]
            ]
        )
    return both[0], both[1]


def name_of(card: UnitCard) -> str:
    """What a unit looks for; in brackets where it hardly does.

    >>> name_of(UnitCard(0, "", "", 0.0, False, 1.0, "", (), ()))
    '(nothing)'
    """
    label = card.label or "nothing"
    return label if card.is_detector else f"({label})"


def _interval(ends: tuple[np.ndarray, np.ndarray] | None, unit: int) -> str:
    if ends is None:
        return ""
    low, high = (100 * values[unit] for values in ends)
    return f"{low:.0f} to {high:.0f}"


def _times(mean: float, others: float) -> str:
    return f"{mean / others:.2f} times the others" if others > 0 else "the others stay"
