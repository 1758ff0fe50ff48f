"""What a network predicts with units removed: many edits in one compiled kernel.

An edit is a keep mask over units: 1 stays, 0 goes. All positions of a removed unit are
set to zero, after BatchNorm and nonlinearity, without retraining.
"""

import functools
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Int

from jaxdissect.base import AnyArray, BadInput, FactoredTail, Params, Tail
from jaxdissect.metrics import ClassCounts, class_counts, class_log_probability
from jaxdissect.streaming import accumulate, add, total


class EditedTail(NamedTuple):
    """How to evaluate edits of a layer, in two steps.

    Attributes:
        prepare: (params, acts [B H W U]) -> anything; what all edits share, run once.
        outputs: (params, prepared, keeps [N U]) -> outputs [N B K], one row per edit.
    """

    prepare: Callable[[Params, Array], Any]
    outputs: Callable[[Params, Any, Array], Array]


def by_replaying(tail: Tail) -> EditedTail:
    """Edit the activations and run the whole tail for every edit; fits any tail.

    Args:
        tail: (params, acts [B H W U]) -> outputs [B K].

    Returns:
        The edited tail.

    >>> tail = by_replaying(lambda params, acts: acts.sum((1, 2)))
    >>> edited_outputs(tail, {}, np.ones((1, 2, 2, 2)), np.array([[1.0, 0.0]])).tolist()
    [[[4.0, 0.0]]]
    """

    def outputs(params, acts, keeps):
        return jax.vmap(lambda keep: tail(params, acts * keep))(keeps)

    return EditedTail(lambda params, acts: acts, outputs)


def by_factoring(factored: FactoredTail) -> EditedTail:
    """Subtract the removed units' contributions from the next linear map's output.

    The linear map runs once for all edits instead of once for each; the result is that
    of `by_replaying` to float32 rounding.

    Args:
        factored: from `networks.factored`.

    Returns:
        The edited tail.

    >>> tail = FactoredTail(  # a linear map with weights `params`, and nothing after it
    ...     linear=lambda params, acts: acts @ params,
    ...     contributions=lambda params, acts: jnp.einsum("bhwu,um->buhwm", acts,
    ...                                                   params),
    ...     rest=lambda params, z: z[:, 0, 0],
    ... )
    >>> acts, keeps = np.ones((1, 1, 1, 2)), np.array([[1.0, 1.0], [0.0, 1.0]])
    >>> weights = np.array([[1.0], [5.0]])
    >>> edited_outputs(by_factoring(tail), weights, acts, keeps).tolist()
    [[[6.0]], [[5.0]]]
    """

    def prepare(params, acts):
        return factored.linear(params, acts), factored.contributions(params, acts)

    def outputs(params, prepared, keeps):
        z, contributions = prepared
        removed = jnp.einsum("nu,bu...->nb...", 1 - keeps, contributions)
        return jax.vmap(lambda r: factored.rest(params, z - r))(removed)

    return EditedTail(prepare, outputs)


def edited_outputs(
    tail: EditedTail,
    params: Params,
    acts: Float[AnyArray, "B H W U"],
    keeps: Float[AnyArray, "N U"],
) -> Float[Array, "N B K"]:
    """The network's outputs under every edit, all at once.

    Args:
        tail: from `by_replaying` or `by_factoring`.
        params: the network's parameters.
        acts: the layer's activations.
        keeps: one mask per edit, values 0 or 1.

    Returns:
        One row per edit. For many edits or images see `measure_edits`.

    >>> tail = by_replaying(lambda params, acts: acts[:, 0, 0])
    >>> edited_outputs(tail, {}, np.ones((1, 1, 1, 2)), single_unit_keeps(2)).tolist()
    [[[0.0, 1.0]], [[1.0, 0.0]]]
    """
    prepared = tail.prepare(params, jnp.asarray(acts))
    return tail.outputs(params, prepared, jnp.asarray(keeps))


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


class EditMeasures(NamedTuple):
    """How a classifier does under every edit.

    Attributes:
        counts: int64, [N K] each.
        log_probability: [N K] mean log-probability of the true class over each class's
            images, in nats; 0 for a class without images.
    """

    counts: ClassCounts
    log_probability: Float[np.ndarray, "N K"]


