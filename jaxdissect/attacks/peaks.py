"""What an attack does to units: how much their peaks move.

Reference:
    Bau et al., Understanding the role of individual units in a deep neural network,
    PNAS 2020, Fig. 5.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Int

from jaxdissect.base import AnyArray
from jaxdissect.checking import (
    check_not_empty,
    check_numbers,
    check_real,
    check_shape,
)
from jaxdissect.errors import BadInput


def peak_changes(
    before: Float[AnyArray, "B H W U"], after: Float[AnyArray, "B H W U"]
) -> Float[Array, "B U"]:
    """How much each unit's highest activation rises, wherever it is.

    Args:
        before: activations on the images.
        after: on the attacked images.

    Raises:
        BadInput: maps of two shapes, empty ones, or values that are not finite.

    >>> before = jnp.array([[[[1.0, 5.0], [3.0, 0.0]]]])
    >>> peak_changes(before, 2 * before[:, :, ::-1]).tolist()
    [[3.0, 5.0]]
    """
    check_not_empty("before", before, "B H W U")
    sizes = dict(zip("BHWU", before.shape, strict=True))
    check_shape("after", after, "B H W U", **sizes)
    check_real("before", before)
    check_real("after", after)
    return jnp.max(after, (1, 2)) - jnp.max(before, (1, 2))


class RoleChanges(NamedTuple):
    """Mean absolute change of the peaks of groups of units, image by image.

    Attributes:
        target: [B] of the units that matter most to the class aimed at.
        source: [B] of those that matter most to the class predicted before.
        others: [B] of all units in neither group.
        random: [B] of as many units drawn at random.
    """

    target: Float[np.ndarray, "B"]
    source: Float[np.ndarray, "B"]
    others: Float[np.ndarray, "B"]
    random: Float[np.ndarray, "B"]


def role_changes(
    key: Array,
    changes: Float[AnyArray, "B U"],
    important: Int[AnyArray, "K n"],
    sources: Int[AnyArray, "B"],
    targets: Int[AnyArray, "B"],
) -> RoleChanges:
    """Whether an attack moves the units of the classes it is about, or any units.

    Args:
        key: PRNG key for the random units, consumed.
        changes: of every unit's peak, such as `peak_changes`.
        important: n different units that matter most to each class, found by removing
            units on other images.
        sources: the class each image was taken for.
        targets: the class it is taken for now, another one.

    Raises:
        BadInput: a source that is its image's target, no unit is left for the others,
            changes that are not finite, a unit or a class that is none, or other
            numbers of images.

    >>> changes = jnp.array([[3.0, -1.0, 0.5]])
    >>> found = role_changes(jax.random.key(0), changes, jnp.array([[0], [1]]),
    ...     jnp.array([1]), jnp.array([0]))
    >>> found.target.item(), found.source.item(), found.others.item()
    (3.0, 1.0, 0.5)
    """
    _check_roles(changes, important, sources, targets)
    size = np.abs(np.asarray(changes, np.float64))
    important, number = np.asarray(important), important.shape[-1]
    sources, targets = np.asarray(sources), np.asarray(targets)
    if (same := np.flatnonzero(sources == targets)).size:
        raise BadInput(
            f"`sources` has class {sources[same[0]]} for image {same[0]}, which is its "
            "target, too; the two must differ"
        )
    if 2 * number >= size.shape[1]:
        raise BadInput(
            f"`important` has {number} units for each class; of {size.shape[1]} units "
            "none need be left for the others"
        )
    rows = np.arange(len(size))[:, None]
    in_either = np.zeros(size.shape, bool)
    in_either[rows, important[sources]] = True
    in_either[rows, important[targets]] = True
    drawn = jax.random.uniform(key, size.shape).argsort(1)[:, :number]
    return RoleChanges(
        target=size[rows, important[targets]].mean(1),
        source=size[rows, important[sources]].mean(1),
        others=size.mean(1, where=~in_either),
        random=size[rows, np.asarray(drawn)].mean(1),
    )


def _check_roles(changes, important, sources, targets) -> None:
    check_shape("changes", changes, "B U")
    check_real("changes", changes)
    check_not_empty("important", important, "K n")
    check_shape("important", important, "K n")
    check_numbers("important", important, changes.shape[1])
    for name, classes in (("sources", sources), ("targets", targets)):
        check_shape(name, classes, "B", B=len(changes))
        check_numbers(name, classes, len(important))
