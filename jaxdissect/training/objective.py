"""What a training step minimises: cross-entropy, and whatever is added to it.

Everything is a pure function, so that any set of regularisers composes: random edits of
activations, a penalty on input gradients, terms of the weights, terms of activations.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array
from jaxtyping import Float, Int

from jaxdissect.base import Edit, Params, TrainRun
from jaxdissect.regularizers.focused_dropout import (
    FocusedDropout,
    decay_factor,
    focused_dropout,
    participants,
)
from jaxdissect.regularizers.input_gradient import Losses, Penalized

TrainApply = Callable[[Array, Params, Array, Mapping[str, Edit]], TrainRun]
"""(key, params, images, {layer: edit}) -> what the pass gives."""


class StepEdits(NamedTuple):
    """What is done to activations in one step.

    Attributes:
        edits: {layer: edit}.
        decay_factor: the step's weight decay is multiplied by it.
    """

    edits: Mapping[str, Edit]
    decay_factor: Float[Array, ""]


def no_edits(key: Array, batch_size: int) -> StepEdits:
    """Leave activations and weight decay alone.

    >>> no_edits(jax.random.key(0), 2).decay_factor.item()
    1.0
    """
    del key, batch_size
    return StepEdits({}, jnp.ones(()))


def draw_focused(
    rule: FocusedDropout,
    layers: tuple[str, ...],
    others: Mapping[str, Edit],
    key: Array,
    batch_size: int,
) -> StepEdits:
    """FocusedDropout at some layers, after other edits; the same batches at all layers.

    Args:
        rule: the conventions of FocusedDropout.
        layers: where it acts.
        others: {layer: another edit}.
        key: PRNG key, consumed.
        batch_size: B.

    >>> rule = FocusedDropout(rate=1.0)
    >>> drawn = draw_focused(rule, ("conv5",), {}, jax.random.key(0), 2)
    >>> list(drawn.edits), drawn.decay_factor.item()
    (['conv5'], 2.0)
    """
    participating = participants(key, rule, batch_size)

    def focus(layer: str) -> Edit:
        before = others.get(layer, lambda key, acts: acts)

        def edit(key: Array, acts: Array) -> Array:
            key_before, key_focus = jax.random.split(key)
            acts = before(key_before, acts)
            return focused_dropout(key_focus, rule, participating, acts)

        return edit

    edits = {**others, **{layer: focus(layer) for layer in layers}}
    return StepEdits(edits, decay_factor(rule, participating))


def unpenalized(losses: Losses, images: Array) -> Penalized:
    """No penalty on input gradients, and none computed.

    >>> unpenalized(lambda x: (x, None), jnp.ones(2)).penalty.item()
    0.0
    """
    return Penalized(*losses(images), jnp.zeros(()))


class Objective(NamedTuple):
    """Cross-entropy and what is added to it.

    Attributes:
        apply: the network in training mode, with the taps that `activation_terms` need.
        draw_edits: (key, batch size) -> the step's edits.
        penalize: (losses of images, images) -> losses with a penalty on their input
            gradients, from `regularizers.input_gradient`.
        penalty_weight: multiplies the penalty.
        weight_terms: {name: weights {stage: {name: array}} -> term}.
        activation_terms: {name: (key, taps) -> term}.
    """

    apply: TrainApply
    draw_edits: Callable[[Array, int], StepEdits] = no_edits
    penalize: Callable[[Losses, Array], Penalized] = unpenalized
    penalty_weight: float = 0.0
    weight_terms: Mapping[str, Callable[[Params], Array]] = MappingProxyType({})
    activation_terms: Mapping[str, Callable[[Array, Mapping[str, Array]], Array]] = (
        MappingProxyType({})
    )


class Measured(NamedTuple):
    """An objective at one batch.

    Attributes:
        terms: {name: weighted term}; their sum is the loss.
        accuracy: top-1 of the clean images in training mode.
        params: with updated running statistics.
    """

    terms: Mapping[str, Float[Array, ""]]
    accuracy: Float[Array, ""]
    params: Params


def evaluate_objective(
    key: Array,
    objective: Objective,
    params: Params,
    images: Float[Array, "B H W c"],
    targets: Int[Array, "B"],
    *,
    edits: Mapping[str, Edit] = MappingProxyType({}),
) -> Measured:
    """All terms of the loss on one batch.

    Every pass of a step (clean or perturbed) sees the same edits and dropout masks.

    Args:
        key: PRNG key of the step, consumed.
        objective: what to minimise.
        params: the network's.
        images: in [0, 1].
        targets: true classes.
        edits: {layer: what happens to its activations}.

    >>> apply = lambda key, params, x, edits: TrainRun(jnp.zeros((len(x), 2)), {}, {})
    >>> images, targets = jnp.zeros((1, 1, 1, 3)), jnp.array([1])
    >>> found = evaluate_objective(
    ...     jax.random.key(0), Objective(apply), {}, images, targets)
    >>> {name: round(term.item(), 3) for name, term in found.terms.items()}
    {'cross_entropy': 0.693}
    """
    key_pass, key_terms = jax.random.split(key)

    def losses(x: Array) -> tuple[Array, TrainRun]:
        run = objective.apply(key_pass, params, x, edits)
        logits = run.outputs.astype(jnp.float32)
        each = optax.softmax_cross_entropy_with_integer_labels(logits, targets)
        return each, run

    penalized = objective.penalize(losses, images)
    run = penalized.others
    terms = {"cross_entropy": penalized.losses.mean()}
    if objective.penalize is not unpenalized:
        terms["input_gradient"] = objective.penalty_weight * penalized.penalty
    weights = {stage: variables["params"] for stage, variables in params.items()}
    for name, of_weights in objective.weight_terms.items():
        terms[name] = of_weights(weights)
    for number, (name, of_taps) in enumerate(objective.activation_terms.items()):
        terms[name] = of_taps(jax.random.fold_in(key_terms, number), run.taps)
    accuracy = (run.outputs.argmax(-1) == targets).mean()
    return Measured(terms, accuracy, run.params)
