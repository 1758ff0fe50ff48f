"""Labelled images of one size, however they are stored: what training reads.

An `ImageSet` is read by number, so the order of the data is the reader's choice and
needs no shuffling buffer.
"""

import hashlib
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int, Integer, Shaped, UInt8

from jaxdissect.errors import BadInput

Batch = tuple[UInt8[np.ndarray, "B H W 3"], Int[np.ndarray, "B"]]
"""(images, classes as int32)."""


class ImageSet(NamedTuple):
    """Labelled images of one size, read by number.

    Attributes:
        classes: names; a label is a position in them.
        num_images: how many there are, numbered from 0.
        read: (numbers [B]) -> (images uint8 [B H W 3], labels int32 [B]); any order,
            repeats allowed, from several threads at once. `BadInput` for a number
            that does not exist or an image that cannot be decoded.
        size: height and width in pixels.
        fingerprint: SHA-256; image sets that differ have different ones.
        labels: [num_images] what `read` gives, where it is known without reading.
    """

    classes: tuple[str, ...]
    num_images: int
    read: Callable[[Int[np.ndarray, "B"]], Batch]
    size: int
    fingerprint: str
    labels: Int[np.ndarray, "N"] | None = None


def in_memory(
    images: Shaped[np.ndarray, "N H W c"],
    targets: Integer[np.ndarray, "M"],
    classes: tuple[str, ...],
) -> ImageSet:
    """Images that are held as one array.

    Args:
        images: uint8, square, RGB.
        targets: the class of each image.
        classes: names.

    Returns:
        An image set whose fingerprint covers every byte.

    Raises:
        BadInput: wrong dtype or shape, more or fewer targets than images, a label that
            is no class.

    >>> black = np.zeros((3, 8, 8, 3), np.uint8)
    >>> images = in_memory(black, np.array([0, 1, 0]), ("cat", "dog"))
    >>> pixels, labels = images.read(np.array([1, 1, 2]))
    >>> pixels.shape, labels.tolist()
    ((3, 8, 8, 3), [1, 1, 0])
    """
    num, height, width, channels = images.shape
    if images.dtype != np.uint8:
        raise BadInput(f"`images` has dtype {images.dtype}; it must be uint8")
    if height != width or channels != 3 or not num:
        raise BadInput(
            f"`images` has shape {list(images.shape)}; it must be [N, size, size, 3], "
            "with N at least 1"
        )
    if len(targets) != num:
        raise BadInput(f"`targets` has length {len(targets)}; `images` has {num}")
    check_targets(targets, len(classes), "`targets`")
    labels = targets.astype(np.int32)

    def read(numbers: Int[np.ndarray, "B"]) -> Batch:
        check_numbers(numbers, num)
        return images[numbers], labels[numbers]

    sha = fingerprint(classes, images, labels)
    return ImageSet(classes, num, read, height, sha, labels)


def on_demand(
    read_one: Callable[[int], tuple[UInt8[np.ndarray, "H W 3"], int]],
    *,
    num_images: int,
    classes: tuple[str, ...],
    size: int,
    fingerprint: str,
    labels: Int[np.ndarray, "N"] | None = None,
) -> ImageSet:
    """Images that are fetched when they are read, several at a time.

    Args:
        read_one: (number) -> (image of `size`, class); called from many threads.
        num_images: `read_one` takes 0 to num_images - 1.
        classes: names.
        size: pixels.
        fingerprint: of all that `read_one` may return.
        labels: [num_images] the classes, where they are known.

    Raises:
        BadInput: `size` is not positive.

    >>> grey = lambda number: (np.full((8, 8, 3), number, np.uint8), number % 2)
    >>> images = on_demand(
    ...     grey, num_images=9, classes=("even", "odd"), size=8, fingerprint="grey"
    ... )
    >>> pixels, labels = images.read(np.array([8, 3]))
    >>> pixels[:, 0, 0, 0].tolist(), labels.tolist()
    ([8, 3], [0, 1])
    """
    if size < 1:
        raise BadInput(f"`size` is {size}; it must be positive")

    def read(numbers: Int[np.ndarray, "B"]) -> Batch:
        check_numbers(numbers, num_images)
        images = np.empty((len(numbers), size, size, 3), np.uint8)
        labels = np.empty(len(numbers), np.int32)
        # A pool for each call: threads are cheap beside decoding, and none outlive it.
        with ThreadPoolExecutor() as pool:
            for k, one in enumerate(pool.map(read_one, numbers.tolist())):
                images[k], labels[k] = one
        return images, labels

    return ImageSet(classes, num_images, read, size, fingerprint, labels)


def subset(images: ImageSet, num: int) -> ImageSet:
    """Images at equal distances in a set, so that one sorted by class keeps them all.

    Args:
        images: the whole.
        num: how many to keep, from 1 to all.

    Raises:
        BadInput: more than there are, or none.

    >>> zeros = np.zeros((3, 8, 8, 3), np.uint8)
    >>> images = in_memory(zeros, np.zeros(3, np.int32), ("cat",))
    >>> subset(images, 2).num_images
    2
    """
    if not 1 <= num <= images.num_images:
        raise BadInput(f"`num` is {num}; it must be from 1 to {images.num_images}")

    def read(numbers: Int[np.ndarray, "B"]) -> Batch:
        check_numbers(numbers, num)
        return images.read(numbers * images.num_images // num)

    labels = images.labels
    if labels is not None:
        labels = labels[np.arange(num) * images.num_images // num]
    sha = fingerprint([images.fingerprint, num])
    return images._replace(num_images=num, read=read, fingerprint=sha, labels=labels)


def fingerprint(description: Any, *arrays: np.ndarray) -> str:
    """SHA-256 of a JSON-able description and of the values of arrays.

    >>> fingerprint(["cat"], np.zeros(2, np.uint8))[:8]
    '51fc1fbf'
    """
    shapes = [[array.dtype.str, array.shape] for array in arrays]
    sha = hashlib.sha256(json.dumps([description, shapes]).encode())
    for array in arrays:
        sha.update(np.ascontiguousarray(array).data)
    return sha.hexdigest()


def check_targets(
    targets: Integer[np.ndarray, "N"], num_classes: int, source: str
) -> None:
    """Refuse labels that are no class.

    Args:
        targets: labels.
        num_classes: K; allowed are 0 to K - 1.
        source: where the labels come from, for the message.

    Raises:
        BadInput: naming the first such label and its position.

    >>> check_targets(np.array([0, 7, 1]), 2, "labels.npy")
    Traceback (most recent call last):
    ...
    jaxdissect.errors.BadInput: labels.npy has label 7 at position 1; allowed are 0 to 1
    """
    outside = (targets < 0) | (targets >= num_classes)
    if outside.any():
        k = int(outside.argmax())
        raise BadInput(
            f"{source} has label {targets[k]} at position {k}; allowed are 0 to "
            f"{num_classes - 1}"
        )


def check_numbers(numbers: Int[np.ndarray, "B"], num_images: int) -> None:
    """Refuse numbers that are no image's; negative ones do not count from the end.

    Args:
        numbers: of images.
        num_images: allowed are 0 to num_images - 1.

    Raises:
        BadInput: naming the first such number.

    >>> check_numbers(np.array([0, -1]), 9)
    Traceback (most recent call last):
    ...
    jaxdissect.errors.BadInput: `numbers` has -1; the images are 0 to 8
    """
    outside = numbers[(numbers < 0) | (numbers >= num_images)]
    if len(outside):
        raise BadInput(
            f"`numbers` has {outside[0]}; the images are 0 to {num_images - 1}"
        )
