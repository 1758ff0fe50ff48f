"""Which units an edit replaces, and by what.

Masks are named for what stays: a keep of 1 leaves the unit as it is, 0 replaces it.
"""

from collections.abc import Iterable, Sequence

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

ZERO = np.zeros(1, np.float32)
"""The replacement that removes units."""


def removal_keeps(
    order: Int[np.ndarray, "U"], counts: Iterable[int]
) -> Float[np.ndarray, "N U"]:
    """Edits that replace the first n units of an order, one edit for each n.

    To keep only the last m units of an order, replace the first U - m.

    Args:
        order: every unit's number once, the first to go first.
        counts: how many to replace, each between 0 and U.

    Raises:
        BadInput: `order` names a unit twice or not at all, or a count is out of range.

    >>> removal_keeps(np.array([2, 0, 1]), [0, 1, 2]).tolist()
    [[1.0, 1.0, 1.0], [1.0, 1.0, 0.0], [0.0, 1.0, 0.0]]
    """
    check_shape("order", order, "U")
    check_not_empty("order", order, "U")
    check_numbers("order", order)
    num_units = len(order)
    numbers, times = np.unique(order, return_counts=True)
    if (times > 1).any():
        raise BadInput(f"`order` has unit {numbers[times > 1][0]} twice")
    if not np.array_equal(numbers, np.arange(num_units)):
        odd = np.setdiff1d(numbers, np.arange(num_units))
        raise BadInput(f"`order` has unit {odd[0]}; its units are 0 to {num_units - 1}")
    rank, counts = np.argsort(order), list(counts)
    if not counts:
        raise BadInput("`counts` is empty; at least one number of units is needed")
    for n in counts:
        if not 0 <= n <= num_units:
            raise BadInput(f"`counts` has {n}; it must be between 0 and {num_units}")
    return np.stack([(rank >= n).astype(np.float32) for n in counts])


def set_keeps(
    sets: Sequence[Sequence[int]], num_units: int
) -> Float[np.ndarray, "N U"]:
    """Edits that replace given sets of units.

    Args:
        sets: unit numbers of each edit, from 0 to num_units - 1.
        num_units: U.

    Raises:
        BadInput: a set is empty or names a unit twice, or a unit is out of range.

    >>> set_keeps([[0], [0, 2]], 3).tolist()
    [[0.0, 1.0, 1.0], [0.0, 1.0, 0.0]]
    """
    keeps = np.ones((len(sets), num_units), np.float32)
    if not len(sets):
        raise BadInput("`sets` is empty; at least one set of units is needed")
    for n, units in enumerate(sets):
        if not len(units):
            raise BadInput(f"`sets` has nothing in set {n}; every set needs a unit")
        for unit in units:
            if not 0 <= unit < num_units:
                raise BadInput(
                    f"`sets` has unit {unit} in set {n}; allowed are 0 to "
                    f"{num_units - 1}"
                )
            if not keeps[n, unit]:
                raise BadInput(f"`sets` has unit {unit} twice in set {n}")
            keeps[n, unit] = 0
    return keeps


def scaled(
    acts: Float[AnyArray, "B H W U"], factor: float, *, about: AnyArray = ZERO
) -> Float[Array, "B H W U"]:
    """Replacement that scales a unit: factor * acts + (1 - factor) * about.

    Factor 1 is the identity and 0 puts `about` in the unit's place. At a layer after
    its nonlinearity this scales the unit's output; at a convolution's own output it
    scales the unit's incoming weights: with the bias where `about` is 0, without it
    where `about` is the bias.

    Args:
        acts: the layer's activations.
        factor: any number.
        about: what stays fixed, broadcastable to `acts`.

    >>> scaled(np.full((1, 1, 1, 2), 3.0), 2.0, about=np.array([0.0, 1.0])).tolist()
    [[[[6.0, 5.0]]]]
    """
    return jnp.asarray(factor * acts + (1 - factor) * about)


def resampled(key: Array, acts: Float[AnyArray, "B H W U"]) -> Float[Array, "B H W U"]:
    """Replacement by the unit's maps on another, random image of the batch.

    Keeps what is typical of the unit and breaks what it says about the image; every
    image gives its maps to exactly one other.

    Args:
        key: PRNG key, consumed.
        acts: the layer's activations on two images or more.

    Raises:
        BadInput: a single image, which has no other to take values from, or values that
            are not finite.

    >>> acts = np.arange(3.0).reshape(3, 1, 1, 1)
    >>> donated = resampled(jax.random.key(0), acts)
    >>> sorted(donated.ravel().tolist()), bool((donated == acts).any())
    ([0.0, 1.0, 2.0], False)
    """
    check_shape("acts", acts, "B H W U")
    check_real("acts", acts)
    if len(acts) < 2:
        raise BadInput(f"`acts` has {len(acts)} image; resampling needs two or more")
    # The next one around a random circle is never the image itself.
    circle = jax.random.permutation(key, len(acts))
    donors = jnp.zeros_like(circle).at[circle].set(jnp.roll(circle, 1))
    return jnp.asarray(acts)[donors]
