"""What a network predicts with units removed: many edits in one compiled kernel.

An edit is a keep mask over units: 1 stays, 0 goes. All positions of a removed unit are
set to zero, after BatchNorm and nonlinearity, without retraining.
"""

from collections.abc import Callable, Iterable

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Int

from jaxdissect.base import AnyArray, BadInput, FactoredTail, Params, Tail
from jaxdissect.metrics import ClassCounts, class_counts
from jaxdissect.streaming import accumulate, count

EditedOutputs = Callable[[Params, Array, Array], Array]
"""(params, acts [B H W U], keeps [N U]) -> outputs [N B K], one row per edit."""


def by_replaying(tail: Tail) -> EditedOutputs:
    """Edit the activations and run the whole tail for every edit; fits any tail.

    Args:
        tail: (params, acts) -> outputs.

    >>> outputs = by_replaying(lambda params, acts: acts.sum((1, 2)))
    >>> outputs({}, jnp.ones((1, 2, 2, 2)), jnp.array([[1.0, 0.0]])).tolist()
    [[[4.0, 0.0]]]
    """

    def outputs(params, acts, keeps):
        return jax.vmap(lambda keep: tail(params, acts * keep))(keeps)

    return outputs


def by_factoring(factored: FactoredTail) -> EditedOutputs:
    """Subtract the removed units' contributions from the next linear map's output.

    The linear map runs once for all edits instead of once for each; the result is that
    of `by_replaying` to float32 rounding.

    Args:
        factored: from `networks.factored`.

    >>> tail = FactoredTail(  # a linear map with weights `params`, and nothing after it
    ...     linear=lambda params, acts: acts @ params,
    ...     contributions=lambda params, acts: jnp.einsum("bhwu,um->buhwm", acts,
    ...                                                   params),
    ...     rest=lambda params, z: z[:, 0, 0],
    ... )
    >>> acts, keeps = jnp.ones((1, 1, 1, 2)), jnp.array([[1.0, 1.0], [0.0, 1.0]])
    >>> by_factoring(tail)(jnp.array([[1.0], [5.0]]), acts, keeps).tolist()
    [[[6.0]], [[5.0]]]
    """

    def outputs(params, acts, keeps):
        z = factored.linear(params, acts)
        contributions = factored.contributions(params, acts)
        removed = jnp.einsum(
            "nu,bu...->nb...", 1 - keeps, contributions, precision="highest"
        )
        return jax.vmap(lambda r: factored.rest(params, z - r))(removed)

    return outputs


def single_unit_keeps(num_units: int) -> Float[np.ndarray, "U U"]:
    """Edit u removes unit u alone.

    >>> single_unit_keeps(2).tolist()
    [[0.0, 1.0], [1.0, 0.0]]
    """
    return 1 - np.eye(num_units, dtype=np.float32)


def removal_keeps(
    order: Int[np.ndarray, "U"], counts: Iterable[int]
) -> Float[np.ndarray, "N U"]:
    """Edits that remove the first n units of an order, one edit for each n.

    Args:
        order: unit numbers, the first to go first.
        counts: how many to remove, each between 0 and U.

    >>> removal_keeps(np.array([2, 0, 1]), [0, 1, 2]).tolist()
    [[1.0, 1.0, 1.0], [1.0, 1.0, 0.0], [0.0, 1.0, 0.0]]
    """
    rank = np.argsort(order)
    return np.stack([(rank >= n).astype(np.float32) for n in counts])


def edits_per_chunk(
    outputs: EditedOutputs, params: Params, acts: AnyArray, *, memory_bytes: int
) -> int:
    """How many edits fit into a memory budget, by what one more edit would allocate.

    Counts every intermediate array as if none were freed or fused, so the budget
    holds with room to spare.

    Args:
        outputs: the function that evaluates edits.
        params: its parameters.
        acts: a batch of the size that will be used.
        memory_bytes: the budget.

    Returns:
        At least 1.

    >>> outputs = by_replaying(lambda params, acts: acts.sum((1, 2)))
    >>> acts = np.zeros((1, 1, 1, 2), np.float32)
    >>> edits_per_chunk(outputs, {}, acts, memory_bytes=1)
    1
    """

    def allocated(num_edits):
        keeps = jnp.ones((num_edits, acts.shape[-1]))
        jaxpr = jax.make_jaxpr(outputs)(params, acts, keeps)
        return sum(
            np.prod(variable.aval.shape, dtype=float) * variable.aval.dtype.itemsize
            for equation in jaxpr.eqns
            for variable in equation.outvars
        )

    per_edit = allocated(2) - allocated(1)
    return max(1, int(memory_bytes // max(per_edit, 1)))


def count_under_edits(
    outputs: EditedOutputs,
    params: Params,
    keeps: Float[AnyArray, "N U"],
    batches: Iterable[tuple[AnyArray, AnyArray]],
    *,
    num_classes: int,
    memory_bytes: int,
) -> ClassCounts:
    """Count a classifier's predictions under every edit, over a data set.

    Args:
        outputs: `by_replaying` or `by_factoring` of a tail that gives logits [B K].
        params: the network's parameters.
        keeps: one mask per edit, values 0 or 1.
        batches: (acts [B H W U], targets [B]), all of one size but the last.
        num_classes: K.
        memory_bytes: bound on what a chunk of edits allocates.

    Returns:
        int64 counts, [N K] each.

    Raises:
        BadInput: `keeps` does not fit the activations.

    Reference:
        Bau et al., Understanding the role of individual units in a deep neural
        network, PNAS 2020 (single-unit removal).

    >>> outputs = by_replaying(lambda params, acts: acts.sum((1, 2)))
    >>> acts = np.eye(2, dtype=np.float32)[:, None, None]  # unit k speaks for class k
    >>> counts = count_under_edits(
    ...     outputs, {}, single_unit_keeps(2), [(acts, np.arange(2))],
    ...     num_classes=2, memory_bytes=2**20)
    >>> counts.correct.tolist()  # without unit 0 class 0 still wins a tie
    [[1, 1], [1, 0]]
    """
    chunk_counts = jax.jit(
        lambda params, acts, targets, chunk: class_counts(
            outputs(params, acts, chunk).argmax(-1), targets, num_classes=num_classes
        )
    )

    def measure(acts, targets):
        if acts.shape[-1] != keeps.shape[-1]:
            raise BadInput(
                f"`keeps` has {keeps.shape[-1]} units; the acts have {acts.shape[-1]}"
            )
        size = edits_per_chunk(outputs, params, acts, memory_bytes=memory_bytes)
        size = min(size, len(keeps))
        chunks = [
            chunk_counts(params, acts, targets, _padded(keeps[i : i + size], size))
            for i in range(0, len(keeps), size)
        ]
        return ClassCounts(
            *(np.concatenate(part)[: len(keeps)] for part in zip(*chunks, strict=True))
        )

    return accumulate(count(measure), batches)


def _padded(keeps, size):
    # One shape for all chunks, hence one compilation.
    missing = size - len(keeps)
    return np.concatenate([keeps, np.ones((missing, keeps.shape[1]), np.float32)])
