"""Pictures on disk and the maps of their labels, read onto a square grid."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Int, Integer

from jaxdissect.data import listing
from jaxdissect.data.concepts import Labelled
from jaxdissect.errors import BadInput

ReadOne = Callable[[int, int, int], tuple[np.ndarray, list[np.ndarray]]]
"""(number, size, cells) -> (image [size size 3], label layers [cells cells])."""


def files_below(folder: Path) -> dict[str, int]:
    """{path relative to the folder: length in bytes} of all files, in order.

    As `listing.listing` finds them, so a folder that is linked twice is there once.

    >>> files_below(Path("/nowhere"))
    {}
    """
    return listing.listing(folder, suffixes=(), deep=True).files


def mask_cells(size: int, stride: int) -> int:
    """Cells of the masks of images along each axis: as many strides as fit whole.

    They divide the image into equal parts, so where the stride does not divide the size
    a cell is wider than it by a fraction of a pixel, the same for all cells.

    Args:
        size: of the images, in pixels.
        stride: pixels per cell.

    Raises:
        BadInput: a stride below 1 or above the size.

    >>> mask_cells(224, 4), mask_cells(227, 4)
    (56, 56)
    """
    if not 1 <= stride <= size:
        raise BadInput(f"`stride` is {stride}; it must be from 1 to the size, {size}")
    return size // stride


def middles(length: int, cells: int) -> Int[np.ndarray, "{cells}"]:
    """The pixel in the middle of each of the equal parts of an axis.

    The one that the middle of the part lies in; where it lies between two, as in a part
    of an even number of pixels, the later one.

    Args:
        length: of the axis, in pixels.
        cells: how many parts.

    >>> middles(8, 2).tolist(), middles(2, 4).tolist()
    ([2, 6], [0, 0, 1, 1])
    """
    return (2 * np.arange(cells) + 1) * length // (2 * cells)


def translated(
    numbers: Integer[np.ndarray, "H W"],
    labels: Integer[np.ndarray, "V"],
    path: Path,
    listed_in: str,
) -> Integer[np.ndarray, "H W"]:
    """A map of the numbers in a file to a map of labels.

    Args:
        numbers: not negative.
        labels: from `label_tables.translation`.
        path: of the map, for the message.
        listed_in: the table that lists the numbers, for the message.

    Raises:
        BadInput: a number that has no meaning.

    >>> numbers, labels = np.array([[0, 7]]), np.array([0, 1, 255], np.uint8)
    >>> translated(numbers, labels, Path("a.png"), "labels.csv")
    Traceback (most recent call last):
    ...
    jaxdissect.errors.BadInput: a.png has label 7 at row 0, column 1; labels.csv ...
    """
    # Not more than the numbers' type can hold, which may be 8 bits.
    last = min(len(labels) - 1, np.iinfo(numbers.dtype).max)
    meant = labels[np.minimum(numbers, last)]
    unknown = meant == labels[-1]
    if unknown.any():
        row, column = np.argwhere(unknown)[0]
        number = numbers[row, column]
        raise BadInput(
            f"{path} has label {number} at row {row}, column {column}; {listed_in} "
            f"lists no {number}"
        )
    return meant


def loader(
    read_one: ReadOne, num_images: int, num_concepts: int
) -> Callable[..., Labelled]:
    """The `load` of a `ConceptSource` whose images are read one by one, in threads.

    Args:
        read_one: takes numbers from 0 to N - 1; called from many threads.
        num_images: N.
        num_concepts: C; labels are 0 to C.

    Returns:
        (indices [B], size=, stride=) -> `Labelled`. `BadInput` for a number that is
        no image's, and for a stride below 1 or above the size.

    >>> grey = lambda k, size, cells: (
    ...     np.full((size, size, 3), k, np.uint8), [np.ones((cells, cells), np.uint8)]
    ... )
    >>> batch = loader(grey, 9, 1)(np.array([8, 3]), size=8, stride=4)
    >>> batch.images[:, 0, 0, 0].tolist(), batch.labels.shape
    ([8, 3], (2, 2, 2, 1))
    """
    return partial(_load, read_one, num_images, np.min_scalar_type(num_concepts))


def _load(
    read_one: ReadOne,
    num_images: int,
    dtype: np.dtype,
    indices: Int[np.ndarray, "B"],
    *,
    size: int,
    stride: int,
) -> Labelled:
    chosen = indices.tolist()
    for k in chosen:
        if not 0 <= k < num_images:
            raise BadInput(f"`indices` has {k}; the images are 0 to {num_images - 1}")
    cells = mask_cells(size, stride)
    # A pool for each call: threads are cheap beside decoding, and none outlive it.
    with ThreadPoolExecutor() as pool:
        parts = list(pool.map(lambda k: read_one(k, size, cells), chosen))
    depth = max((len(layers) for _, layers in parts), default=1)
    images = np.empty((len(parts), size, size, 3), np.uint8)
    labels = np.zeros((len(parts), cells, cells, depth), dtype)
    for b, (image, layers) in enumerate(parts):
        images[b] = image
        for k, layer in enumerate(layers):
            labels[b, :, :, k] = layer
    return Labelled(images, labels)
