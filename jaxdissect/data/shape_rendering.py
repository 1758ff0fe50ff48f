"""Two coloured shapes on white: a set whose every concept is known.

64 x 64 images with a shape in each half; a class is an unordered pair of coloured
shapes. `python -m jaxdissect.data.shape_rendering docs/shapes.png` draws all classes.

Reference:
    Varshneya et al., Learning interpretable concept groups in CNNs, IJCAI 2021.
"""

import itertools
import sys
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int, Int32, UInt8

from jaxdissect.data.concepts import Concept
from jaxdissect.data.scene_rendering import chance
from jaxdissect.errors import BadInput

CATEGORIES = ("colour", "shape", "coloured shape")
COLOURS = {"blue": (0, 0, 255), "green": (0, 255, 0), "red": (255, 0, 0)}
SHAPES = ("circle", "square", "triangle")
COLOURED = tuple(f"{colour} {shape}" for colour in COLOURS for shape in SHAPES)
CONCEPTS = (
    *(Concept(name, "colour") for name in COLOURS),
    *(Concept(name, "shape") for name in SHAPES),
    *(Concept(name, "coloured shape") for name in COLOURED),
)
PAIRS = tuple(itertools.combinations_with_replacement(range(len(COLOURED)), 2))
"""The two coloured shapes of each class, as numbers of `COLOURED`."""
CLASSES = tuple(f"{COLOURED[first]}, {COLOURED[second]}" for first, second in PAIRS)
SQUARE_CLASSES = ("no square", "square")
"""The classes of the binary task; see `has_square`."""

TRAIN, TEST = range(512 * len(CLASSES)), range(512 * len(CLASSES), 640 * len(CLASSES))
"""The paper's 640 images of each class, four fifths of them for training."""

MIN_SIZE = 32


class Shapes(NamedTuple):
    """A batch of images, pixel-exact labels and class indices."""

    images: UInt8[np.ndarray, "B size size 3"]
    labels: UInt8[np.ndarray, "B size size 3"]
    targets: Int32[np.ndarray, "B"]


