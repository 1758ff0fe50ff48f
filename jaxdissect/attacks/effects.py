"""What attacks did to the units of a layer: means over images, intervals, tests."""

from collections.abc import Iterator
from typing import NamedTuple

import jax
import numpy as np
from jax import Array
from jaxtyping import Bool, Float, Int
from scipy import stats

from jaxdissect.attacks.peaks import RoleChanges, role_changes
from jaxdissect.base import AnyArray
from jaxdissect.intervals import Interval, bootstrap_mean
from jaxdissect.significance import false_discovery

LEVEL = 0.99
"""What the intervals aim to cover, as in the paper."""

ALL_TARGETS = -1
"""Stands for all targets together."""


class Attacks(NamedTuple):
    """P attacks, each of one image towards one class, and what came of them.

    Attributes:
        scenes: [P] numbers of the images.
        true: [P] their classes.
        sources: [P] what they were taken for.
        targets: [P] what they were to be taken for.
        is_shown: [P] whether the attacked image is kept.
        success: [P] whether the attack found an image taken for the target.
        distance: [P] the change's L2 norm, infinite where it did not.
        largest: [P] the largest change of a pixel's channel.
        rounded: [P] whether the image is taken for the target in 8 bits, too.
        changes: [P U] of every unit's peak.
        stepped: [P 2 S] what the image is taken for after one step of each size: away
            from the source, and towards the target.
        images: [Q H W 3] the attacked images that are kept, in order.
    """

    scenes: Int[np.ndarray, "P"]
    true: Int[np.ndarray, "P"]
    sources: Int[np.ndarray, "P"]
    targets: Int[np.ndarray, "P"]
    is_shown: Bool[np.ndarray, "P"]
    success: Bool[np.ndarray, "P"]
    distance: Float[np.ndarray, "P"]
    largest: Float[np.ndarray, "P"]
    rounded: Bool[np.ndarray, "P"]
    changes: Float[np.ndarray, "P U"]
    stepped: Int[np.ndarray, "P 2 S"]
    images: Float[np.ndarray, "Q H W 3"]


class RoleEffect(NamedTuple):
    """How much units of a role move when images are attacked.

    Attributes:
        target: class aimed at, or `ALL_TARGETS`.
        role: a field of `RoleChanges`.
        images: different images behind the numbers.
        signed: change of the units' peaks, averaged over units and images.
        mean: absolute change, likewise.
        low: lower end of its interval.
        high: upper end.
        excess: by how much it exceeds the others' on the same images.
        excess_low: lower end of its interval.
        excess_high: upper end.
        q: of the test that it does not, among all such tests; 1 for the others.
    """

    target: int
    role: str
    images: int
    signed: float
    mean: float
    low: float
    high: float
    excess: float
    excess_low: float
    excess_high: float
    q: float


def shares_of_scale(
    changes: Float[AnyArray, "*N U"], scale: Float[AnyArray, "U"]
) -> Float[np.ndarray, "*N U"]:
    """Changes as shares of the units' scales; 0 for a unit without one.

    Args:
        changes: of peaks.
        scale: how high each unit usually peaks where it is most active; a unit that
            never is has none.

    >>> shares_of_scale(np.array([[1.0, 1.0]]), np.array([4.0, 0.0])).tolist()
    [[0.25, 0.0]]
    """
    scale = np.asarray(scale, np.float64)
    return np.where(scale > 0, changes / np.where(scale > 0, scale, 1), 0.0)


class SignedRoles(NamedTuple):
    """Changes by role, image by image.

    Attributes:
        absolute: mean absolute changes.
        signed: mean changes of the same units.
    """

    absolute: RoleChanges
    signed: RoleChanges


def signed_role_changes(
    key: Array, attacks: Attacks, changes: AnyArray, important: Int[np.ndarray, "K n"]
) -> SignedRoles:
    """`attacks.role_changes` of every attack, and the same with signs.

    Args:
        key: PRNG key for the random units, consumed.
        attacks: the attacks.
        changes: [P U] their changes, in any measure.
        important: units that matter most to each class.
    """
    about = (important, attacks.sources, attacks.targets)
    absolute = role_changes(key, changes, *about)
    # The same key draws the same units; a change is twice its rise less its size.
    rises = role_changes(key, np.maximum(changes, 0), *about)
    signed = [2 * rise - size for rise, size in zip(rises, absolute, strict=True)]
    return SignedRoles(absolute, RoleChanges(*signed))


def role_effects(key: Array, attacks: Attacks, roles: SignedRoles) -> list[RoleEffect]:
    """How much each role's units move, by target and over all of them.

    Only attacks that succeed count. Over all targets, an image counts once, with the
    mean of its attacks, so that intervals and tests are over independent images. The
    test is Wilcoxon's signed-rank test of a role against the others, image by image;
    false discoveries are held down over all tests of the table.

    Args:
        key: PRNG key, consumed.
        attacks: the attacks.
        roles: of each of them.

    Returns:
        Four for every target with two successes or more, then four for all.

    Reference:
        Wilcoxon, Individual comparisons by ranking methods, Biometrics Bulletin 1945.
    """
    effects: list[RoleEffect] = []
    for target, rows in groups(attacks):
        scenes = attacks.scenes[rows]
        others = by_image(scenes, roles.absolute.others[rows])
        for role in RoleChanges._fields:
            key, use = jax.random.split(key)
            size, signed = (
                by_image(scenes, getattr(changes, role)[rows]) for changes in roles
            )
            effects.append(_role_effect(use, target, role, size, signed, others))
    tested = [effect for effect in effects if effect.role != "others"]
    q_values = iter(false_discovery(np.array([effect.q for effect in tested])).tolist())
    return [
        effect if effect.role == "others" else effect._replace(q=next(q_values))
        for effect in effects
    ]


