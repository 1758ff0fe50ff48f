"""One run at a time in a folder of results.

The lock lies in a hidden folder inside, where unfinished work lies, too: it needs no
other place that can be written, it is the same whatever the folder is called, and
nothing of it is left once a run has ended. The system frees it when a run is killed.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path

from filelock import FileLock, Timeout

from jaxdissect.errors import BadInput

HIDDEN = ".jaxdissect"
"""The folder of a lock, and of what is not finished, in a folder of results."""

POLL = 0.2  # seconds between two looks at a lock that another run holds

MAX_VANISHED = 1000
"""How often a folder may vanish between two lines of a program before it is told."""

_waits: ContextVar[bool] = ContextVar("waits", default=False)


def place_of(out: Path) -> Path:
    """Where results go: the folder itself, or the one that a link leads to.

    Raises:
        BadInput: no folder is or can be there.
    """
    said = f"`out` is {str(out)!r}"
    if "\0" in str(out):
        raise BadInput(f"{said}, which no folder can be called")
    try:
        place = Path(os.path.realpath(out))
        if out.is_symlink() and not out.exists():
            raise BadInput(f"{said}, a link that leads nowhere; it must be a folder")
        if os.path.lexists(place) and not place.is_dir():
            raise BadInput(f"{said}, which is a file; it must be a folder")
    except OSError as error:
        raise _unusable(out, error) from None
    return place


@contextmanager
def in_turn() -> Iterator[None]:
    """Runs that start in here wait for others in their folder; they are not refused."""
    token = _waits.set(True)
    try:
        yield
    finally:
        _waits.reset(token)


@contextmanager
def locked(out: Path) -> Iterator[Path]:
    """Keep other runs out of a folder, which is made where it is missing.

    Gives the hidden folder in it. What is left there stays for the next run; a folder
    that was made and is empty in the end is removed.

    Raises:
        BadInput: another run is writing there, or no folder can be made.
    """
    place = place_of(out)
    hidden = place / HIDDEN
    made = [p for p in (place, *place.parents) if not p.exists()]
    try:
        lock = _acquired(hidden / "lock", out)
    except OSError as error:
        raise _unusable(out, error) from None
    try:
        yield hidden
    finally:
        # Before the lock is let go: whoever has opened this file sees that it is gone.
        (hidden / "lock").unlink(missing_ok=True)
        with suppress(OSError):  # what is not empty stays
            for folder in (hidden, *made):
                folder.rmdir()
        lock.release()


def _acquired(file: Path, out: Path) -> FileLock:
    told, vanished = False, 0
    while True:
        # Another run may remove lock and folder between any two of these lines. While
        # a file is open its number is no other file's, so the same number before and
        # after means that the lock is on the file that the next run will find.
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch()
            number, lock = file.stat().st_ino, FileLock(file)
            lock.acquire(timeout=0)
        except FileNotFoundError:
            vanished += 1
            if vanished > MAX_VANISHED:  # no other run: there can be no such folder
                raise
        except Timeout:
            if not _waits.get():
                raise BadInput(
                    f"another run is writing to {out}; wait until it has ended, or "
                    "choose another folder with --out"
                ) from None
            if not told:
                print(f"waiting for another run that writes to {out}")
            told = True
            time.sleep(POLL)
        else:
            if _number(file) == number:
                return lock
            lock.release()


def _number(file: Path) -> int | None:
    try:
        return file.stat().st_ino
    except FileNotFoundError:
        return None


def _unusable(out: Path, error: OSError) -> BadInput:
    return BadInput(
        f"`out` is {str(out)!r}, where nothing can be written: "
        f"{(error.strerror or str(error)).lower()}"
    )
