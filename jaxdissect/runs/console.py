"""What a command says: saying it never stops a run, whoever listens or does not."""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from jaxdissect.errors import escaped

LAYOUT = "\n\t"
BARS = "\r\x1b"
"""What progress bars write besides; names on them are `printable`."""


class Forgiving(io.TextIOBase):
    """A text stream that goes on when no one reads any more, whatever the letters.

    Letters that the other side does not know are written as escapes, and so are those
    that would do something to a terminal; once it has gone away, or its disk is full,
    nothing is written.
    """

    def __init__(self, inner: Any, kept: str = LAYOUT):
        self._inner, self._kept = inner, kept

    def write(self, text: str) -> int:
        """Write text, as far as that is possible."""
        text = escaped(text, self._kept)
        if self._inner is not None:
            try:
                self._inner.write(text)
            except UnicodeEncodeError:
                encoding = self._inner.encoding or "ascii"
                plain = text.encode(encoding, "backslashreplace").decode(encoding)
                return self.write(plain)
            except (OSError, ValueError):
                self._leave()
        return len(text)

    def flush(self) -> None:
        """Write what is held back."""
        if self._inner is not None:
            try:
                self._inner.flush()
            except (OSError, ValueError):
                self._leave()

    def isatty(self) -> bool:
        """Whether someone looks."""
        return self._inner is not None and not self.closed and self._inner.isatty()

    def fileno(self) -> int:
        """The number of the file behind it."""
        if self._inner is None:
            raise io.UnsupportedOperation("nothing is behind this stream")
        return self._inner.fileno()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """How letters are written."""
        return getattr(self._inner, "encoding", None) or "utf-8"

    def _leave(self) -> None:
        """Let what is still held back, and what comes, go nowhere."""
        with suppress(OSError, ValueError):
            number, nowhere = self._inner.fileno(), os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, number)
            os.close(nowhere)
        self._inner = None


@contextmanager
def forgiving() -> Iterator[None]:
    """Make the process's output forgiving for a while."""
    _fill_closed()
    before = sys.stdout, sys.stderr
    sys.stdout = Forgiving(sys.stdout)
    sys.stderr = Forgiving(sys.stderr, LAYOUT + BARS)
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        sys.stdout, sys.stderr = before


def _fill_closed() -> None:
    """Open the null device for closed standard streams.

    The next file to be opened would take their numbers, and would then hold whatever
    a library writes to its output.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
