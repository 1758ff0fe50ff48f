"""Images whose pixels are labelled with concepts, wherever they come from."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int, Integer, UInt8

from jaxdissect.errors import BadInput

Watch = Callable[[Iterable, int], Iterable]
"""(items, how many) -> the same items, on a progress bar perhaps."""


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
        notes: sentences on what was left out or taken together, for the report.
        survey: (indices, watch) -> sentences on which labels these images' files have,
            or `BadInput` where they cannot be meant; `watch` goes through an iterable
            of a known length and yields its items. None where labels are generated.
        told: the settings by which `dissect` has the same images.
    """

    load: Callable[..., Labelled]
    captions: Sequence[str]
    strata: Int[np.ndarray, "N"]
    concepts: tuple[Concept, ...]
    categories: tuple[str, ...]
    what: str
    digest: str
    notes: tuple[str, ...] = ()
    survey: Callable[[Int[np.ndarray, "B"], Watch], list[str]] | None = None
    told: Mapping[str, Any] = {}

    def category_numbers(self) -> list[int]:
        """[C] position of every concept's category in `categories`.

        Raises:
            BadInput: no concept, one that is there twice, or of no such category.
        """
        if not self.concepts:
            raise BadInput("`concepts` is empty; at least one concept is needed")
        times = Counter(self.concepts)
        for concept in self.concepts:
            if times[concept] > 1:
                raise BadInput(
                    f"`concepts` has {concept.category}/{concept.name} twice; a "
                    "concept has one number"
                )
            if concept.category not in self.categories:
                raise BadInput(
                    f"`concepts` has {concept.category}/{concept.name}; `categories` "
                    f"are {', '.join(self.categories)}"
                )
        return [self.categories.index(concept.category) for concept in self.concepts]


def plain(name: str) -> str:
    """A name but for case and blanks.

    >>> plain(" Traffic  light")
    'traffic light'
    """
    return " ".join(name.casefold().split())


def distinct(
    concepts: Mapping[int, Concept],
) -> tuple[tuple[Concept, ...], dict[int, int], str]:
    """The different ones among numbered concepts.

    Names, and categories, that differ in case or blanks only are one, spelled as the
    first of them.

    Args:
        concepts: {number in files: concept}.

    Returns:
        (concepts [C], {number in files: label from 1 to C}, a sentence on the numbers
        that are of one concept, or "").

    >>> distinct({3: Concept("Car", "object"), 7: Concept("car ", "object")})
    ((Concept(name='Car', category='object'),), {3: 1, 7: 1}, 'Car (3, 7) is one ...')
    """
    labels: dict[tuple[str, str], int] = {}
    spelled: dict[str, str] = {}
    unique: list[Concept] = []
    meant: dict[int, int] = {}
    for number, (name, category) in concepts.items():
        category = spelled.setdefault(plain(category), category.strip())
        key = plain(name), plain(category)
        if key not in labels:
            unique.append(Concept(name.strip(), category))
        meant[number] = labels.setdefault(key, len(unique))
    return tuple(unique), meant, _merged(unique, meant)


def _merged(concepts: Sequence[Concept], meant: Mapping[int, int]) -> str:
    numbers: dict[int, list[str]] = {}
    for number, label in meant.items():
        numbers.setdefault(label, []).append(str(number))
    several = [
        f"{concepts[label - 1].name} ({', '.join(of)})"
        for label, of in numbers.items()
        if len(of) > 1
    ]
    if not several:
        return ""
    are = "is one concept" if len(several) == 1 else "are one concept each"
    return f"{', '.join(several)} {are}."
