"""Colour concepts for any images: the eleven basic colour names of English.

Which name a colour has is a matter of prototypes: it has that of the nearest one in
CIELAB. The prototypes are ours. Broden's colour labels come from a table that van de
Weijer et al. learned from photographs of the web; it is not ours to ship, and differs
from this one near the borders between names.

References:
    Berlin and Kay, Basic Color Terms, 1969; van de Weijer et al., Learning color names
    for real-world applications, IEEE Transactions on Image Processing 2009.
"""

import numpy as np
from jaxtyping import Float64, Int, UInt8

from jaxdissect.data.concepts import Concept, ConceptSource, Labelled
from jaxdissect.data.images import fingerprint
from jaxdissect.data.label_maps import middles
from jaxdissect.data.scene_rendering import vocabulary
from jaxdissect.errors import BadInput

NAMES = vocabulary.NAMES["colour"]
"""Name k has label k + 1 in `colour_labels`."""

# In sRGB. The outer ones of a name keep its dark, pale and dull forms from their
# neighbours: navy from purple and black, olive from yellow, pale blue from white.
PROTOTYPES = {
    "black": ((0, 0, 0), (35, 35, 35)),
    "blue": (
        (60, 110, 190), (0, 0, 255), (40, 60, 230), (0, 160, 220), (150, 190, 230),
        (200, 240, 250), (55, 85, 120), (0, 0, 100), (10, 20, 60),
    ),
    "brown": (
        (110, 70, 40), (150, 100, 60), (165, 125, 95), (195, 165, 130), (130, 108, 88),
        (170, 110, 20), (130, 50, 20), (85, 65, 55), (60, 35, 20),
    ),
    "grey": ((128, 128, 128), (165, 165, 165), (200, 200, 200), (75, 75, 75)),
    "green": (
        (0, 128, 0), (0, 220, 60), (0, 150, 120), (130, 190, 90), (150, 220, 150),
        (160, 215, 40), (150, 165, 20), (95, 110, 60), (80, 110, 90), (75, 85, 60),
        (0, 60, 20),
    ),
    "orange": ((255, 140, 0), (240, 100, 30), (250, 170, 90), (205, 110, 15)),
    "pink": (
        (240, 130, 170), (255, 190, 205), (250, 225, 230), (255, 60, 160),
        (230, 90, 210), (200, 110, 130),
    ),
    "purple": (
        (130, 50, 160), (170, 30, 250), (190, 115, 245), (205, 75, 200),
        (180, 130, 210), (110, 80, 130), (85, 5, 120), (50, 5, 65),
    ),
    "red": ((230, 20, 20), (170, 20, 30), (110, 0, 10), (210, 60, 60), (120, 40, 50)),
    "white": ((255, 255, 255), (235, 235, 230)),
    "yellow": (
        (255, 240, 0), (205, 235, 20), (240, 205, 60), (250, 240, 140), (205, 180, 40),
    ),
}  # fmt: skip
"""The colours that have each name."""


def colour_labels(images: UInt8[np.ndarray, "B H W 3"]) -> UInt8[np.ndarray, "B H W"]:
    """The number of the basic colour name of each pixel.

    The name of the prototype nearest in CIELAB, after each channel has been rounded to
    the middle of its 32 levels.

    Args:
        images: sRGB.

    Returns:
        1 to 11, in the order of `NAMES`; 0 never.

    >>> pixels = np.array([[[[200, 20, 20], [250, 250, 250]]]], np.uint8)
    >>> [NAMES[label - 1] for label in colour_labels(pixels)[0, 0]]
    ['red', 'white']
    """
    levels = (images >> 3).astype(np.int32)
    return _LABELS[levels[..., 0], levels[..., 1], levels[..., 2]]


def with_colours(source: ConceptSource) -> ConceptSource:
    """A source with the colours of its images as one more category, and layer.

    A cell has the colour of its middle pixel in the image of the size asked for.

    Args:
        source: without colours.

    Raises:
        BadInput: the source has a category "colour" or "color".

    >>> def load(indices, *, size, stride):
    ...     grid = (len(indices), size // stride, size // stride, 1)
    ...     images = np.zeros((len(indices), size, size, 3), np.uint8)
    ...     return Labelled(images, np.ones(grid, np.uint8))
    >>> sky = Concept("sky", "object")
    >>> night = ConceptSource(
    ...     load, ["a"], np.zeros(1, int), (sky,), ("object",), "1 image", "7f"
    ... )
    >>> coloured = with_colours(night)
    >>> labels = coloured.load(np.arange(1), size=8, stride=4).labels
    >>> [coloured.concepts[label - 1].name for label in labels[0, 0, 0]]
    ['sky', 'black']
    """
    for category in source.categories:
        if category.lower() in ("colour", "color"):
            raise BadInput(f"`source` has a category {category!r} already")
    first = len(source.concepts)

    def load(indices: Int[np.ndarray, "B"], *, size: int, stride: int) -> Labelled:
        images, labels = source.load(indices, size=size, stride=stride)
        dtype = np.result_type(labels, np.min_scalar_type(first + len(NAMES)))
        middle = middles(size, labels.shape[1])
        colours = colour_labels(images[:, middle][:, :, middle]).astype(dtype) + first
        return Labelled(images, np.concatenate([labels, colours[..., None]], -1))

    return source._replace(
        load=load,
        concepts=(*source.concepts, *(Concept(name, "colour") for name in NAMES)),
        categories=(*source.categories, "colour"),
        what=f"{source.what}, with colours",
        digest=fingerprint(["with_colours", source.digest], _LABELS),
    )


def _lab(rgb: Float64[np.ndarray, "... 3"]) -> Float64[np.ndarray, "... 3"]:
    """sRGB in [0, 255] to CIELAB under D65 (IEC 61966-2-1; CIE 15)."""
    c = rgb / 255
    linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    to_xyz = np.array(
        [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    )
    ratios = linear @ (to_xyz / to_xyz.sum(1, keepdims=True)).T
    straight = ratios / (3 * (6 / 29) ** 2) + 4 / 29
    x, y, z = np.moveaxis(
        np.where(ratios > (6 / 29) ** 3, np.cbrt(ratios), straight), -1, 0
    )
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -1)


def _label_table() -> UInt8[np.ndarray, "32 32 32"]:
    level = np.arange(4.0, 256, 8)
    colours = _lab(np.stack(np.meshgrid(level, level, level, indexing="ij"), -1))
    distances = [
        ((colours[..., None, :] - _lab(np.array(PROTOTYPES[name], float))) ** 2)
        .sum(-1)
        .min(-1)
        for name in NAMES
    ]
    return np.argmin(distances, 0).astype(np.uint8) + np.uint8(1)


_LABELS = _label_table()
