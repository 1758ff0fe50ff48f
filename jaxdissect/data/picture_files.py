"""Which picture files there are in a folder, and which of them are broken."""

import hashlib
import itertools
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

from jaxdissect.data import decoding, listing
from jaxdissect.data.concepts import plain
from jaxdissect.data.listing import SUFFIXES, read_bytes, shown
from jaxdissect.errors import BadInput

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
    jaxdissect.errors.BadInput: `folder` is /nowhere; there is no such folder
    """
    names = folder_names(folder)
    if not names:
        raise BadInput(f"`folder` is {folder}; it must hold a folder for each class")
    return names


def folder_names(folder: Path) -> tuple[str, ...]:
    """The folders in a folder, sorted; there may be none.

    Raises:
        BadInput: no such folder; names that differ in case or blanks only; a folder and
            a link to it.

    >>> import tempfile
    >>> folder_names(Path(tempfile.mkdtemp()))
    ()
    """
    if not folder.is_dir():
        raise BadInput(f"`folder` is {folder}; there is no such folder")
    names = listing.folders_in(folder)
    for one, other in itertools.pairwise(sorted(names, key=plain)):
        if plain(one) == plain(other):
            raise BadInput(
                f"`folder` is {folder}; the classes {one!r} and {other!r} in it differ "
                "in case or blanks only; put their pictures into one"
            )
    met: dict[tuple[int, int], str] = {}
    for name in names:
        status = (folder / name).stat()
        twin = met.setdefault((status.st_dev, status.st_ino), name)
        if twin != name:
            raise BadInput(
                f"{folder / name} and {folder / twin} are the same folder, by a link; "
                "a class has a folder of its own"
            )
    return names


def passed_over(folder: Path) -> str:
    """What is no picture of a class, or not taken for one, in a folder of classes.

    Returns:
        A sentence as of `listing.sentence`; "" where everything is taken.

    >>> passed_over(Path("/nowhere"))
    ''
    """
    names = listing.folders_in(folder)
    taken, others = 0, listing.beside_folders(folder) if names else []
    for name in names or ("",):
        inside = listing.listing(folder / name)
        start = f"{name}/" if name else ""
        taken += len(inside.files)
        others += [(start + path, why) for path, why in inside.passed_over]
    return listing.sentence(taken, others, shown(folder.resolve().name))


def digests(folder: Path, names: Sequence[str]) -> Iterator[str]:
    """SHA-256 of each file's bytes, several at a time.

    >>> list(digests(Path("/nowhere"), []))
    []
    """

    def digest(name: str) -> str:
        return hashlib.sha256(read_bytes(folder / name)).hexdigest()

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
    jaxdissect.errors.BadInput: ... holds no picture; allowed are .jpg, .jpeg, .jpe, ...
    """
    found, others = listing.listing(folder)
    if not found:
        more = f"; there are {_counted(others)}" if others else ""
        raise BadInput(
            f"{folder} holds no picture; allowed are {', '.join(SUFFIXES)}{more}"
        )
    return list(found.items())


def _counted(others: Sequence[tuple[str, str]]) -> str:
    """How many files there are of which kind."""
    reasons = [why for _, why in others]
    return ", ".join(f"{reasons.count(why)} {why}" for why in dict.fromkeys(reasons))


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
        decoding.whole(read_bytes(path), str(path))
    except BadInput as error:
        return Broken(name, str(error).removeprefix(f"{path} "))
    return None
