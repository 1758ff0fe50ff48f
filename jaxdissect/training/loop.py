"""The order of the data, the loop over it, and evaluation.

Which images make up step n, and how they are augmented, is a function of (seed, n), so
a run resumed at step n continues exactly as if it had never stopped.
"""

from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Int, UInt8

from jaxdissect.base import BadInput, Params
from jaxdissect.metrics import ClassCounts, class_counts
from jaxdissect.streaming import accumulate, total
from jaxdissect.training.state import StepMetrics, TrainState

Step = Callable[[TrainState, Array, Array], tuple[TrainState, StepMetrics]]
"""(state, images uint8 [B H W c], targets [B]) -> (state, metrics)."""


def epoch_order(seed: int, epoch: int, num_examples: int) -> Int[np.ndarray, "N"]:
    """The order of the examples in an epoch, a function of (seed, epoch) alone.

    >>> sorted(epoch_order(0, 1, 4).tolist())
    [0, 1, 2, 3]
    """
    key = jax.random.fold_in(jax.random.key(seed), epoch)
    return np.asarray(jax.random.permutation(key, num_examples))


def steps_per_epoch(num_examples: int, batch_size: int) -> int:
    """Whole batches in an epoch.

    Raises:
        BadInput: fewer examples than one batch.

    >>> steps_per_epoch(100, 32)
    3
    """
    if not 0 < batch_size <= num_examples:
        raise BadInput(
            f"`batch_size` is {batch_size}; it must be between 1 and the number of "
            f"training images, {num_examples}"
        )
    return num_examples // batch_size


def flip_and_shift(
    key: Array, images: Float[Array, "B H W c"], *, shift: int
) -> Float[Array, "B H W c"]:
    """Mirror each image with probability 1/2 and move it by up to `shift` pixels.

    Args:
        key: PRNG key, consumed.
        images: any range.
        shift: largest displacement, in pixels; what comes in repeats the border.

    Returns:
        Images of the same shape.

    >>> flip_and_shift(jax.random.key(0), jnp.ones((2, 4, 4, 3)), shift=1).shape
    (2, 4, 4, 3)
    """
    key_flip, key_shift = jax.random.split(key)
    flip = jax.random.bernoulli(key_flip, 0.5, (len(images), 1, 1, 1))
    images = jnp.where(flip, images[:, :, ::-1], images)
    pad = ((shift, shift), (shift, shift), (0, 0))
    corners = jax.random.randint(key_shift, (len(images), 2), 0, 2 * shift + 1)

    def crop(image, corner):
        padded = jnp.pad(image, pad, mode="edge")
        return jax.lax.dynamic_slice(padded, (*corner, 0), image.shape)

    return jax.vmap(crop)(images, corners)


def fit(
    step: Step,
    state: TrainState,
    images: UInt8[np.ndarray, "N H W c"],
    targets: Int[np.ndarray, "N"],
    *,
    seed: int,
    batch_size: int,
    num_steps: int,
) -> Iterator[tuple[TrainState, StepMetrics]]:
    """Train from where `state` stands, yielding after every step.

    Args:
        step: one step of training.
        state: the state to start from; its `step` tells which batch comes next.
        images: the training images.
        targets: their classes.
        seed: decides the order of the data.
        batch_size: B; what is left over at the end of an epoch is skipped.
        num_steps: the step to stop at.

    Yields:
        (state, metrics) after every step.

    Raises:
        BadInput: fewer images than one batch.

    >>> state = TrainState({}, (), jnp.zeros((), jnp.int32))
    >>> count = lambda state, images, targets: (
    ...     state._replace(step=state.step + 1), StepMetrics(*jnp.ones(2)))
    >>> images, targets = np.zeros((4, 1, 1, 3), np.uint8), np.zeros(4, int)
    >>> steps = fit(count, state, images, targets, seed=0, batch_size=2, num_steps=3)
    >>> [int(state.step) for state, _ in steps]
    [1, 2, 3]
    """
    per_epoch = steps_per_epoch(len(images), batch_size)
    start = int(state.step)
    for number in range(start, num_steps):
        epoch, position = divmod(number, per_epoch)
        if position == 0 or number == start:
            order = epoch_order(seed, epoch, len(images))
        chosen = order[position * batch_size : (position + 1) * batch_size]
        state, metrics = step(state, images[chosen], targets[chosen])
        yield state, metrics


def evaluate(
    predict: Callable[[Params, Array], Int[Array, "B"]],
    params: Params,
    images: UInt8[np.ndarray, "N H W c"],
    targets: Int[np.ndarray, "N"],
    *,
    batch_size: int,
    num_classes: int,
) -> ClassCounts:
    """Count a classifier's predictions over a data set.

    Args:
        predict: (params, images uint8 [B H W c]) -> predicted classes [B].
        params: the network's parameters.
        images: the test images.
        targets: their classes.
        batch_size: B.
        num_classes: K.

    Returns:
        Exact counts, [K] each.

    >>> counts = evaluate(lambda params, images: jnp.zeros(len(images), int), {},
    ...                   np.zeros((3, 1, 1, 3), np.uint8), np.array([0, 1, 0]),
    ...                   batch_size=2, num_classes=2)
    >>> counts.correct.tolist()
    [2, 0]
    """

    def measure(start):
        stop = start + batch_size
        predictions = predict(params, images[start:stop])
        return class_counts(
            predictions, jnp.asarray(targets[start:stop]), num_classes=num_classes
        )

    starts = ((start,) for start in range(0, len(images), batch_size))
    return accumulate(total(measure), starts)
