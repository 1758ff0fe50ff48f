"""Generated images by split: which they are, rendering them, telling worlds apart."""

import hashlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from jaxtyping import Int

from jaxdissect.data import images, scenes
from jaxdissect.data.images import Batch, ImageSet, check_numbers
from jaxdissect.errors import BadInput
from jaxdissect.runs.progress import Progress

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


def rendered(
    render: Callable[..., Any],
    seed: int,
    indices: range,
    size: int,
    batch_size: int,
    label: str,
    *,
    done: int = 0,
) -> Iterator[Any]:
    """Render images batch by batch under a progress bar, but for the first `done`.

    Args:
        render: `scenes.render` or `shapes.render`.
        seed: of the images.
        indices: which images.
        size: height and width, in pixels.
        batch_size: images per batch.
        label: of the progress bar.
        done: batches to leave out.
    """
    starts = range(0, len(indices), batch_size)
    for start in Progress().bar(starts[done:], len(starts), label, initial=done):
        yield render(seed, indices[start : start + batch_size], size=size)


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
