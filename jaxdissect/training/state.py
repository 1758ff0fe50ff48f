"""What a training step reads and returns, and the step itself."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array
from jaxtyping import Float, Int

from jaxdissect.base import Params

TrainApply = Callable[[Array, Params, Array], tuple[Array, Params]]
"""(key, params, images) -> (logits [B K], params with updated running statistics)."""


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
    """Of one batch, in training mode.

    Attributes:
        loss: mean cross-entropy, in nats.
        accuracy: top-1, in [0, 1].
    """

    loss: Float[Array, ""]
    accuracy: Float[Array, ""]


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
    apply: TrainApply,
    optimizer: optax.GradientTransformation,
    state: TrainState,
    images: Float[Array, "B H W c"],
    targets: Int[Array, "B"],
) -> tuple[TrainState, StepMetrics]:
    """One step of gradient descent on the mean cross-entropy.

    Args:
        key: PRNG key of the whole run; the step's own key is folded in.
        apply: the network in training mode.
        optimizer: of the trainable params.
        state: where training stands.
        images: in [0, 1].
        targets: true classes.

    Returns:
        The next state and the batch's metrics before the step.

    >>> params = {"fc": {"params": {"bias": jnp.zeros(2)}}}
    >>> apply = lambda key, params, x: (
    ...     jnp.tile(params["fc"]["params"]["bias"], (len(x), 1)), params)
    >>> state, metrics = train_step(
    ...     jax.random.key(0), apply, optax.sgd(1.0),
    ...     init_state(params, optax.sgd(1.0)),
    ...     jnp.zeros((1, 1, 1, 3)), jnp.array([1]))
    >>> state.params["fc"]["params"]["bias"].tolist()
    [-0.5, 0.5]
    """

    def loss_fn(weights):
        params = with_trainable(state.params, weights)
        logits, params = apply(jax.random.fold_in(key, state.step), params, images)
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, targets)
        return losses.mean(), (params, (logits.argmax(-1) == targets).mean())

    weights = trainable(state.params)
    (loss, (params, accuracy)), grads = jax.value_and_grad(loss_fn, has_aux=True)(
        weights
    )
    updates, opt_state = optimizer.update(grads, state.opt_state, weights)
    params = with_trainable(params, optax.apply_updates(weights, updates))
    return TrainState(params, opt_state, state.step + 1), StepMetrics(loss, accuracy)
