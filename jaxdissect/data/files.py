"""Ordinary files, opened and read; pipes and devices may wait for ever and are not."""

import io
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jaxdissect.errors import BadInput


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
