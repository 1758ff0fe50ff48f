"""One step of training: gradient of an objective, optimizer, next state."""

import jax
import jax.numpy as jnp
import optax
from jax import Array
from jaxtyping import Float, Int

from jaxdissect.base import Params
from jaxdissect.errors import BadInput
from jaxdissect.training.objective import Objective, evaluate_objective
from jaxdissect.training.state import (
    StepMetrics,
    TrainState,
    trainable,
    with_trainable,
)


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