def _role_effect(key, target, role, size, signed, others) -> RoleEffect:
    excess = size - others
    ends = bootstrap_mean(key, np.stack([size, excess]), level=LEVEL)
    (low, excess_low), (high, excess_high) = (e.tolist() for e in ends)
    return RoleEffect(
        target,
        role,
        images=len(size),
        signed=signed.mean().item(),
        mean=size.mean().item(),
        low=low,
        high=high,
        excess=excess.mean().item(),
        excess_low=excess_low,
        excess_high=excess_high,
        q=_wilcoxon(excess),
    )


class UnitEffects(NamedTuple):
    """How each unit's peak changes, on average over the images aimed at a class.

    Attributes:
        mean: [U] signed.
        interval: of it.
    """

    mean: Float[np.ndarray, "U"]
    interval: Interval


def unit_effects(
    key: Array, attacks: Attacks, changes: AnyArray
) -> dict[int, UnitEffects]:
    """The signed change of every unit's peak, by target, and over `ALL_TARGETS`.

    Args:
        key: PRNG key, consumed.
        attacks: the attacks; only those that succeed count.
        changes: [P U] their changes, in any measure.

    Returns:
        {target: effects}, of targets with two successes or more.
    """
    effects = {}
    for target, rows in groups(attacks):
        key, use = jax.random.split(key)
        values = by_image(attacks.scenes[rows], np.asarray(changes)[rows])
        ends = bootstrap_mean(use, values.T, level=LEVEL)
        effects[target] = UnitEffects(values.mean(0), ends)
    return effects


def groups(attacks: Attacks) -> Iterator[tuple[int, Int[np.ndarray, "N"]]]:
    """(target, its attacks that succeed), then (`ALL_TARGETS`, all of them)."""
    rows = np.flatnonzero(attacks.success)
    for target in dict.fromkeys(attacks.targets.tolist()):
        own = rows[attacks.targets[rows] == target]
        if len(own) > 1:
            yield target, own
    if len(np.unique(attacks.scenes[rows])) > 1:
        yield ALL_TARGETS, rows


def by_image(
    scenes: Int[np.ndarray, "N"], values: Float[np.ndarray, "N *more"]
) -> Float[np.ndarray, "M *more"]:
    """Means over the rows of the same image.

    >>> by_image(np.array([7, 9, 7]), np.array([1.0, 5.0, 3.0])).tolist()
    [2.0, 5.0]
    """
    images, inverse = np.unique(scenes, return_inverse=True)
    totals = np.zeros((len(images), *values.shape[1:]))
    np.add.at(totals, inverse, values)
    counts = np.bincount(inverse).reshape(-1, *[1] * (values.ndim - 1))
    return totals / counts


class AttackEffects(NamedTuple):
    """What attacks do to units, with changes in one measure.

    Attributes:
        changes: [P U] of every unit's peak.
        roles: of every attack.
        role_effects: means over images.
        unit_effects: {target: of every unit}.
    """

    changes: Float[np.ndarray, "P U"]
    roles: SignedRoles
    role_effects: list[RoleEffect]
    unit_effects: dict[int, UnitEffects]


def attack_effects(
    key: Array, attacks: Attacks, changes: AnyArray, important: Int[np.ndarray, "K n"]
) -> AttackEffects:
    """All of it; with the same key, of the same random units in every measure.

    Args:
        key: PRNG key, consumed.
        attacks: the attacks.
        changes: [P U] their changes, in any measure.
        important: units that matter most to each class.
    """
    keys = jax.random.split(key, 3)
    roles = signed_role_changes(keys[0], attacks, changes, important)
    return AttackEffects(
        np.asarray(changes),
        roles,
        role_effects(keys[1], attacks, roles),
        unit_effects(keys[2], attacks, changes),
    )


class StepEffect(NamedTuple):
    """What single steps along the sign of a gradient come to.

    Attributes:
        towards_target: whether towards the target, or away from the source.
        size: of the step, in every pixel.
        hits: share of the images taken for the target then.
        errors: share taken for anything else than before.
    """

    towards_target: bool
    size: float
    hits: float
    errors: float


def step_effects(attacks: Attacks, sizes: tuple[float, ...]) -> list[StepEffect]:
    """How often one step suffices, for every direction and size."""
    hits = (attacks.stepped == attacks.targets[:, None, None]).mean(0)
    errors = (attacks.stepped != attacks.sources[:, None, None]).mean(0)
    return [
        StepEffect(bool(way), size, float(hits[way, s]), float(errors[way, s]))
        for way in range(2)
        for s, size in enumerate(sizes)
    ]


def _wilcoxon(differences: Float[np.ndarray, "N"]) -> float:
    if not differences.any():
        return 1.0
    return float(stats.wilcoxon(differences).pvalue)
