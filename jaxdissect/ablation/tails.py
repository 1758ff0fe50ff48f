"""A network's tail with units edited: what all edits share runs once.

An edited unit takes, at all positions, the values of a replacement: zero to remove it,
its mean, its values on another image, a multiple of its own. The edit acts where the
layer is cut, without retraining.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from jaxdissect.ablation.edits import ZERO
from jaxdissect.base import AnyArray, FactoredTail, Params, Tail
from jaxdissect.errors import BadInput
from jaxdissect.memory import intermediate_bytes


class EditedTail(NamedTuple):
    """How to evaluate edits of a layer: prepare once, then edit by edit.

    Attributes:
        prepare: (params, acts [B H W U], replacement [B H W U]) -> prepared, any
            pytree; what all edits of these images share.
        whole: (params, prepared) -> outputs [B K] without any edit.
        changed: (prepared) -> [B U], whether replacing the unit can change anything on
            the image; where it cannot, the outputs are those of `whole`.
        units: (params, prepared, images [R], units [R]) -> outputs [R K], where row r
            has one unit of one image replaced.
        sets: (params, prepared, keeps [N U]) -> outputs [N B K], where edit n replaces
            the units whose keep is 0 on all images.
    """

    prepare: Callable[[Params, Array, Array], Any]
    whole: Callable[[Params, Any], Array]
    changed: Callable[[Any], Array]
    units: Callable[[Params, Any, Array, Array], Array]
    sets: Callable[[Params, Any, Array], Array]


def by_replaying(tail: Tail) -> EditedTail:
    """Edit the activations and run the whole tail for every edit; fits any tail.

    Args:
        tail: (params, acts [B H W U]) -> outputs [B K].

    Returns:
        The edited tail.

    >>> tail = by_replaying(lambda params, acts: acts.sum((1, 2)))
    >>> keeps = jnp.array([[1.0, 0.0]])
    >>> edited_outputs(tail, {}, jnp.ones((1, 2, 2, 2)), keeps).tolist()
    [[[4.0, 0.0]]]
    """

    def changed(prepared):
        acts, replacement = prepared
        return (acts != replacement).any((1, 2))

    def units(params, prepared, images, units):
        acts, replacement = (array[images] for array in prepared)
        edited = units[:, None] == jnp.arange(acts.shape[-1])
        return tail(params, jnp.where(edited[:, None, None], replacement, acts))

    def sets(params, prepared, keeps):
        acts, replacement = prepared
        return jax.vmap(lambda keep: tail(params, jnp.where(keep, acts, replacement)))(
            keeps.astype(bool)
        )

    return EditedTail(
        prepare=lambda params, acts, replacement: (acts, replacement),
        whole=lambda params, prepared: tail(params, prepared[0]),
        changed=changed,
        units=units,
        sets=sets,
    )


def by_factoring(factored: FactoredTail) -> EditedTail:
    """Add what edited units change in the output of the next linear map.

    That map runs once for all edits instead of once for each; the result is that of
    `by_replaying` to float32 rounding.

    Args:
        factored: from `networks.factored`.

    Returns:
        The edited tail.

    >>> tail = FactoredTail(  # a linear map with weights `params`, and nothing after it
    ...     unitwise=lambda params, acts: acts,
    ...     linear=lambda params, x: x @ params,
    ...     contributions=lambda params, x: jnp.einsum("bhwu,um->buhwm", x, params),
    ...     rest=lambda params, z: z[:, 0, 0],
    ... )
    >>> acts, keeps = jnp.ones((1, 1, 1, 2)), jnp.array([[1.0, 1.0], [0.0, 1.0]])
    >>> weights = jnp.array([[1.0], [5.0]])
    >>> edited_outputs(by_factoring(tail), weights, acts, keeps).tolist()
    [[[6.0]], [[5.0]]]
    """

    def prepare(params, acts, replacement):
        x = factored.unitwise(params, acts)
        change = factored.unitwise(params, replacement) - x
        changes = factored.contributions(params, change)
        return factored.linear(params, x), changes, (change != 0).any((1, 2))

    def units(params, prepared, images, units):
        z, changes, _ = prepared
        return factored.rest(params, z[images] + changes[images, units])

    def sets(params, prepared, keeps):
        z, changes, _ = prepared
        moved = jnp.einsum("nu,bu...->nb...", 1 - keeps, changes)
        return jax.vmap(lambda m: factored.rest(params, z + m))(moved)

    return EditedTail(
        prepare=prepare,
        whole=lambda params, prepared: factored.rest(params, prepared[0]),
        changed=lambda prepared: prepared[2],
        units=units,
        sets=sets,
    )


def edited_outputs(
    tail: EditedTail,
    params: Params,
    acts: Float[AnyArray, "B H W U"],
    keeps: Float[AnyArray, "N U"],
    *,
    replacement: AnyArray = ZERO,
) -> Float[Array, "N B K"]:
    """The network's outputs under every edit, all at once.

    Args:
        tail: from `by_replaying` or `by_factoring`.
        params: the network's parameters.
        acts: the layer's activations.
        keeps: one mask per edit; 1 keeps the unit, 0 replaces it.
        replacement: values of replaced units, broadcastable to `acts`.

    Returns:
        One row per edit. For many edits or images see `set_effects`.

    >>> tail = by_replaying(lambda params, acts: acts[:, 0, 0])
    >>> keeps = jnp.array([[1.0, 1.0], [0.0, 1.0]])
    >>> edited_outputs(tail, {}, jnp.ones((1, 1, 1, 2)), keeps).tolist()
    [[[1.0, 1.0]], [[0.0, 1.0]]]
    """
    acts = jnp.asarray(acts)
    with jax.default_matmul_precision("highest"):
        prepared = tail.prepare(params, acts, jnp.broadcast_to(replacement, acts.shape))
        return tail.sets(params, prepared, jnp.asarray(keeps))


def sets_that_fit(
    tail: EditedTail, params: Params, acts_shape: tuple[int, ...], *, memory_bytes: int
) -> int:
    """How many sets of units can be edited at once on one batch.

    Counts every intermediate array as if none were freed or fused, so the budget holds
    with room to spare.

    Args:
        tail: the edited tail.
        params: the network's parameters.
        acts_shape: (B, H, W, U) of the batch.
        memory_bytes: the budget.

    Returns:
        0 where not even one fits and the batch can still be cut.

    Raises:
        BadInput: one edit of a single image does not fit.

    >>> from jaxdissect.ablation import by_replaying
    >>> tail = by_replaying(lambda params, acts: acts.sum((1, 2)))
    >>> sets_that_fit(tail, {}, (2, 1, 1, 2), memory_bytes=1)
    0
    """

    def evaluate(params, prepared, count: int):
        return tail.sets(params, prepared, jnp.ones((count, acts_shape[-1])))

    return _fitting(tail, params, acts_shape, memory_bytes, evaluate)


def pairs_that_fit(
    tail: EditedTail, params: Params, acts_shape: tuple[int, ...], *, memory_bytes: int
) -> int:
    """How many (unit, image) pairs can be edited at once; see `sets_that_fit`.

    >>> from jaxdissect.ablation import by_replaying
    >>> tail = by_replaying(lambda params, acts: acts.sum((1, 2)))
    >>> pairs_that_fit(tail, {}, (2, 1, 1, 2), memory_bytes=1)
    0
    """

    def evaluate(params, prepared, count: int):
        rows = jnp.zeros(count, jnp.int32)
        return tail.units(params, prepared, rows, rows)

    return _fitting(tail, params, acts_shape, memory_bytes, evaluate)


def _fitting(tail, params, acts_shape, memory_bytes: int, evaluate: Callable) -> int:
    acts = jax.ShapeDtypeStruct(acts_shape, jnp.float32)

    def allocated(count: int) -> float:
        def run(params, acts):
            prepared = tail.prepare(params, acts, jnp.zeros_like(acts))
            return evaluate(params, prepared, count)

        return intermediate_bytes(run, params, acts)

    one, two = allocated(1), allocated(2)
    each = max(two - one, 1)
    fitting = int((memory_bytes - (one - each)) // each)
    if fitting < 1 and acts_shape[0] == 1:
        raise BadInput(
            f"`memory_bytes` is {memory_bytes}; one edit of one image takes {one:.0f}"
        )
    return max(fitting, 0)
