"""Which picture files there are in a folder, and which of them are broken."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

from jaxdissect.base import BadInput
from jaxdissect.data import decoding, label_maps

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff")
"""Files with other endings are passed over; case does not matter."""


AHEAD = 1000
"""Files that wait for their examination at a time."""

File = tuple[str, int, int]
"""(path relative to a folder, length in bytes, class)."""


class Broken(NamedTuple):
    """A picture that cannot be read.

    Attributes:
        name: path relative to its folder.
        reason: what is wrong with it, as the end of a sentence.
    """

    name: str
    reason: str


def examined(folder: Path, names: Sequence[str]) -> Iterator[Broken | None]:
    """What is wrong with each picture, several at a time; None where nothing is.

    Every picture is read and decoded to its end.

    Args:
        folder: that they are in.
        names: paths relative to it.

    >>> list(examined(Path("/nowhere"), ["a.png"]))
    [Broken(name='a.png', reason='cannot be read: No such file or directory')]
    """
    with ThreadPoolExecutor() as pool:
        for start in range(0, len(names), AHEAD):
            ahead = names[start : start + AHEAD]
            yield from pool.map(partial(_examined, folder), ahead)


def class_names(folder: Path) -> tuple[str, ...]:
    """The folders in a folder, sorted.

    Raises:
        BadInput: no folder, or none in it.

    >>> class_names(Path("/nowhere"))
    Traceback (most recent call last):
    ...
    jaxdissect.base.BadInput: `folder` is /nowhere; there is no such folder
    """
    names = folder_names(folder)
    if not names:
        raise BadInput(f"`folder` is {folder}; it must hold a folder for each class")
    return names


def folder_names(folder: Path) -> tuple[str, ...]:
    """The folders in a folder, sorted; there may be none.

    Raises:
        BadInput: no such folder.

    >>> import tempfile
    >>> folder_names(Path(tempfile.mkdtemp()))
    ()
    """
    if not folder.is_dir():
        raise BadInput(f"`folder` is {folder}; there is no such folder")
    with os.scandir(folder) as entries:
        return tuple(sorted(e.name for e in entries if e.is_dir() and e.name[0] != "."))


def digests(folder: Path, names: Sequence[str]) -> Iterator[str]:
    """SHA-256 of each file's bytes, several at a time.

    >>> list(digests(Path("/nowhere"), []))
    []
    """

    def digest(name: str) -> str:
        return hashlib.sha256(label_maps.read_bytes(folder / name)).hexdigest()

    with ThreadPoolExecutor() as pool:
        for start in range(0, len(names), AHEAD):
            yield from pool.map(digest, names[start : start + AHEAD])


def class_files(folder: Path, classes: Sequence[str]) -> list[File]:
    """The pictures in the folders of classes, sorted within each.

    Raises:
        BadInput: a class without pictures.

    >>> class_files(Path("/nowhere"), ())
    []
    """
    return [
        (f"{name}/{file}", num_bytes, label)
        for label, name in enumerate(classes)
        for file, num_bytes in picture_files(folder / name)
    ]


def picture_files(folder: Path) -> list[tuple[str, int]]:
    """[(file name, length in bytes)] of the pictures right in a folder, sorted.

    Raises:
        BadInput: there is none.

    >>> import tempfile
    >>> picture_files(Path(tempfile.mkdtemp()))
    Traceback (most recent call last):
    ...
    jaxdissect.base.BadInput: ... holds no picture; allowed are .jpg, .jpeg, .png, ...
    """
    with os.scandir(folder) as entries:
        found = sorted(
            (entry.name, entry.stat().st_size)
            for entry in entries
            if entry.name.lower().endswith(SUFFIXES)
            and entry.name[0] != "."
            and entry.is_file()
        )
    if not found:
        raise BadInput(f"{folder} holds no picture; allowed are {', '.join(SUFFIXES)}")
    return found


def without(files: Sequence[File], left_out: Sequence[str]) -> list[File]:
    """All files but those of the names left out.

    Raises:
        BadInput: there is no file of such a name.

    >>> without([("a.png", 9, 0), ("b.png", 9, 0)], ["a.png"])
    [('b.png', 9, 0)]
    """
    unknown = sorted(set(left_out) - {name for name, *_ in files})
    if unknown:
        raise BadInput(f"`left_out` has {unknown[0]}; there is no such picture")
    names = set(left_out)
    return [file for file in files if file[0] not in names]


def _examined(folder: Path, name: str) -> Broken | None:
    path = folder / name
    try:
        image = decoding.decoded(label_maps.read_bytes(path), str(path))
        decoding.rgb(image, str(path))
    except BadInput as error:
        return Broken(name, str(error).removeprefix(f"{path} "))
    return None