def measure_edits(
    tail: EditedTail,
    params: Params,
    keeps: Float[AnyArray, "N U"],
    batches: Iterable[tuple[AnyArray, AnyArray]],
    *,
    num_classes: int,
    memory_bytes: int = 2**29,
    precision: str = "highest",
) -> EditMeasures:
    """Measure a classifier under every edit, over a data set.

    Args:
        tail: `by_replaying` or `by_factoring` of a tail that gives logits [B K].
        params: the network's parameters.
        keeps: one mask per edit, values 0 or 1.
        batches: (acts [B H W U], targets [B]).
        num_classes: K.
        memory_bytes: bound on what the tail's intermediate arrays take at a time; edits
            come in chunks, and batches are cut where not even one edit fits.
        precision: of matrix products, as in `jax.default_matmul_precision`.

    Returns:
        Exact counts of predictions, and mean log-probabilities.

    Raises:
        BadInput: `keeps` does not fit the activations, or one edit of one image does
            not fit into `memory_bytes`.

    Reference:
        Bau et al., Understanding the role of individual units in a deep neural
        network, PNAS 2020 (single-unit removal).

    >>> tail = by_replaying(lambda params, acts: acts.sum((1, 2)))
    >>> acts = np.eye(2, dtype=np.float32)[:, None, None]  # unit k speaks for class k
    >>> measured = measure_edits(
    ...     tail, {}, single_unit_keeps(2), [(acts, np.arange(2))], num_classes=2)
    >>> measured.counts.correct.tolist()  # without unit 0 class 0 still wins a tie
    [[1, 1], [1, 0]]
    """
    prepare = jax.jit(tail.prepare)

    @jax.jit
    def measure_chunk(params, prepared, targets, chunk):
        logits = tail.outputs(params, prepared, chunk)
        counts = class_counts(logits.argmax(-1), targets, num_classes=num_classes)
        return counts, class_log_probability(logits, targets)

    @functools.cache
    def chunk_size(shape) -> int:
        return edits_that_fit(tail, params, shape, memory_bytes=memory_bytes)

    def measure(acts, targets):
        if acts.shape[-1] != keeps.shape[-1]:
            raise BadInput(
                f"`keeps` has {keeps.shape[-1]} units; the acts have {acts.shape[-1]}"
            )
        size = min(chunk_size(acts.shape), len(keeps))
        if size == 0:
            half = len(acts) // 2
            first = measure(acts[:half], targets[:half])
            return add(first, measure(acts[half:], targets[half:]))
        prepared = prepare(params, acts)
        chunks = [
            measure_chunk(params, prepared, targets, _padded(keeps[i : i + size], size))
            for i in range(0, len(keeps), size)
        ]
        return jax.tree.map(lambda *part: np.concatenate(part)[: len(keeps)], *chunks)

    with jax.default_matmul_precision(precision):
        counts, log_probability = accumulate(total(measure), batches)
    return EditMeasures(counts, log_probability / np.maximum(counts.true, 1))


def edits_that_fit(
    tail: EditedTail, params: Params, acts_shape: tuple[int, ...], *, memory_bytes: int
) -> int:
    """How many edits of one batch fit into a memory budget.

    Counts every intermediate array as if none were freed or fused, so the budget holds
    with room to spare.

    Args:
        tail: the edited tail.
        params: the network's parameters.
        acts_shape: (B, H, W, U) of the batch.
        memory_bytes: the budget.

    Returns:
        0 where not even one edit fits and the batch can still be cut.

    Raises:
        BadInput: one edit of a single image does not fit.

    >>> tail = by_replaying(lambda params, acts: acts.sum((1, 2)))
    >>> edits_that_fit(tail, {}, (2, 1, 1, 2), memory_bytes=1)
    0
    """
    acts = jax.ShapeDtypeStruct(acts_shape, jnp.float32)

    def allocated(num_edits: int) -> float:
        keeps = jax.ShapeDtypeStruct((num_edits, acts_shape[-1]), jnp.float32)

        def evaluate(params, acts, keeps):
            return tail.outputs(params, tail.prepare(params, acts), keeps)

        return _intermediate_bytes(jax.make_jaxpr(evaluate)(params, acts, keeps).jaxpr)

    one, two = allocated(1), allocated(2)
    per_edit = max(two - one, 1)
    fitting = int((memory_bytes - (one - per_edit)) // per_edit)
    if fitting < 1 and acts_shape[0] == 1:
        raise BadInput(
            f"`memory_bytes` is {memory_bytes}; one edit of one image takes {one:.0f}"
        )
    return max(fitting, 0)


def _intermediate_bytes(jaxpr) -> float:
    """Bytes of all arrays computed on the way, inside nested calls too."""
    total = 0.0
    for equation in jaxpr.eqns:
        nested = [
            closed.jaxpr
            for value in equation.params.values()
            for closed in (value if isinstance(value, tuple | list) else [value])
            if hasattr(closed, "jaxpr")
        ]
        total += sum(_intermediate_bytes(inner) for inner in nested)
        if not nested:
            avals = [variable.aval for variable in equation.outvars]
            total += sum(float(np.prod(a.shape)) * a.dtype.itemsize for a in avals)
    return total


def _padded(keeps, size):
    # One shape for all chunks, hence one compilation.
    missing = size - len(keeps)
    return np.concatenate([keeps, np.ones((missing, keeps.shape[1]), np.float32)])
