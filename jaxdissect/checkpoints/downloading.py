"""A published file, fetched once and checked before it is used.

Bytes go to `NAME.partial` beside the target, which gets its own name only after its
length and SHA-256 have been checked. `.NAME.lock` is locked while one process fetches;
another one waits and then finds the file, or goes on where a killed one stopped.
"""

import hashlib
import string
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from jaxdissect.base import BadInput
from jaxdissect.checkpoints import http_ranges

SHA256_DIGITS = 64


def fetch(
    url: str,
    target: Path,
    *,
    size: int | None = None,
    sha256: str = "",
    attempts: int = 5,
    pause: float = 1.0,
    progress: Callable[[int, int | None], None] = lambda done, total: None,
) -> Path:
    """The file of an address, downloaded unless it is there already.

    A file at `target` is used if it has the size and checksum, and is refused, never
    replaced, if it has not: somebody may have put it there by hand. It is hashed
    anew each time, which takes less time than loading it.

    A connection that was cut is taken up again where the server can (byte ranges and
    a strong ETag), else from the beginning. A server that was not reached is not
    waited for before any byte has come: without a network, this fails at once.
    Proxies are taken from the environment.

    Args:
        url: an https address. Plain http is allowed with a full `sha256`, which then
            vouches for the bytes, and on the own machine.
        target: where to put the file; its folder is made.
        size: in bytes, if known.
        sha256: hexadecimal digits, all 64 or the first few; "" if not known.
        attempts: how often in a row a request may fail without bringing the file
            further.
        pause: seconds before the second attempt in a row, doubled for each after it.
        progress: called with the bytes that are there and the total, if known.

    Returns:
        `target`.

    Raises:
        BadInput: an argument is out of range; the file cannot be fetched, with what
            to do by hand; it is not the expected one; it cannot be written.

    >>> with tempfile.TemporaryDirectory() as folder:
    ...     by_hand = Path(folder) / "weights.pth"
    ...     size = by_hand.write_bytes(b"abc")
    ...     fetch("https://example.org/w.pth", by_hand, sha256="ba7816bf").name
    'weights.pth'
    """
    _check_arguments(url, size, sha256, attempts, pause)
    try:
        if not _is_there(url, target, size, sha256):
            target.parent.mkdir(parents=True, exist_ok=True)
            with _alone(target) as partial:
                # Another process may have fetched it while this one waited.
                if not _is_there(url, target, size, sha256):
                    _complete(url, partial, size, attempts, pause, progress)
                    _publish(url, partial, target, size, sha256)
    except http_ranges.Failure as failure:
        raise BadInput(
            f"{url} {failure}; to go on without it, fetch the file elsewhere and put "
            f"it at {target.absolute()}, where it will be checked"
        ) from None
    except OSError as error:
        words = http_ranges.said(error)
        raise BadInput(f"{target} cannot be written: {words}") from None
    return target


def _check_arguments(
    url: str, size: int | None, sha256: str, attempts: int, pause: float
) -> None:
    if len(sha256) > SHA256_DIGITS or set(sha256) - set(string.hexdigits.lower()):
        raise BadInput(f"`sha256` is {sha256!r}; it must be up to 64 digits 0 to f")
    vouched = urlsplit(url).scheme == "http" and len(sha256) == SHA256_DIGITS
    if not (http_ranges.is_safe(url) or vouched):
        raise BadInput(
            f"`url` is {url}; it must begin with https://, or with http:// where the "
            "full SHA-256 is known"
        )
    if size is not None and size < 1:
        raise BadInput(f"`size` is {size}; it must be positive")
    if attempts < 1:
        raise BadInput(f"`attempts` is {attempts}; it must be positive")
    if not pause >= 0:
        raise BadInput(f"`pause` is {pause}; it must not be negative")


def _is_there(url: str, target: Path, size: int | None, sha256: str) -> bool:
    if not target.exists():
        return False
    wrong = _mismatch(target, size, sha256)
    if wrong:
        raise BadInput(f"{target} {wrong}; delete it to fetch it again from {url}")
    return True


def _mismatch(path: Path, size: int | None, sha256: str) -> str:
    """What is wrong with a file, as a predicate; "" if nothing is."""
    found = path.stat().st_size
    if not found:
        return "is empty"
    if size is not None and found != size:
        return f"has {found} bytes, not {size}"
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if not digest.startswith(sha256):
        return f"has SHA-256 {digest}, not {sha256}"
    return ""


@contextmanager
def _alone(target: Path) -> Iterator[Path]:
    """The partial file of a target, which no other process writes to meanwhile."""
    with target.with_name(f".{target.name}.lock").open("w") as lock:
        try:
            import fcntl

            fcntl.flock(lock, fcntl.LOCK_EX)
            locked = True
        except (ImportError, OSError):  # not on every system and file system
            locked = False
        if locked:
            yield target.with_name(f"{target.name}.partial")
        else:
            with tempfile.TemporaryDirectory(dir=target.parent) as own:
                yield Path(own) / f"{target.name}.partial"


def _complete(
    url: str,
    partial: Path,
    size: int | None,
    attempts: int,
    pause: float,
    progress: Callable[[int, int | None], None],
) -> None:
    """Ask again and again until all bytes are there."""
    begin = furthest = http_ranges.length(partial)
    fruitless = 0
    while True:
        try:
            return http_ranges.go_on(url, partial, size, progress)
        except http_ranges.Interrupted as failure:
            length = http_ranges.length(partial)
            fruitless = 0 if length > furthest else fruitless + 1
            furthest = max(length, furthest)
            offline = isinstance(failure, http_ranges.Unreached) and furthest == begin
            if fruitless == attempts or offline:
                raise
            time.sleep(pause * 2.0 ** (fruitless - 1))


def _publish(
    url: str, partial: Path, target: Path, size: int | None, sha256: str
) -> None:
    """Give a complete file its name, or delete it if it is not the expected one."""
    wrong = _mismatch(partial, size, sha256)
    if not wrong:
        partial.replace(target)
    http_ranges.forget(partial)
    if wrong:
        raise BadInput(f"{url} {wrong}, so what came was deleted")
