"""Steps of training: which programs they are, how they take turns, waiting for data."""

from collections.abc import Callable, Mapping
from functools import partial
from time import perf_counter, process_time
from typing import Any, NamedTuple

import jax
import numpy as np
from jax import Array
from tqdm import tqdm

from jaxdissect import networks
from jaxdissect.data.images import in_memory
from jaxdissect.experiments.train import objectives
from jaxdissect.experiments.train.settings import RegularizeSettings
from jaxdissect.networks.convolution import for_backend
from jaxdissect.settings import NetworkSettings
from jaxdissect.training import augmentation, loop, optimizers, step
from jaxdissect.training import step as state

NUM_CLASSES, SIZE = 100, 32  # CIFAR-100
OPTIMIZER = optimizers.sgd(1e-3, momentum=0.9, weight_decay=5e-4)


class Subject(NamedTuple):
    """What is trained, and on what.

    Attributes:
        network: the table of stages.
        precision: "float32" or "bfloat16", as `make_objective` takes it.
        start: random weights and no momentum.
        batch: images in [0, 1] [B H W 3] and classes [B], on the device.
    """

    network: networks.Network
    precision: str
    start: state.TrainState
    batch: tuple[Array, Array]


class Timed(NamedTuple):
    """How long a step takes, in every round.

    Attributes:
        seconds: on the clock.
        ratios: to the plain step's; where a step waits for data, the share of its time
            that it waits.
        processor_ratios: of the processor time of all threads, which others on the
            machine take less from.
    """

    seconds: np.ndarray
    ratios: np.ndarray
    processor_ratios: np.ndarray | None = None


def random_subject(width: float, batch_size: int, precision: str) -> Subject:
    """VGG-16 with BatchNorm and the CIFAR head, and random images."""
    network = networks.vgg16(
        NUM_CLASSES,
        width=width,
        batch_norm=True,
        grid=1,
        hidden=(),
        convolve=for_backend(jax.default_backend()),
    )
    params = networks.init(jax.random.key(0), network, (SIZE, SIZE, 3))
    start = state.init_state(params, OPTIMIZER)
    generator = np.random.default_rng(0)
    images = generator.random((batch_size, SIZE, SIZE, 3), np.float32)
    targets = generator.integers(0, NUM_CLASSES, batch_size, np.int32)
    return Subject(network, precision, start, jax.device_put((images, targets)))


def make_step(subject: Subject, regularize: RegularizeSettings) -> loop.Step:
    """A step as `train` takes it, but for the augmentation."""
    objective = objectives.make_objective(
        subject.network, NetworkSettings(), regularize, subject.precision
    )
    return partial(step.train_step, jax.random.key(1), objective, OPTIMIZER)


def prepared(
    subject: Subject, regularize: RegularizeSettings
) -> tuple[loop.Step, float | None]:
    """The step, and its operations before XLA optimises them, as XLA counts them."""
    program = jax.jit(make_step(subject, regularize))
    lowered = program.lower(subject.start, *subject.batch)
    return program, (lowered.cost_analysis() or {}).get("flops")


def train(
    program: loop.Step, subject: Subject, steps: int
) -> tuple[float, state.StepMetrics]:
    """Steps from the start on the same batch: processor seconds, the last metrics."""
    current, began = subject.start, process_time()
    for _ in range(steps):
        current, metrics = program(current, *subject.batch)
    jax.block_until_ready((current, metrics))
    return process_time() - began, metrics


def beside_plain(
    runs: Mapping[str, Callable[[int], tuple[float, Any]]], steps: int, repeats: int
) -> tuple[dict[str, Timed], dict[str, Any]]:
    """Time steps of every row in turns; what `runs` gave besides comes second.

    `plain` runs before and after every other row, which is divided by the mean of the
    two: a machine that becomes busier slows all three.

    Args:
        runs: {row: take so many steps -> (processor seconds, anything)}.
        steps: taken at a time.
        repeats: rounds.
    """
    last = {name: run(1)[1] for name, run in tqdm(runs.items(), desc="compiling")}
    others = [name for name in runs if name != "plain"]
    turns = ["plain", *(name for other in others for name in (other, "plain"))]
    times = np.zeros((repeats, len(turns), 2))
    for turn, name in enumerate(tqdm(turns * repeats, desc="timing")):
        began = perf_counter()
        processor, last[name] = runs[name](steps)
        times[divmod(turn, len(turns))] = perf_counter() - began, processor
    plain, rest = times[:, ::2], times[:, 1::2]
    seconds, ratios = rest[..., 0] / steps, rest / (plain[:, :-1] + plain[:, 1:]) * 2
    timed = {"plain": Timed(plain[..., 0].ravel() / steps, np.ones(1), np.ones(1))}
    for n, name in enumerate(others):
        timed[name] = Timed(seconds[:, n], *ratios[:, n].T)
    return timed, last


def waiting(subject: Subject, num_images: int, steps: int, repeats: int) -> Timed:
    """The plain step with its data.

    Images are uint8 in memory, read and sent ahead by `loop.prefetch`, and augmented on
    the device. The loop waits for every step, so what it then waits for a batch is time
    in which the device has nothing to do. The first step, which compiles, is left out.
    """
    plain = make_step(subject, RegularizeSettings())

    @jax.jit
    def program(current, images, targets):
        key = jax.random.fold_in(jax.random.key(2), current.step)
        return plain(current, augmentation.augment(key, images / 255.0), targets)

    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (num_images, SIZE, SIZE, 3), np.uint8)
    targets = generator.integers(0, NUM_CLASSES, num_images)
    read = in_memory(images, targets, tuple(map(str, range(NUM_CLASSES)))).read
    stop, batch_size = 1 + steps * repeats, len(subject.batch[1])
    order = loop.batch_order(0, num_images, batch_size, start=0, stop=stop)
    batches, current, times = loop.prefetch(order, read), subject.start, []
    for _ in range(stop):
        began = perf_counter()
        batch = jax.block_until_ready(next(batches))
        ready = perf_counter()
        current, _ = jax.block_until_ready(program(current, *batch))
        times.append((ready - began, perf_counter() - began))
    waited, total = np.array(times[1:]).reshape(repeats, steps, 2).mean(1).T
    return Timed(total, waited / total)
