"""The order of the data, the loop over it, and evaluation.

Which images make up step n, and how they are augmented, is a function of (seed, n), so
a run resumed at step n continues exactly as if it had never stopped.
"""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import jax
import numpy as np
from jax import Array
from jaxtyping import Int

from jaxdissect.base import Params
from jaxdissect.errors import BadInput
from jaxdissect.metrics import ClassCounts, class_counts
from jaxdissect.streaming import accumulate, total
from jaxdissect.training.step import StepMetrics, TrainState

Step = Callable[[TrainState, Array, Array], tuple[TrainState, StepMetrics]]
"""(state, images uint8 [B H W c], targets [B]) -> (state, metrics)."""

Read = Callable[[Int[np.ndarray, "B"]], tuple[np.ndarray, np.ndarray]]
"""(numbers [B]) -> (images uint8 [B H W c], targets [B]); called in a thread."""


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


def fit(
    step: Step, state: TrainState, order: Iterator[Int[np.ndarray, "B"]], read: Read
) -> Iterator[tuple[TrainState, StepMetrics]]:
    """Train from where `state` stands, yielding after every step.

    The next batches are read, and sent to the device, while a step runs.

    Args:
        step: one step of training.
        state: the state to start from.
        order: the numbers of the images of each step, from `batch_order`.
        read: gives images and targets by their numbers.

    Yields:
        (state, metrics) after every step.

    Raises:
        BadInput: what `order` and `read` raise.

    >>> import jax.numpy as jnp
    >>> state = TrainState({}, (), jnp.zeros((), jnp.int32))
    >>> count = lambda state, images, targets: (
    ...     state._replace(step=state.step + 1), StepMetrics(*jnp.ones(2), {}))
    >>> read = lambda chosen: (np.zeros((len(chosen), 1, 1, 3), np.uint8), chosen)
    >>> steps = fit(count, state, batch_order(0, 4, 2, start=0, stop=3), read)
    >>> [int(state.step) for state, _ in steps]
    [1, 2, 3]
    """
    for images, targets in prefetch(order, read):
        state, metrics = step(state, images, targets)
        yield state, metrics


def batch_order(
    seed: int, num_images: int, batch_size: int, *, start: int, stop: int
) -> Iterator[Int[np.ndarray, "B"]]:
    """The numbers of the images of each step, from step `start` to `stop`.

    What is left over at the end of an epoch is skipped.

    Args:
        seed: decides the order.
        num_images: how many there are.
        batch_size: B.
        start: steps already taken.
        stop: the step to stop at.

    Raises:
        BadInput: fewer images than one batch.

    >>> [len(chosen) for chosen in batch_order(0, 5, 2, start=1, stop=4)]
    [2, 2, 2]
    """
    per_epoch = steps_per_epoch(num_images, batch_size)
    for number in range(start, stop):
        epoch, position = divmod(number, per_epoch)
        if position == 0 or number == start:
            order = epoch_order(seed, epoch, num_images)
        yield order[position * batch_size : (position + 1) * batch_size]


def prefetch(
    order: Iterator[Int[np.ndarray, "B"]], read: Read, *, depth: int = 2
) -> Iterator[tuple[Array, Array]]:
    """Batches on the device, up to `depth` of them read before they are asked for.

    >>> read = lambda chosen: (np.zeros((len(chosen), 1, 1, 3), np.uint8), chosen)
    >>> [targets.tolist() for _, targets in prefetch(iter([np.arange(2)]), read)]
    [[0, 1]]
    """

    def load(chosen):
        return jax.device_put(read(chosen))

    with ThreadPoolExecutor(max_workers=1) as reader:
        waiting = deque(reader.submit(load, each) for each in islice(order, depth))
        while waiting:
            batch = waiting.popleft().result()
            for each in islice(order, 1):
                waiting.append(reader.submit(load, each))
            yield batch


def evaluate(
    predict: Callable[[Params, Array], Int[Array, "B"]],
    params: Params,
    read: Read,
    *,
    num_images: int,
    batch_size: int,
    num_classes: int,
) -> ClassCounts:
    """Count a classifier's predictions over a data set.

    Args:
        predict: (params, images uint8 [B H W c]) -> predicted classes [B].
        params: the network's parameters.
        read: gives images and targets by their numbers.
        num_images: how many there are.
        batch_size: B.
        num_classes: K.

    Returns:
        Exact counts, [K] each.

    >>> import jax.numpy as jnp
    >>> read = lambda chosen: (np.zeros((len(chosen), 1, 1, 3), np.uint8), chosen % 2)
    >>> counts = evaluate(lambda params, images: jnp.zeros(len(images), int), {}, read,
    ...                   num_images=3, batch_size=2, num_classes=2)
    >>> counts.correct.tolist()
    [2, 0]
    """

    def measure(images, targets):
        return class_counts(predict(params, images), targets, num_classes=num_classes)

    starts = range(0, num_images, batch_size)
    order = (np.arange(s, min(s + batch_size, num_images)) for s in starts)
    return accumulate(total(measure), prefetch(order, read))
