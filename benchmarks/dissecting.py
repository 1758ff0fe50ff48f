"""What is dissected in the benchmark: a network, images, label maps, both passes."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from time import perf_counter, process_time
from typing import Any, NamedTuple

import jax
import numpy as np
from jax import Array

from jaxdissect import dissection, networks
from jaxdissect.base import Params, Statistic
from jaxdissect.dissection.layers import Layer, make_layers
from jaxdissect.networks.convolution import for_backend
from jaxdissect.streaming import accumulate

LAYER, STRIDE, NUM_TOP = "conv5_3", 4, 10
KINDS, REGIONS, BLOCKS = 4, 4, 7
"""Categories, concepts of each on an image, and blocks along an axis that they tile."""

Batch = tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]
"""({layer: acts [B H W U]}, label maps [B h w L], positions of the images [B])."""
Run = Callable[[int], tuple[float, Any]]
"""Take so many batches -> (processor seconds, result)."""


class Subject(NamedTuple):
    """A network and labelled images.

    Attributes:
        network: the table of stages.
        params: on the device.
        images: batches [B H W 3], on the device.
        labels: batches [B h w L] of label maps.
        categories: [C] category number of every concept.
    """

    network: networks.Network
    params: Params
    images: list[Array]
    labels: list[np.ndarray]
    categories: list[int]


class Found(NamedTuple):
    """Findings of every layer, and the seconds they took, part by part."""

    findings: dict[str, dissection.Findings]
    seconds: dict[str, float]


def random_subject(
    *, width: float, size: int, batches: int, batch: int, concepts: int
) -> Subject:
    """VGG-16 with random weights; images of coloured squares, so that units differ."""
    convolve = for_backend(jax.default_backend())
    network = networks.vgg16(2, width=width, grid=1, hidden=(), convolve=convolve)
    params = networks.init(jax.random.key(0), network, (size, size, 3))
    generator, images, labels = np.random.default_rng(0), [], []
    where = np.arange(size) * 8 // size
    for _ in range(batches):
        squares = generator.random((batch, 8, 8, 3), np.float32)
        noise = generator.standard_normal((batch, size, size, 3), np.float32)
        images.append(jax.device_put(squares[:, where][:, :, where] + 0.1 * noise))
        labels.append(label_maps(generator, batch, size // STRIDE, concepts))
    return Subject(network, params, images, labels, categories(concepts))


def categories(concepts: int) -> list[int]:
    """As many concepts in each category, in order."""
    return np.repeat(np.arange(KINDS), concepts // KINDS).tolist()


def label_maps(
    generator: np.random.Generator, count: int, side: int, concepts: int
) -> np.ndarray:
    """[count side side L] layers, one for each category: a few concepts, or none."""
    each = concepts // KINDS
    chosen = generator.integers(1, each + 1, (count, 1 + REGIONS, KINDS))
    chosen += np.arange(KINDS) * each
    chosen[:, 0] = 0
    tiles = generator.integers(0, 1 + REGIONS, (count, BLOCKS**2, KINDS))
    tiles = np.take_along_axis(chosen, tiles, 1).astype(np.int32)
    where = np.arange(side) * BLOCKS // side
    tiles = tiles.reshape(count, BLOCKS, BLOCKS, KINDS)
    return tiles[:, where][:, :, where]


def plain(subject: Subject) -> Run:
    """Forward passes up to the layer, and nothing else."""
    trunk = jax.jit(networks.split(subject.network, LAYER).trunk)

    def run(steps: int) -> tuple[float, None]:
        began = process_time()
        for images in subject.images[:steps]:
            jax.block_until_ready(trunk(subject.params, images))
        return process_time() - began, None

    return run


def dissected(
    subject: Subject, layers: tuple[str, ...], protocol: dissection.Protocol
) -> Run:
    """Images to findings: the network runs once, its activations are kept."""
    forward = jax.jit(networks.taps(subject.network, layers))
    spread = spread_of(subject, layers, protocol)

    def run(steps: int) -> tuple[float, Found]:
        kept: list[Batch] = []
        seconds = {"forward": 0.0}

        def first_pass() -> Iterator[Batch]:
            for number in range(steps):
                began = perf_counter()
                found = forward(subject.params, subject.images[number])
                acts = {layer: np.asarray(found[layer]) for layer in layers}
                kept.append((acts, subject.labels[number], positions(subject, number)))
                seconds["forward"] += perf_counter() - began
                yield kept[-1]

        began = process_time()
        batches = lambda: list(kept) if kept else first_pass()  # noqa: E731
        found = find(subject, spread, protocol, batches, steps)
        found.seconds["thresholds"] -= seconds["forward"]
        used = process_time() - began
        return used, found._replace(seconds=seconds | found.seconds)

    return run


def dissected_kept(
    subject: Subject, batches: Sequence[Batch], protocol: dissection.Protocol
) -> Run:
    """Kept activations to findings, without the network."""
    spread = spread_of(subject, tuple(batches[0][0]), protocol)

    def run(steps: int) -> tuple[float, Found]:
        began = process_time()
        found = find(subject, spread, protocol, lambda: batches[:steps], steps)
        return process_time() - began, found

    return run


def find(
    subject: Subject,
    layers: Mapping[str, Layer],
    protocol: dissection.Protocol,
    batches: Callable[[], Iterable[Batch]],
    steps: int,
) -> Found:
    """`dissection.find`, and how long each of its passes took."""
    seconds = {}

    def measure(name: str, statistic: Statistic) -> Any:
        began = perf_counter()
        value = accumulate(statistic, batches())
        seconds[name] = perf_counter() - began
        return value

    findings = dissection.find(
        measure,
        layers,
        subject.categories,
        num_images=steps * len(subject.labels[0]),
        num_top=NUM_TOP,
        protocol=protocol,
    )
    return Found(findings, seconds)


def kept_batches(subject: Subject) -> list[Batch]:
    """Activations of the layer on all images."""
    trunk = jax.jit(networks.split(subject.network, LAYER).trunk)
    return [
        (
            {LAYER: np.asarray(trunk(subject.params, images))},
            labels,
            positions(subject, n),
        )
        for n, (images, labels) in enumerate(
            zip(subject.images, subject.labels, strict=True)
        )
    ]


def spread_of(
    subject: Subject, layers: tuple[str, ...], protocol: dissection.Protocol
) -> dict[str, Layer]:
    """How the layers' maps lie on the grid of the masks."""
    size = subject.images[0].shape[1]
    forward = networks.taps(subject.network, layers)
    shapes = jax.eval_shape(forward, subject.params, subject.images[0])
    acts = {layer: np.empty(shapes[layer].shape) for layer in layers}
    centres = {
        layer: networks.centres(subject.network, layer, size) for layer in layers
    }
    return make_layers(acts, subject.labels[0], centres, size, protocol)


def positions(subject: Subject, number: int) -> np.ndarray:
    """Of the images of a batch among all."""
    count = len(subject.labels[number])
    return np.arange(number * count, (number + 1) * count)
