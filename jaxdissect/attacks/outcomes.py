"""What steps along the input prediction gradient come to, class by class."""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Int64

from jaxdissect.attacks.steps import Bounds, Scaling, check_bounds, gradient_step
from jaxdissect.base import Params, Statistic, Tail
from jaxdissect.checking import check_choice, check_numbers, check_shape
from jaxdissect.errors import BadInput
from jaxdissect.logits import check_tail
from jaxdissect.streaming import total

PerStep = Int64[np.ndarray, "S K"]


class StepOutcomes(NamedTuple):
    """Images pushed towards each class they are not of, by steps of S sizes.

    Attributes:
        success: images taken for the class aimed at.
        errors: images taken for any class but their own.
        risen: images whose score of the class aimed at is higher than before.
        stuck: [K] images without a gradient, which no step changes.
        number: [K] images aimed at each class.
    """

    success: PerStep
    errors: PerStep
    risen: PerStep
    stuck: Int64[np.ndarray, "K"]
    number: Int64[np.ndarray, "K"]


def step_outcomes(
    tail: Tail,
    params: Params,
    *,
    num_classes: int,
    steps: Sequence[float],
    scaling: Scaling,
    bounds: Bounds = (0.0, 1.0),
) -> Statistic:
    """Push every image towards every class but its own; count what it is taken for.

    Gradients are of the probability: x' = clip(x + step grad_x p_k).

    Args:
        tail: (params, images) -> logits [B K], the whole network.
        params: its parameters.
        num_classes: K, all classes of the tail or the first of them; only these are
            aimed at.
        steps: sizes, in units of the images; see `gradient_step`.
        scaling: what a size is of.
        bounds: of the images.

    Returns:
        A Statistic: batches are (images [B H W c], targets [B]), the value is
        `StepOutcomes`. An image's success is an error, too.

    Raises:
        BadInput: no steps, a negative one, images outside the bounds, a target that is
            no class, outputs that are no logits, or of fewer classes.

    Reference:
        Lo, Cohen and Ding, Prediction gradients, FG 2015; the sources leave the scaling
        of the step open.

    >>> from jaxdissect.streaming import accumulate
    >>> tail = lambda params, x: 10 * x[:, 0, 0]  # a pixel for each class
    >>> statistic = step_outcomes(tail, {}, num_classes=2, steps=[0.1, 0.9],
    ...     scaling="l2")
    >>> images = np.array([[[[0.6, 0.4]]]], np.float32)
    >>> accumulate(statistic, [(images, np.array([0]))]).success.tolist()
    [[0, 0], [0, 1]]
    """
    if not len(steps):
        raise BadInput("`steps` is empty; at least one size is needed")
    check_choice("scaling", scaling, get_args(Scaling))
    check_bounds(bounds)

    def probability(params: Params, images: Array, aims: Array) -> Array:
        chances = jax.nn.softmax(tail(params, images))
        return jnp.take_along_axis(chances, aims[:, None], 1)[:, 0]

    @jax.jit
    def gradient(params: Params, images: Array, aims: Array) -> tuple[Array, Array]:
        before, pull = jax.vjp(lambda x: probability(params, x, aims), images)
        return before, pull(jnp.ones_like(before))[0]

    @jax.jit
    def answers(params: Params, images: Array, aims: Array) -> tuple[Array, Array]:
        return tail(params, images).argmax(-1), probability(params, images, aims)

    def measure(images, targets) -> StepOutcomes:
        images, targets = jnp.asarray(images), np.asarray(targets)
        check_shape("targets", targets, "B", B=len(images))
        check_numbers("targets", targets, num_classes)
        logits = jax.eval_shape(tail, params, images)
        check_shape("tail(params, images)", logits, "B K", B=len(images))
        if logits.shape[1] < num_classes:
            raise BadInput(
                f"`num_classes` is {num_classes}; `tail` gives {logits.shape[1]} logits"
            )
        check_tail(tail, params, images)
        pushed = partial(gradient_step, images, scaling=scaling, bounds=bounds)
        columns = []
        for k in range(num_classes):
            aims, aimed = jnp.full(len(targets), k), targets != k
            before, direction = gradient(params, images, aims)
            seen = [
                answers(params, pushed(direction, step=step), aims) for step in steps
            ]
            taken, after = (
                np.stack(jax.device_get(a)) for a in zip(*seen, strict=True)
            )
            columns.append(
                StepOutcomes(
                    success=((taken == k) & aimed).sum(1),
                    errors=((taken != targets) & aimed).sum(1),
                    risen=((after > np.asarray(before)) & aimed).sum(1),
                    stuck=(~np.asarray(direction).any((1, 2, 3)) & aimed).sum(),
                    number=aimed.sum(),
                )
            )
        return StepOutcomes(
            *(np.stack(part, -1) for part in zip(*columns, strict=True))
        )

    return total(measure)
