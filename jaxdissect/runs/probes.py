"""Running a network over images whose concepts are labelled, and dissecting layers."""

import dataclasses
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxdissect import dissection, model, networks
from jaxdissect.base import Params, Statistic
from jaxdissect.data.label_maps import mask_cells
from jaxdissect.runs import labelled, subjects
from jaxdissect.runs.progress import Progress
from jaxdissect.settings import ProtocolSettings

BATCH_SIZE = 70
PRESETS = {
    "pnas20": dissection.PNAS20,
    "cvpr17": dissection.CVPR17,
    "lite": dissection.LITE,
    "gan19": dissection.GAN19,
}

Batch = tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]
"""({layer: acts [B H W U]}, label maps [B h w L], positions of the images [B])."""


def presets(image_size: int) -> dict[str, dissection.Protocol]:
    """All presets, for images of that size.

    Raises:
        BadInput: a cell of some preset's masks would be larger than the images.
    """
    return {name: check_size(preset, image_size) for name, preset in PRESETS.items()}


class Look(NamedTuple):
    """A network looking at labelled images, batch by batch.

    Attributes:
        batch: (number) -> that batch.
        num_batches: of them.
        num_images: in all batches.
    """

    batch: Callable[[int], Batch]
    num_batches: int
    num_images: int

    def batches(self) -> Iterator[tuple[dict[str, np.ndarray], np.ndarray]]:
        """Activations and label maps of all images."""
        for number in range(self.num_batches):
            acts, labels, _ = self.batch(number)
            yield acts, labels


def make_protocol(config: ProtocolSettings, image_size: int) -> dissection.Protocol:
    """A preset with whatever else was given.

    Raises:
        BadInput: a value that is not allowed, or does not fit the images.
    """
    given = dataclasses.asdict(config)
    preset = PRESETS[given.pop("preset")]
    changed = {name: value for name, value in given.items() if value is not None}
    return check_size(dissection.check_protocol(preset._replace(**changed)), image_size)


def check_size(protocol: dissection.Protocol, image_size: int) -> dissection.Protocol:
    """The protocol itself, if its masks have cells on the images.

    Raises:
        BadInput: they have none.
    """
    mask_cells(image_size, protocol.stride)
    return protocol


def look_at(
    subject: subjects.Subject,
    probe: labelled.Probe,
    protocol: dissection.Protocol,
    *,
    batch_size: int,
    keep_bytes: int = 0,
) -> Look:
    """Run a network over labelled images whenever a batch is asked for.

    Args:
        subject: the network.
        probe: the images.
        protocol: the grid of their masks.
        batch_size: images per pass.
        keep_bytes: memory in which to keep batches, if all fit into it, so that the
            network runs only once.
    """
    size, indices = subject.image_size, probe.indices
    num_batches = -(-len(indices) // batch_size)

    def load(number: int) -> Batch:
        part = slice(number * batch_size, (number + 1) * batch_size)
        seen = probe.source.load(indices[part], size=size, stride=protocol.stride)
        found = subject.forward(seen.images)
        acts = {layer: np.asarray(found[layer]) for layer in subject.centres}
        return acts, seen.labels, np.arange(len(indices))[part]

    return Look(_keeping(load, num_batches, keep_bytes), num_batches, len(indices))


def _keeping(
    load: Callable[[int], Batch], num_batches: int, keep_bytes: int
) -> Callable[[int], Batch]:
    """Batches that stay in memory once loaded, where all of them can."""
    kept: dict[int, Batch] = {}

    def batch(number: int) -> Batch:
        if number in kept:
            return kept[number]
        loaded = load(number)
        if num_batches * sum(a.nbytes for a in jax.tree.leaves(loaded)) <= keep_bytes:
            kept[number] = loaded
        return loaded

    return batch


def passes_over(
    look: Look, progress: Progress, label: str = ""
) -> Callable[[str, Statistic], Any]:
    """A function that measures a statistic over all images, and can be killed.

    Args:
        look: the network and the images.
        progress: how far it is.
        label: of all passes.
    """

    def measure(name: str, statistic: Statistic) -> Any:
        named = f"{label} {name}".strip()
        return progress.accumulate(statistic, look.batch, look.num_batches, named)

    return measure


def make_dissect(
    network: networks.Network,
    layers: tuple[str, ...],
    generator: str,
    protocol: dissection.Protocol,
    *,
    seed: int,
    num_images: int,
    image_size: int,
) -> Callable[[Params], dict[str, dissection.Dissection]]:
    """A function of params that dissects some layers, each time on the same images.

    Raises:
        BadInput: unknown layer.
    """
    forward = model.forward_to(network, layers)
    centres = subjects.centres_of(network, layers, image_size)
    probe = labelled.generated_probe(generator, seed, num_images, image_size)

    def dissect(params: Params) -> dict[str, dissection.Dissection]:
        subject = subjects.Subject(
            partial(forward, params), centres, image_size, facts={}, digest=""
        )
        look = look_at(
            subject, probe, protocol, batch_size=BATCH_SIZE, keep_bytes=2**32
        )

        return dissection.dissect(
            look.batches,
            probe.source.concepts,
            centres,
            image_size,
            num_images=num_images,
            protocol=protocol,
        )

    return dissect