def render(seed: int, indices: Iterable[int], *, size: int = 64) -> Shapes:
    """Draw images; image i of a seed has the same pixels in any batch.

    The class of image i is i % 45, so any run of indices is balanced. Which of the two
    shapes is on the left, and where in its half each stands, is uniform; a shape lies
    wholly inside its half and is 12 pixels across where the image has 64.

    Args:
        seed: which set of images, in [0, 2 ** 63).
        indices: which images of it, in [0, 2 ** 63), in any order; `TRAIN`
            and `TEST` are as many as the paper has.
        size: height and width in pixels, at least 32.

    Returns:
        Images; labels, layer l holding numbers of concepts of CATEGORIES[l] (concept c
        has number c + 1, no label is 0); class indices.

    Raises:
        BadInput: `size` below 32, or `seed` or an index out of range.

    Reference:
        Varshneya et al., IJCAI 2021, the synthetic data set. The triangle (as high as
        wide) and edges that are not softened are ours, as are the random draws.

    >>> images, labels, targets = render(0, [44], size=32)
    >>> CLASSES[targets[0]], [CONCEPTS[k - 1].name for k in np.unique(labels) if k]
    ('red triangle, red triangle', ['red', 'triangle', 'red triangle'])
    """
    indices = list(map(int, indices))
    if size < MIN_SIZE:
        raise BadInput(f"`size` is {size}; it must be at least {MIN_SIZE}")
    for name, values in (("seed", [seed]), ("indices", indices)):
        for value in values:
            if not 0 <= value < 2**63:
                raise BadInput(f"`{name}` has {value}; allowed are 0 to 2**63 - 1")
    shape = (len(indices), size, size, 3)
    images, labels = np.empty(shape, np.uint8), np.empty(shape, np.uint8)
    stencils = _stencils(12 * size // 64)
    for b, index in enumerate(indices):
        drawn = _drawn(
            chance.Dice(seed, index), PAIRS[index % len(PAIRS)], stencils, size
        )
        # One map gives both, so no label can be off by a pixel.
        images[b], labels[b] = _RGB[drawn], _LABELS[drawn]
    targets = np.array([index % len(CLASSES) for index in indices], np.int32)
    return Shapes(images, labels, targets)


def has_square(targets: Int[np.ndarray, "B"]) -> Int32[np.ndarray, "B"]:
    """The targets of the binary task: 1 where one of the two shapes is a square.

    24 of the 45 classes have one.

    Args:
        targets: numbers of `CLASSES`.

    Returns:
        Numbers of `SQUARE_CLASSES`.

    Raises:
        BadInput: a target that is not the number of a class.

    >>> targets = np.array([CLASSES.index("blue circle, red square"), 0])
    >>> has_square(targets).tolist()
    [1, 0]
    """
    if len(targets) and not 0 <= targets.min() <= targets.max() < len(CLASSES):
        odd = targets[(targets < 0) | (targets >= len(CLASSES))][0]
        raise BadInput(f"`targets` has {odd}; allowed are 0 to {len(CLASSES) - 1}")
    table = ["square" in name for name in CLASSES]
    return np.array(table, np.int32)[targets]


def _stencils(across: int) -> Bool[np.ndarray, "3 S S"]:
    """The pixels of each of `SHAPES` in a box of across x across, in integers only."""
    row, column = np.mgrid[:across, :across]
    # Twice the way from the middle of the box to a pixel's centre.
    down, right = 2 * row + 1 - across, 2 * column + 1 - across
    circle = down**2 + right**2 <= across**2
    return np.stack([circle, np.ones_like(circle), abs(right) <= row + 1])


def _drawn(
    dice: chance.Dice,
    pair: tuple[int, int],
    stencils: Bool[np.ndarray, "3 S S"],
    size: int,
) -> UInt8[np.ndarray, "size size"]:
    """What stands at each pixel: 1 + the number of a coloured shape, or 0."""
    canvas = np.zeros((size, size), np.uint8)
    across, half = len(stencils[0]), size // 2
    for start, number in zip((0, size - half), dice.shuffled(pair), strict=True):
        y = dice.count(0, size - across)
        x = start + dice.count(0, half - across)
        stencil = stencils[number % len(SHAPES)]
        canvas[y : y + across, x : x + across] = stencil * np.uint8(number + 1)
    return canvas


def _sheet(seed: int = 0):
    """All classes, as half a table; in the other half, one image's label layers."""
    from PIL import Image, ImageDraw, ImageFont

    shown, cell, left, top = 128, 134, 92, 20
    extent = len(COLOURED) * cell
    sheet = Image.new("RGB", (left + extent, top + extent), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)

    def write(text, x, y, anchor):
        draw.text((x, y), text, "#2b2b30", font, anchor=anchor)

    def paste(array, column, row):
        picture = Image.fromarray(array).resize(
            (shown, shown), Image.Resampling.NEAREST
        )
        x, y = left + column * cell, top + row * cell
        sheet.paste(picture, (x, y))
        draw.rectangle((x - 1, y - 1, x + shown, y + shown), outline="#c8c8cc")

    images, labels, _ = render(seed, range(len(CLASSES)))
    for image, (row, column) in zip(images, PAIRS, strict=True):
        paste(image, column, row)
    for k, name in enumerate(COLOURED):
        write(name, left + k * cell, 2, "la")
        write(name, left + k * cell - 8, top + k * cell + shown // 2, "rm")
    example, row = CLASSES.index("blue circle, red square"), len(COLOURED) - 2
    maps = _GREYS[labels[example]]
    for column, name in enumerate(("an image", *CATEGORIES)):
        write(name, left + column * cell, top + row * cell - 18, "la")
        paste(maps[..., column - 1] if column else images[example], column, row)
    return sheet


_KINDS = np.array(
    [(k // len(SHAPES), k % len(SHAPES), k) for k in range(len(COLOURED))]
)
_FIRST = np.array([1, 1 + len(COLOURS), 1 + len(COLOURS) + len(SHAPES)])
_LABELS = np.concatenate([np.zeros((1, 3), int), _KINDS + _FIRST]).astype(np.uint8)
_RGB = np.array(
    [(255, 255, 255), *np.repeat(list(COLOURS.values()), len(SHAPES), 0)], np.uint8
)
# A step that shares no factor with 16 tells neighbouring numbers apart.
_GREYS = (255 - np.arange(len(CONCEPTS) + 1) * 5 % 16 * 15).astype(np.uint8)

if __name__ == "__main__":
    _sheet().quantize(64).save(sys.argv[1], optimize=True)
