"""Which files a folder has: those that are taken, and those passed over, and why."""

import io
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from jaxdissect.errors import BadInput

MARK = "\N{REPLACEMENT CHARACTER}"


def shown(name: str | os.PathLike[str]) -> str:
    """A file's name as text, different for different names.

    Names of files are bytes, and not all bytes are UTF-8. A byte that is none, and a
    control character, becomes "\ufffd" and two hexadecimal digits; a "\ufffd" that is
    there itself becomes two, so that no two names look alike.

    Args:
        name: as Python's functions for files give it, or a whole path.

    >>> shown(os.fsdecode(b"caf\\xe9.png")), shown("café.png")
    ('caf\ufffde9.png', 'café.png')
    """
    return "".join(map(_shown, os.fspath(name)))


def _shown(letter: str) -> str:
    code = ord(letter)
    if letter == MARK:
        return MARK + MARK
    if 0xDC80 <= code <= 0xDCFF:  # how Python keeps a byte that is not UTF-8
        return f"{MARK}{code - 0xDC00:02x}"
    if code < 0x20 or code == 0x7F:
        return f"{MARK}{code:02x}"
    return f"{MARK}u{code:04x}" if 0xD800 <= code <= 0xDFFF else letter


def read_bytes(path: Path) -> bytes:
    """All of a file.

    Raises:
        BadInput: it is missing, or no ordinary file.

    >>> read_bytes(Path("/nowhere"))
    Traceback (most recent call last):
    ...
    jaxdissect.errors.BadInput: /nowhere cannot be read: No such file or directory
    """
    with opened(path) as file:
        return file.read()


@contextmanager
def opened(path: Path) -> Iterator[io.BufferedReader]:
    """A file to read from.

    Raises:
        BadInput: it is missing, no ordinary file, or fails while it is read.

    >>> with opened(Path("/dev/null")) as file:
    ...     pass
    Traceback (most recent call last):
    ...
    jaxdissect.errors.BadInput: /dev/null cannot be read: it is no ordinary file
    """
    try:
        # Opening a pipe waits for whoever writes into it.
        status = path.stat()
        if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
            raise BadInput(f"{path} cannot be read: it is no ordinary file")
        with path.open("rb") as file:
            yield file
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}") from error


SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".gif"),
    *(".tif", ".tiff"),
)
"""Endings of pictures; case does not matter."""

DOT = "beginning with a dot"
INSIDE = "in a folder inside"
NOWHERE = "a link that leads nowhere"
SPECIAL = "no ordinary file"
AGAIN = "a link to a folder that is there already"
BESIDE = "beside the folders of classes"
FOLDER = "a folder"


class Listing(NamedTuple):
    """The files of a folder.

    Attributes:
        files: {path relative to the folder: length in bytes} of those taken, in order.
        passed_over: [(path, why)] of the others, in order.
    """

    files: dict[str, int]
    passed_over: tuple[tuple[str, str], ...]


def listing(
    folder: Path, *, suffixes: Sequence[str] = SUFFIXES, deep: bool = False
) -> Listing:
    """Look through a folder and the folders in it, each of them once.

    A folder that links lead to is looked through once, too, so loops of links end. What
    is neither a file nor a folder (a pipe, a device) is not opened.

    Args:
        folder: one that is not there has no files.
        suffixes: endings of the files to take, in lower case; none are all.
        deep: take files in the folders inside, too; otherwise they are passed over.

    >>> listing(Path("/nowhere"))
    Listing(files={}, passed_over=())
    """
    taken: dict[str, int] = {}
    passed: list[tuple[str, str]] = []
    for path, why, num_bytes in _walk(folder, follow=deep):
        if not why and not deep and "/" in path:
            why = INSIDE
        if why := why or _ending(path, suffixes):
            passed.append((path, why))
        else:
            taken[path] = num_bytes
    return Listing(dict(sorted(taken.items())), tuple(sorted(passed)))


