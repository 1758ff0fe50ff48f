"""Running a network over images whose concepts are labelled, and dissecting layers."""

import dataclasses
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from jaxdissect import dissection, networks
from jaxdissect.base import BadInput, Params
from jaxdissect.cli import build, generated
from jaxdissect.cli.config import ProtocolConfig
from jaxdissect.data import scenes, shapes
from jaxdissect.data.concepts import Concept
from jaxdissect.streaming import TopExamples, accumulate, top_examples

BATCH_SIZE = 70
PRESETS = {"pnas20": dissection.PNAS20, "cvpr17": dissection.CVPR17}


class ConceptImages(NamedTuple):
    """Generated images with pixel-exact concept labels.

    Attributes:
        render: (seed, indices, size=) -> images, labels [B h w L], targets.
        concepts: [C], numbered from 1 in the labels.
        categories: [L], one label layer each.
        classes: names of the targets.
    """

    render: Callable[..., Any]
    concepts: tuple[Concept, ...]
    categories: tuple[str, ...]
    classes: tuple[str, ...]

    def category_numbers(self) -> list[int]:
        """[C] the category of every concept."""
        return [self.categories.index(concept.category) for concept in self.concepts]


CONCEPT_IMAGES = {
    "scenes": ConceptImages(
        scenes.render, scenes.CONCEPTS, scenes.CATEGORIES, scenes.CLASSES
    ),
    "shapes": ConceptImages(
        shapes.render, shapes.CONCEPTS, shapes.CATEGORIES, shapes.CLASSES
    ),
}


class Probe(NamedTuple):
    """What a network did on the probe images.

    Attributes:
        acts: {layer: per batch, [B H W U]}.
        labels: per batch, concept label maps [B h w L] on the protocol's grid.
        num_images: in all batches.
        image_size: in pixels.
    """

    acts: Mapping[str, list[np.ndarray]]
    labels: list[np.ndarray]
    num_images: int
    image_size: int


def make_protocol(config: ProtocolConfig, image_size: int) -> dissection.Protocol:
    """A preset with whatever else was given.

    Raises:
        BadInput: a value that is not allowed, or does not fit the images.
    """
    given = dataclasses.asdict(config)
    preset = PRESETS[given.pop("preset")]
    changed = {name: value for name, value in given.items() if value is not None}
    protocol = dissection.check_protocol(preset._replace(**changed))
    if image_size % protocol.stride:
        raise BadInput(
            f"`stride` is {protocol.stride}; it must divide the image size {image_size}"
        )
    return protocol


def observe(
    forward: Callable[[np.ndarray], Mapping[str, Any]],
    layers: tuple[str, ...],
    images: ConceptImages,
    protocol: dissection.Protocol,
    *,
    seed: int,
    num_images: int,
    image_size: int,
    batch_size: int,
) -> Probe:
    """Run a network over the probe images once.

    Args:
        forward: images -> {layer: activations}.
        layers: which to keep.
        images: what to render.
        protocol: the grid of its masks.
        seed: of the images.
        num_images: how many.
        image_size: in pixels.
        batch_size: images per pass.
    """
    indices = generated.split_indices("probe", num_images)
    # A mask cell takes the label of its middle pixel.
    middle = slice(protocol.stride // 2, None, protocol.stride)
    acts: dict[str, list[np.ndarray]] = {layer: [] for layer in layers}
    labels = []
    for batch in generated.rendered(
        images.render, seed, indices, image_size, batch_size, "probing units"
    ):
        found = forward(batch.images)
        for layer in layers:
            acts[layer].append(np.asarray(found[layer]))
        labels.append(batch.labels[:, middle, middle])
    return Probe(acts, labels, num_images, image_size)


def dissect_layer(
    network: networks.Network,
    layer: str,
    probe: Probe,
    images: ConceptImages,
    protocol: dissection.Protocol,
) -> dissection.Dissection:
    """Thresholds, overlap and labels of one observed layer."""
    return dissection.dissect(
        lambda: zip(probe.acts[layer], probe.labels, strict=True),
        images.category_numbers(),
        networks.centres(network, layer, probe.image_size),
        probe.image_size,
        num_images=probe.num_images,
        protocol=protocol,
    )


def make_dissect(
    network: networks.Network,
    layers: tuple[str, ...],
    images: ConceptImages,
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

    def dissect(params: Params) -> dict[str, dissection.Dissection]:
        probe = observe(
            partial(forward, params),
            layers,
            images,
            protocol,
            seed=seed,
            num_images=num_images,
            image_size=image_size,
            batch_size=BATCH_SIZE,
        )
        return {
            layer: dissect_layer(network, layer, probe, images, protocol)
            for layer in layers
        }

    return dissect


def top_images(probe: Probe, layer: str, num_top: int) -> TopExamples:
    """The images on which each unit peaks highest, by position in the probe set."""
    acts = probe.acts[layer]
    starts = np.cumsum([0, *map(len, acts)])
    peaks = (
        (a.max((1, 2)), start + np.arange(len(a)))
        for start, a in zip(starts, acts, strict=False)
    )
    return accumulate(top_examples(num_top), peaks)
