"""Running a network over images whose concepts are labelled, and dissecting layers."""

import dataclasses
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxdissect import dissection, networks
from jaxdissect.base import Params, Statistic
from jaxdissect.cli import build, outputs, resuming, sources, subjects
from jaxdissect.cli.config import DissectConfig, ProtocolConfig
from jaxdissect.data.label_maps import mask_cells
from jaxdissect.dissection.layers import make_layers
from jaxdissect.dissection.pipeline import levels_of_layers

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


class Run(NamedTuple):
    """What a run dissects, and how.

    Attributes:
        config: the settings.
        subject: the network.
        probe: images to dissect with.
        choosing: images to choose levels on, where the protocol does so.
        protocol: the conventions.
    """

    config: DissectConfig
    subject: subjects.Subject
    probe: sources.Probe
    choosing: sources.Probe | None
    protocol: dissection.Protocol


def make_protocol(config: ProtocolConfig, image_size: int) -> dissection.Protocol:
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
    probe: sources.Probe,
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


def find(
    this: Run, progress: Path, label: str = "", *, num_draws: int = 0
) -> dict[str, dissection.Findings]:
    """Dissect all layers of a network, running it as often as that takes.

    Args:
        this: what is dissected, and how.
        progress: folder in which to write down what is done.
        label: what is dissected, where a run dissects several times.
        num_draws: resamples behind intervals; 0 for neither these nor chance levels.
    """
    config, subject, probe, choosing, protocol = this

    def look(images: sources.Probe) -> Look:
        return look_at(
            subject,
            images,
            protocol,
            batch_size=config.batch_size,
            keep_bytes=config.keep_mib * 2**20,
        )

    looked = look(probe)
    acts, labels, _ = looked.batch(0)
    layers = make_layers(acts, labels, subject.centres, subject.image_size, protocol)
    categories = probe.source.category_numbers()
    levels = sampling = None
    if choosing is not None:
        levels = levels_of_layers(look(choosing).batches, layers, categories, protocol)
    if num_draws:
        key, strata = jax.random.key(config.seed), probe.source.strata[probe.indices]
        sampling = dissection.Sampling(key, strata, num_draws)
    return dissection.find(
        passes_over(looked, progress, label),
        layers,
        categories,
        num_images=looked.num_images,
        num_top=config.num_top,
        protocol=protocol,
        levels=levels,
        sampling=sampling,
        memory_bytes=config.memory_mib * 2**20,
    )


def passes_over(
    look: Look, folder: Path, label: str = ""
) -> Callable[[str, Statistic], Any]:
    """A function that measures a statistic over all images, and can be killed.

    Args:
        look: the network and the images.
        folder: where to write down what is done.
        label: of all passes.
    """

    def measure(name: str, statistic: Statistic) -> Any:
        def batches(done: int) -> Iterator[Batch]:
            numbers = range(done, look.num_batches)
            for number in outputs.progress(numbers, look.num_batches, named, done):
                yield look.batch(number)

        named = f"{label} {name}".strip()
        file = folder / f"{named.replace(' ', '_')}.npz"
        return resuming.accumulate_resumably(statistic, batches, look.num_batches, file)

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
    forward = build.forward_to(network, layers)
    centres = subjects.centres_of(network, layers, image_size)
    probe = sources.generated_probe(generator, seed, num_images, image_size)

    def dissect(params: Params) -> dict[str, dissection.Dissection]:
        subject = subjects.Subject(
            partial(forward, params), centres, image_size, facts={}, digest=""
        )
        look = look_at(
            subject, probe, protocol, batch_size=BATCH_SIZE, keep_bytes=2**32
        )

        return dissection.dissect(
            look.batches,
            probe.source.category_numbers(),
            centres,
            image_size,
            num_images=num_images,
            protocol=protocol,
        )

    return dissect
