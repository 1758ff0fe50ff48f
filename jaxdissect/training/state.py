"""What changes from step to step, and which part of the params gradients change."""

from collections.abc import Mapping
from typing import NamedTuple

import jax.numpy as jnp
import optax
from jax import Array
from jaxtyping import Float, Int

from jaxdissect.base import Params


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
