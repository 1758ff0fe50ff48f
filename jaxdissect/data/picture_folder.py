"""Photographs of anybody's own to analyse a network with, labelled or not.

Units are ranked on some of them and judged on others. Neighbouring files, such as the
frames of a film, are often alike, so of every class the first half in the order of
names ranks and the second half judges: taking turns would put nearly the same picture
on both sides.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Int, Integer

from jaxdissect.data import folders
from jaxdissect.data.images import (
    Batch,
    ImageSet,
    check_numbers,
    check_targets,
    fingerprint,
)
from jaxdissect.data.listing import shown
from jaxdissect.data.picture_files import (
    File,
    class_files,
    folder_names,
    picture_files,
    without,
)
from jaxdissect.errors import BadInput

LEAST = 2
"""Pictures of a class in each half: an interval takes two."""


class Halves(NamedTuple):
    """Numbers of pictures; both have the same classes, which take turns.

    Attributes:
        rank: of those that units are ranked on.
        report: of those that units are judged on.
    """

    rank: Int[np.ndarray, "N"]
    report: Int[np.ndarray, "M"]


def pictures(folder: Path, size: int, *, left_out: Sequence[str] = ()) -> ImageSet:
    """The pictures in folder/CLASS/, or right in the folder, where they have no labels.

    Args:
        folder: holds one folder for each class, or pictures.
        size: height and width of what is read, in pixels.
        left_out: paths relative to `folder` of pictures that are passed over.

    Returns:
        An image set as of `folders.image_folder`; without folders for classes,
        `classes` is empty and the labels, all 0, mean nothing.

    Raises:
        BadInput: no folder, a class or a folder without pictures, pictures both beside
            and in folders.

    >>> import tempfile
    >>> from PIL import Image
    >>> folder = Path(tempfile.mkdtemp())
    >>> Image.new("RGB", (30, 20), "red").save(folder / "0.png")
    >>> pictures(folder, 16).classes, pictures(folder, 16).num_images
    ((), 1)
    """
    classes, files = _listed(folder)
    kept = without(files, left_out)
    if not kept:
        raise BadInput(f"of {folder} all pictures are left out")
    return folders.on_disk(folder, kept, tuple(map(shown, classes)), size)


def picture_sizes(folder: Path) -> dict[str, int]:
    """{path relative to the folder: length in bytes} of all that `pictures` takes.

    >>> picture_sizes(Path("/nowhere"))
    Traceback (most recent call last):
    ...
    jaxdissect.errors.BadInput: `folder` is /nowhere; there is no such folder
    """
    return {name: length for name, length, _ in _listed(folder)[1]}


def folder_of(name: str) -> str:
    """The folder of a class, of a picture's path.

    >>> folder_of("cat/1.png")
    'cat'
    """
    return shown(name.partition("/")[0])


def labelled(
    images: ImageSet,
    numbers: Int[np.ndarray, "N"],
    labels: Integer[np.ndarray, "N"],
    classes: tuple[str, ...],
) -> ImageSet:
    """Some images of a set, under labels of one's own.

    Args:
        images: the whole set.
        numbers: of the images, in the order they get.
        labels: of each of these.
        classes: names; a label is a position in them.

    Raises:
        BadInput: a label that is no class, a number that is no image's.

    >>> from jaxdissect.data.images import in_memory
    >>> grey = np.full((3, 8, 8, 3), 9, np.uint8)
    >>> images = in_memory(grey, np.zeros(3, np.int32), ("any",))
    >>> named = labelled(images, np.array([2, 0]), np.array([1, 0]), ("cat", "dog"))
    >>> named.read(np.array([0]))[1].tolist()
    [1]
    """
    check_targets(labels, len(classes), "`labels`")
    check_numbers(numbers, images.num_images)
    targets = labels.astype(np.int32)

    def read(positions: Int[np.ndarray, "B"]) -> Batch:
        check_numbers(positions, len(numbers))
        pixels, _ = images.read(numbers[positions])
        return pixels, targets[positions]

    sha = fingerprint([images.fingerprint, classes], numbers, targets)
    return ImageSet(classes, len(numbers), read, images.size, sha, targets)


def halves(
    labels: Integer[np.ndarray, "N"], *, num_rank: int, num_report: int
) -> Halves:
    """Pictures to rank units on, and others of the same classes to judge them on.

    Of each class the first half goes here, the rest there. Classes of which either half
    has fewer than two are left out. Within a half classes take turns in proportion to
    their pictures, so that every batch has many.

    Args:
        labels: of all pictures, in the order of their names.
        num_rank: at most so many; where there are more, those at equal distances.
        num_report: the same of the other half.

    Raises:
        BadInput: fewer than two classes are left.

    >>> halves(np.array([0, 0, 0, 0, 5, 5, 5, 5, 7]), num_rank=9, num_report=9)
    Halves(rank=array([0, 4, 1, 5]), report=array([2, 6, 3, 7]))
    """
    places = [np.flatnonzero(labels == k) for k in np.unique(labels)]
    enough = [place for place in places if len(place) >= 2 * LEAST]
    _check_two(len(enough), len(places), f"at least {2 * LEAST} pictures")
    rank, report = (
        _thinned(np.concatenate(half), most)
        for half, most in (
            ([place[: len(place) // 2] for place in enough], num_rank),
            ([place[len(place) // 2 :] for place in enough], num_report),
        )
    )
    ranked, reported = (
        np.flatnonzero(np.bincount(labels[half]) >= LEAST) for half in (rank, report)
    )
    classes = np.intersect1d(ranked, reported)
    limits = f"at least {LEAST} pictures among {num_rank} and among {num_report}"
    _check_two(len(classes), len(places), limits)
    rank, report = (half[np.isin(labels[half], classes)] for half in (rank, report))
    return Halves(rank[_in_turns(labels[rank])], report[_in_turns(labels[report])])


def _check_two(found: int, classes: int, wanted: str) -> None:
    if found < 2:
        raise BadInput(
            f"`labels` has {classes} classes, of which {found} have {wanted}; two are "
            "needed"
        )


def _listed(folder: Path) -> tuple[tuple[str, ...], list[File]]:
    classes = folder_names(folder)
    if not classes:
        return (), [(name, num_bytes, 0) for name, num_bytes in picture_files(folder)]
    try:
        loose, _ = picture_files(folder)[0]
    except BadInput:
        return classes, class_files(folder, classes)
    raise BadInput(
        f"`folder` is {folder}; it has pictures beside its folders, such as {loose}; "
        "all must be in folders for classes, or none"
    )


def _in_turns(labels: Integer[np.ndarray, "N"]) -> Int[np.ndarray, "N"]:
    """An order in which the images of every class are spread evenly."""
    _, own, counts = np.unique(labels, return_inverse=True, return_counts=True)
    order = np.argsort(own, kind="stable")
    before = np.cumsum(counts) - counts
    turn = np.empty(len(labels))
    turn[order] = np.arange(len(labels)) - before[own[order]]
    return np.lexsort((own, (turn + 0.5) / counts[own]))


def _thinned(numbers: Int[np.ndarray, "N"], most: int) -> Int[np.ndarray, "M"]:
    kept = min(most, len(numbers))
    return numbers[np.arange(kept) * len(numbers) // kept]