def sentence(taken: int, passed_over: Sequence[tuple[str, str]], where: str) -> str:
    """How many files of how many are taken, and why not the others; "" if all are.

    >>> sentence(2, [("a.heic", "ending in .heic"), (".b.png", DOT)], "cats")
    'Of 4 files in cats 2 are taken, but not 1 ending in .heic (a.heic), 1 beginning ...
    """
    if not passed_over:
        return ""
    by_reason: dict[str, list[str]] = {}
    for path, why in passed_over:
        by_reason.setdefault(why, []).append(path)
    reasons = [
        f"{len(paths)} {why} ({'such as ' * (len(paths) > 1)}{shown(paths[0])})"
        for why, paths in by_reason.items()
    ]
    total = taken + len(passed_over)
    files, are = "file" if total == 1 else "files", "is" if taken == 1 else "are"
    return (
        f"Of {total} {files} in {where} {taken} {are} taken, but not "
        f"{', '.join(reasons)}."
    )


def _ending(path: str, suffixes: Sequence[str]) -> str:
    """Why a file is not taken for its name; "" if it is."""
    suffix = os.path.splitext(path)[1].lower()
    if not suffixes or suffix in suffixes:
        return ""
    return f"ending in {shown(suffix)}" if suffix else "without an ending"


def folders_in(folder: Path) -> tuple[str, ...]:
    """Names of the folders right in a folder, sorted, but for hidden ones.

    >>> folders_in(Path("/nowhere"))
    ()
    """
    if not folder.is_dir():
        return ()
    return tuple(path for path, e in _entries(folder, "") if _kind(e)[0] == FOLDER)


def beside_folders(folder: Path) -> list[tuple[str, str]]:
    """[(path, why)] of what else is right in a folder, none of which is taken.

    >>> beside_folders(Path("/nowhere"))
    []
    """
    if not folder.is_dir():
        return []
    kinds = [(path, _kind(entry)[0]) for path, entry in _entries(folder, "")]
    return [(path, why or BESIDE) for path, why in kinds if why != FOLDER]


def same_folder(one: Path, other: Path) -> bool:
    """Whether two paths lead to one folder, by links.

    >>> same_folder(Path("."), Path("/nowhere"))
    False
    """
    return one.is_dir() and other.is_dir() and os.path.samefile(one, other)


def _walk(folder: Path, follow: bool) -> Iterator[tuple[str, str, int]]:
    """(path, why it is passed over, length in bytes) of all there is below a folder."""
    met: set[tuple[int, int]] = set()
    # Folders come before links to them, wherever the links lie.
    real: list[str] = [""] if folder.is_dir() else []
    links: list[str] = []
    while real or links:
        inside = real.pop() if real else links.pop(0)
        status = os.stat(folder / inside)
        if (status.st_dev, status.st_ino) in met:
            yield inside.rstrip("/"), AGAIN, 0
            continue
        met.add((status.st_dev, status.st_ino))
        for path, entry in _entries(folder, inside):
            why, found = _kind(entry)
            if why != FOLDER:
                yield path, why, found
            elif not entry.is_symlink():
                real.append(f"{path}/")
            elif follow:
                links = sorted([*links, f"{path}/"])
            else:
                yield path, INSIDE, 0


def _entries(folder: Path, inside: str) -> list[tuple[str, os.DirEntry[str]]]:
    with os.scandir(folder / inside) as entries:
        found = [(inside + entry.name, entry) for entry in entries]
    return sorted(found, key=lambda pair: pair[0])


def _kind(entry: os.DirEntry[str]) -> tuple[str, int]:
    """(why it is passed over, `FOLDER` or "", length in bytes)."""
    if entry.name[0] == ".":
        return DOT, 0
    try:
        found = entry.stat()
    except OSError:  # the target is missing, or the link is part of a circle
        return NOWHERE, 0
    if stat.S_ISDIR(found.st_mode):
        return FOLDER, 0
    return ("", found.st_size) if stat.S_ISREG(found.st_mode) else (SPECIAL, 0)
