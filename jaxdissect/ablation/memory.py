"""How many edits fit into a memory budget, read off the program itself."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from jaxdissect.ablation.tails import EditedTail
from jaxdissect.base import Params
from jaxdissect.errors import BadInput
from jaxdissect.memory import intermediate_bytes


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
