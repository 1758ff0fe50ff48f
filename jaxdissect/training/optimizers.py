"""Optimizers whose weight decay a step can magnify, and learning-rate schedules.

The decay is the one term of an optimizer that FocusedDropout changes on some batches,
so it is an argument of the update: `decay_factor`.
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import optax

from jaxdissect.errors import BadInput


def add_scaled_decay(weight_decay: float) -> optax.GradientTransformationExtraArgs:
    """Add `weight_decay * decay_factor * weights`; the factor comes with the update.

    >>> decay = add_scaled_decay(0.5)
    >>> decay.update(jnp.zeros(1), (), jnp.ones(1), decay_factor=2.0)[0].tolist()
    [1.0]
    """

    def update(updates, state, params=None, *, decay_factor=1.0, **others: Any):
        del others
        rate = weight_decay * decay_factor
        return jax.tree.map(lambda g, w: g + rate * w, updates, params), state

    return optax.GradientTransformationExtraArgs(lambda params: (), update)


def sgd(
    learning_rate: optax.ScalarOrSchedule,
    *,
    momentum: float = 0.9,
    nesterov: bool = False,
    weight_decay: float = 5e-4,
) -> optax.GradientTransformationExtraArgs:
    """Stochastic gradient descent as PyTorch has it: the decay is in the gradient.

    >>> weights = jnp.ones(1)
    >>> optimizer = sgd(0.1, weight_decay=0.5)
    >>> updates, _ = optimizer.update(jnp.ones(1), optimizer.init(weights), weights)
    >>> round(updates.item(), 3)
    -0.15
    """
    return optax.chain(
        add_scaled_decay(weight_decay),
        optax.sgd(learning_rate, momentum=momentum, nesterov=nesterov),
    )


def adamw(
    learning_rate: optax.ScalarOrSchedule, *, weight_decay: float = 1e-2
) -> optax.GradientTransformationExtraArgs:
    """Adam with decoupled weight decay, `optax.adamw` but for the factor.

    Reference:
        Loshchilov and Hutter, Decoupled weight decay regularization, ICLR 2019.

    >>> weights = jnp.ones(1)
    >>> optimizer = adamw(0.1, weight_decay=0.0)
    >>> updates, _ = optimizer.update(jnp.ones(1), optimizer.init(weights), weights)
    >>> round(updates.item(), 3)
    -0.1
    """
    return optax.chain(
        optax.scale_by_adam(),
        add_scaled_decay(weight_decay),
        optax.scale_by_learning_rate(learning_rate),
    )


def warmup_cosine(lr: float, *, warmup_steps: int, num_steps: int) -> optax.Schedule:
    """Rise linearly from 0, then fall to 0 along half a cosine, step by step.

    >>> float(warmup_cosine(1.0, warmup_steps=2, num_steps=10)(1))
    0.5
    """
    return optax.warmup_cosine_decay_schedule(
        0.0, lr, max(1, warmup_steps), max(2, num_steps)
    )


def epoch_cosine(lr: float, *, period: int, steps_per_epoch: int) -> optax.Schedule:
    """lr (1 + cos(pi epoch / period)) / 2, the same for all steps of an epoch.

    Args:
        lr: learning rate of the first epoch.
        period: epochs after which the rate would be 0; training may stop before.
        steps_per_epoch: steps in an epoch.

    Raises:
        BadInput: `period` is not positive.

    >>> schedule = epoch_cosine(0.01, period=200, steps_per_epoch=391)
    >>> round(float(schedule(149 * 391)), 5)
    0.00152
    """
    if period < 1:
        raise BadInput(f"`period` is {period}; it must be positive")
    cosine = optax.cosine_decay_schedule(lr, period)
    return lambda step: cosine(step // steps_per_epoch)


def epoch_drops(
    lr: float,
    *,
    drop_at: Sequence[int],
    drop_by: float,
    warmup_steps: int,
    steps_per_epoch: int,
) -> optax.Schedule:
    """Rise linearly, then divide by `drop_by` at the start of some epochs.

    Args:
        lr: learning rate after the warm-up.
        drop_at: epochs, counted from 0, that begin with a lower rate.
        drop_by: what the rate is divided by.
        warmup_steps: steps in which the rate rises from 0; 0 for no warm-up.
        steps_per_epoch: steps in an epoch.

    Raises:
        BadInput: `drop_by` is not positive.

    >>> schedule = epoch_drops(
    ...     0.1, drop_at=(60,), drop_by=5.0, warmup_steps=10, steps_per_epoch=10)
    >>> [round(float(schedule(step)), 3) for step in (0, 5, 10, 599, 600)]
    [0.0, 0.05, 0.1, 0.1, 0.02]
    """
    if drop_by <= 0:
        raise BadInput(f"`drop_by` is {drop_by}; it must be positive")
    boundaries = {epoch * steps_per_epoch: 1 / drop_by for epoch in drop_at}
    falling = optax.piecewise_constant_schedule(lr, boundaries)
    if not warmup_steps:
        return falling
    return lambda step: falling(step) * jnp.minimum(1.0, step / warmup_steps)
