"""Images whose pixels are labelled with concepts, wherever they come from."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Int, Integer, UInt8


class Concept(NamedTuple):
    """A thing that can be labelled: a name and the category it belongs to."""

    name: str
    category: str


class Labelled(NamedTuple):
    """Images and what is where on them.

    Attributes:
        images: [B size size 3].
        labels: [B cells cells L] layers of label numbers, as many as these images
            need; 0 is no label, c + 1 is concept c. A label of a whole image fills a
            layer.
    """

    images: UInt8[np.ndarray, "B S S 3"]
    labels: Integer[np.ndarray, "B h w L"]


class ConceptSource(NamedTuple):
    """A set of labelled images, read or drawn when they are asked for.

    Attributes:
        load: (indices, size=, stride=) -> `Labelled` with images of `size` pixels
            along each axis and a label for every `stride` x `stride` of them, or a
            little more (`label_maps.mask_cells`).
        captions: [N] what to write below each image.
        strata: [N] number of each image's origin; images of one origin are alike, so
            chance levels exchange images within an origin only.
        concepts: [C], numbered from 1 in the labels.
        categories: in the order to show them.
        what: in words that follow a number, such as "photographs in camvid".
        digest: SHA-256 of what decides images and labels.
    """

    load: Callable[..., Labelled]
    captions: Sequence[str]
    strata: Int[np.ndarray, "N"]
    concepts: tuple[Concept, ...]
    categories: tuple[str, ...]
    what: str
    digest: str

    def category_numbers(self) -> list[int]:
        """[C] position of every concept's category in `categories`."""
        return [self.categories.index(concept.category) for concept in self.concepts]
