"""One step of training: gradient of an objective, optimizer, next state."""

from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array
from jaxtyping import Float, Int

from jaxdissect.base import Params
from jaxdissect.errors import BadInput
from jaxdissect.training.objective import Objective, evaluate_objective


class TrainState(NamedTuple):
    """Everything that changes from step to step, so that resuming is restoring it.

    Attributes:
        params: {stage name: Flax variables}, running statistics included.
        opt_state: the optimizer's state for the trainable part of `params`.
        step: int32 [], steps taken.
    """

    params: Params
    opt_state: optax.OptState
    step: Int[Array, ""]


class StepMetrics(NamedTuple):
    """Of one batch, in training mode, before the step.

    Attributes:
        loss: what the step descends: the sum of the terms.
        accuracy: top-1, in [0, 1].
        terms: {name: weighted term of the loss}; the cross-entropy is in nats.
    """

    loss: Float[Array, ""]
    accuracy: Float[Array, ""]
    terms: Mapping[str, Float[Array, ""]]


def trainable(params: Params) -> Params:
    """The part of the params that gradients change: {stage: {"params": ...}}.

    >>> trainable({"bn": {"params": {"scale": 1}, "batch_stats": {"mean": 0}}})
    {'bn': {'scale': 1}}
    """
    return {stage: variables["params"] for stage, variables in params.items()}


def with_trainable(params: Params, weights: Params) -> Params:
    """Params with their trainable part replaced.

    >>> with_trainable({"fc": {"params": {"bias": 0}}}, {"fc": {"bias": 1}})
    {'fc': {'params': {'bias': 1}}}
    """
    return {stage: {**params[stage], "params": weights[stage]} for stage in params}


def init_state(params: Params, optimizer: optax.GradientTransformation) -> TrainState:
    """The state before the first step.

    >>> params = {"fc": {"params": {"bias": jnp.zeros(1)}}}
    >>> init_state(params, optax.sgd(0.1)).step.item()
    0
    """
    opt_state = optimizer.init(trainable(params))
    return TrainState(params, opt_state, jnp.zeros((), jnp.int32))


def train_step(
    key: Array,
    objective: Objective,
    optimizer: optax.GradientTransformation,
    state: TrainState,
    images: Float[Array, "B H W c"],
    targets: Int[Array, "B"],
    *,
    num_parts: int = 1,
) -> tuple[TrainState, StepMetrics]:
    """One step of gradient descent.

    Args:
        key: PRNG key of the whole run; the step's own key is folded in.
        objective: what to minimise.
        optimizer: of the trainable params, from `training.optimizers`.
        state: where training stands.
        images: in [0, 1].
        targets: true classes.
        num_parts: gradients are averaged over so many equal parts of the batch, which
            take turns in memory; each part has its own batch statistics.

    Returns:
        The next state and the batch's metrics before the step.

    Raises:
        BadInput: the batch cannot be cut into equal parts.

    >>> from jaxdissect.base import TrainRun
    >>> from jaxdissect.training import init_state, optimizers
    >>> params = {"fc": {"params": {"bias": jnp.zeros(2)}}}
    >>> apply = lambda key, params, x, edits: TrainRun(
    ...     jnp.tile(params["fc"]["params"]["bias"], (len(x), 1)), params, {})
    >>> optimizer = optimizers.sgd(1.0, weight_decay=0.0)
    >>> state, metrics = train_step(
    ...     jax.random.key(0), Objective(apply), optimizer,
    ...     init_state(params, optimizer), jnp.zeros((1, 1, 1, 3)), jnp.array([1]))
    >>> state.params["fc"]["params"]["bias"].tolist()
    [-0.5, 0.5]
    """
    if num_parts < 1 or len(images) % num_parts:
        raise BadInput(
            f"`num_parts` is {num_parts}; it must divide the batch of {len(images)}"
        )
    key_edits, key_parts = jax.random.split(jax.random.fold_in(key, state.step))
    drawn = objective.draw_edits(key_edits, len(images) // num_parts)
    weights = trainable(state.params)

    def part(params: Params, inputs: tuple[Array, Array, Array]):
        number, images, targets = inputs

        def loss_fn(weights: Params):
            found = evaluate_objective(
                jax.random.fold_in(key_parts, number),
                objective,
                with_trainable(params, weights),
                images,
                targets,
                edits=drawn.edits,
            )
            return sum(found.terms.values()), found

        grads, found = jax.grad(loss_fn, has_aux=True)(weights)
        params = with_trainable(found.params, weights)
        return params, (grads, found.terms, found.accuracy)

    params, results = _in_turn(part, state.params, images, targets, num_parts)
    grads, terms, accuracy = results
    updates, opt_state = optax.with_extra_args_support(optimizer).update(
        grads, state.opt_state, weights, decay_factor=drawn.decay_factor
    )
    params = with_trainable(params, optax.apply_updates(weights, updates))
    metrics = StepMetrics(jnp.sum(jnp.stack([*terms.values()])), accuracy, terms)
    return TrainState(params, opt_state, state.step + 1), metrics


def _in_turn(part, params, images, targets, num_parts):
    """Means of what the parts of a batch give, one after the other."""
    if num_parts == 1:
        return part(params, (jnp.zeros((), jnp.int32), images, targets))
    cut = (x.reshape(num_parts, -1, *x.shape[1:]) for x in (images, targets))
    params, results = jax.lax.scan(part, params, (jnp.arange(num_parts), *cut))
    return params, jax.tree.map(lambda x: x.mean(0), results)
