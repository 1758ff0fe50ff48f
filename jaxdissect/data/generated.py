"""Generated images by split: which they are, rendering them, telling worlds apart."""

import hashlib
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int

from jaxdissect.data import images
from jaxdissect.data import scene_rendering as scenes
from jaxdissect.data import shape_rendering as shapes
from jaxdissect.data.concepts import Concept, ConceptSource, Labelled
from jaxdissect.data.images import Batch, ImageSet, check_numbers
from jaxdissect.data.label_maps import mask_cells, middles
from jaxdissect.errors import BadInput

SPLIT_SIZE = 1_000_000
SPLITS = ("train", "test", "probe", "rank", "report")
SPLIT_STARTS = {name: number * SPLIT_SIZE for number, name in enumerate(SPLITS)}
"""First scene index of every split; no two splits share a scene."""


def split_indices(split: str, number: int) -> range:
    """Scene indices of a split.

    Raises:
        BadInput: more scenes than the split has.
    """
    start = SPLIT_STARTS[split]
    if number > SPLIT_SIZE:
        raise BadInput(f"the {split} split has {SPLIT_SIZE} scenes, not {number}")
    return range(start, start + number)


def scene_set(seed: int, split: str, number: int, size: int) -> ImageSet:
    """The first scenes of a split, rendered whenever they are read.

    Raises:
        BadInput: more scenes than the split has.
    """
    indices = split_indices(split, number)

    def read(numbers: Int[np.ndarray, "B"]) -> Batch:
        check_numbers(numbers, number)
        drawn = scenes.render(seed, [indices[n] for n in numbers.tolist()], size=size)
        return drawn.images, drawn.targets

    sha = images.fingerprint([scenes_fingerprint(seed, size), split, number])
    labels = np.array(indices) % len(scenes.CLASSES)
    return ImageSet(scenes.CLASSES, number, read, size, sha, labels)


def fingerprint(
    render: Callable[..., Any], num_classes: int, seed: int, size: int
) -> str:
    """SHA-256 of an image of each class; another generator would draw other ones."""
    sample = render(seed, range(num_classes), size=size)
    sha = hashlib.sha256()
    for array in sample:
        sha.update(np.ascontiguousarray(array).tobytes())
    return sha.hexdigest()


def scenes_fingerprint(seed: int, size: int) -> str:
    """SHA-256 of a scene of each class."""
    return fingerprint(scenes.render, len(scenes.CLASSES), seed, size)


class Generator(NamedTuple):
    """Draws images with pixel-exact concept labels.

    Attributes:
        render: (seed, indices, size=) -> images, labels [B S S L], targets.
        concepts: [C], numbered from 1 in the labels.
        categories: [L], one label layer each.
        classes: names of the targets; image i is of class i % len(classes).
    """

    render: Callable[..., Any]
    concepts: tuple[Concept, ...]
    categories: tuple[str, ...]
    classes: tuple[str, ...]


GENERATORS = {
    "scenes": Generator(
        scenes.render, scenes.CONCEPTS, scenes.CATEGORIES, scenes.CLASSES
    ),
    "shapes": Generator(
        shapes.render, shapes.CONCEPTS, shapes.CATEGORIES, shapes.CLASSES
    ),
}


def source(name: str, seed: int, number: int, size: int) -> ConceptSource:
    """Generated images of the split that is kept for probing, with their concepts.

    Args:
        name: of the generator.
        seed: of the images.
        number: how many.
        size: in pixels; the digest is of images of this size.

    Raises:
        BadInput: more images than there are.
    """
    generator, indices = GENERATORS[name], split_indices("probe", number)

    def load(positions: Int[np.ndarray, "B"], *, size: int, stride: int) -> Labelled:
        chosen = [indices[position] for position in positions]
        drawn = generator.render(seed, chosen, size=size)
        middle = middles(size, mask_cells(size, stride))
        return Labelled(drawn.images, drawn.labels[:, middle][:, :, middle])

    classes = generator.classes
    return ConceptSource(
        load,
        tuple(classes[index % len(classes)] for index in indices),
        np.zeros(len(indices), int),
        generator.concepts,
        generator.categories,
        f"generated {name}, seed {seed}",
        fingerprint(generator.render, len(classes), seed, size),
    )
