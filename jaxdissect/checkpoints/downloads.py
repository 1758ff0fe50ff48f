"""A published file, fetched once and checked before it is used.

pooch fetches into a hidden folder beside the target, which gets its file only once its
length and SHA-256 have been checked; what a killed run left there is removed by the
next. One process fetches at a time; another waits and then finds the file.
"""

import hashlib
import http.client
import shutil
import string
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO
from urllib.parse import urljoin, urlsplit

import pooch
import requests
from filelock import FileLock
from urllib3.exceptions import HTTPError

from jaxdissect.errors import BadInput

Progress = Callable[[int, int | None], None]
"""(bytes that are there, total if known) -> None."""

SHA256_DIGITS = 64
MOST_DIGITS = 18
"""Of a length; what says more says nothing."""
TIMEOUT = 10.0
"""Seconds without a byte after which a connection counts as cut."""
PATIENCE = 60.0
"""Seconds that a whole file may take, besides those for its bytes at `SLOWEST`."""
SLOWEST = 8 * 1024
"""Bytes a second below which a server is not waited for."""
LARGEST = 4 * 1024**3
"""Bytes of a file whose size is not known, at most."""
AGAIN = 2
"""How often a connection that was cut, or a busy server, is tried again."""
BUSY = (408, 425, 429, 500, 502, 503, 504)
"""Answers that may be different the next time."""
CHUNK = 2**18


class Failure(Exception):
    """Why a file was not fetched, as a predicate of its address."""


class Session(requests.Session):
    """Follows a redirect unless it leads from a safe address to an unsafe one."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """As the base class; raises Failure for an unsafe address."""
        target = super().get_redirect_target(resp)
        if target is not None:
            try:
                new = urljoin(resp.url, target)
            except ValueError:
                raise Failure(f"leads to {target}, which is no address") from None
            lost = resp.url.startswith("https:") and not new.startswith("https:")
            if lost or (is_safe(resp.url) and not is_safe(new)):
                raise Failure(f"leads to {new}, which is not https")
        return target


def fetch(
    url: str,
    target: Path,
    *,
    size: int | None = None,
    sha256: str = "",
    progress: Progress = lambda done, total: None,
) -> Path:
    """The file of an address, downloaded unless it is there already.

    A file at `target` is used if it has the size and checksum, and is refused, never
    replaced, if it has not: somebody may have put it there by hand. It is hashed
    anew each time, which takes less time than loading it. Proxies are taken from the
    environment.

    Args:
        url: an https address. Plain http is allowed with a full `sha256`, which then
            vouches for the bytes, and on the own machine.
        target: where to put the file; its folder is made.
        size: in bytes, if known; else `LARGEST` is the most.
        sha256: hexadecimal digits, all 64 or the first few; "" if not known.
        progress: called with the bytes that are there and the total, if known.

    Returns:
        `target`.

    Raises:
        BadInput: an argument is out of range; the file cannot be fetched, with what
            to do by hand; it is not the expected one; it cannot be written.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     by_hand = Path(folder) / "weights.pth"
    ...     size = by_hand.write_bytes(b"abc")
    ...     fetch("https://example.org/w.pth", by_hand, sha256="ba7816bf").name
    'weights.pth'
    """
    _check_arguments(url, size, sha256)
    try:
        if not _is_there(url, target, size, sha256):
            target.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(target.with_name(f".{target.name}.lock")):
                # Another process may have fetched it while this one waited.
                if not _is_there(url, target, size, sha256):
                    _fetch(url, target, _Downloader(size, sha256, progress))
    except (Failure, requests.RequestException) as failure:
        raise BadInput(
            f"{url} {_why(failure)}; to go on without it, fetch the file elsewhere and "
            f"put it at {target.absolute()}, where it will be checked"
        ) from None
    except OSError as error:
        raise BadInput(f"{target} cannot be written: {_said(error)}") from None
    return target


def is_safe(url: str) -> bool:
    """Whether nobody on the way can change what comes from an address.

    >>> is_safe("https://example.org"), is_safe("http://example.org")
    (True, False)
    >>> is_safe("http://localhost:8000/weights.pth")
    True
    """
    try:
        parts = urlsplit(url)
    except ValueError:  # not even an address
        return False
    own = parts.hostname in ("localhost", "127.0.0.1", "::1")
    return parts.scheme == "https" or (parts.scheme == "http" and own)


class _Downloader:
    """What pooch calls to fetch a file, checked before pooch gives it its name."""

    def __init__(self, size: int | None, sha256: str, progress: Progress) -> None:
        self.size, self.sha256, self.progress = size, sha256, progress

    def __call__(self, url: str, output_file: str, pooch: object) -> None:
        with Session() as session, Path(output_file).open("wb") as file:
            self._copy(_answer(session, url), file)
        wrong = _mismatch(Path(output_file), self.size, self.sha256)
        if wrong:
            raise Failure(f"{wrong}, so what came was deleted")

    def _copy(self, response: requests.Response, file: IO[bytes]) -> None:
        announced = response.headers.get("Content-Length", "")
        stated = announced.isdecimal() and len(announced) <= MOST_DIGITS
        total = int(announced) if stated else None
        if self.size is not None and total not in (None, self.size):
            raise Failure(f"has {total} bytes, not {self.size}")
        total = self.size or total
        most = LARGEST if total is None else min(total, LARGEST)
        done = 0
        if total is not None and total > most:
            raise Failure(f"has {total} bytes, more than {most}")
        self.progress(done, total)
        for piece in _pieces(response):
            done += len(piece)
            if done > most:
                raise Failure(f"has more than {most} bytes")
            file.write(piece)
            self.progress(done, total)
        if total is not None and done < total:
            raise requests.ConnectionError(f"was cut off after {done} of {total} bytes")


def _fetch(url: str, target: Path, downloader: _Downloader) -> None:
    """Let pooch fetch a file, which appears at the target whole."""
    pooch.get_logger().setLevel("WARNING")  # progress is told by us
    scratch = target.with_name(f".{target.name}.partial")
    shutil.rmtree(scratch, ignore_errors=True)  # what a killed run left
    full = downloader.sha256 if len(downloader.sha256) == SHA256_DIGITS else None
    store = pooch.create(
        path=scratch,
        base_url="",
        registry={target.name: full},
        urls={target.name: url},
        retry_if_failed=AGAIN,
    )
    try:
        Path(store.fetch(target.name, downloader=downloader)).replace(target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _answer(session: Session, url: str) -> requests.Response:
    """A server's answer, its headers read; one that does not end them is given up."""
    found: list[requests.Response | Exception] = []

    def ask() -> None:
        try:
            found.append(
                session.get(
                    url,
                    stream=True,
                    timeout=TIMEOUT,
                    headers={"User-Agent": "jaxdissect", "Accept-Encoding": "identity"},
                )
            )
        except Exception as error:  # raised again below, where it is waited for
            found.append(error)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    response = found[0] if found else Failure(f"gave no answer in {PATIENCE:g} s")
    if isinstance(response, requests.ConnectionError):
        raise Failure(f"was not reached ({_said(response)})")
    if isinstance(response, Exception):
        raise response
    if response.status_code in BUSY:
        response.raise_for_status()
    if response.status_code not in (200, 203):
        reason = response.reason or ""
        raise Failure(f"answered {response.status_code} {reason}".rstrip())
    return response


def _pieces(response: requests.Response) -> Iterator[bytes]:
    """The bytes of an answer as they come, as long as they come fast enough."""
    begin, done = time.monotonic(), 0
    while True:
        try:
            piece = response.raw.read1(CHUNK)
        except (HTTPError, OSError, http.client.HTTPException) as error:
            words = f"was cut off after {done} bytes"
            raise requests.ConnectionError(words) from error
        if not piece:
            return
        done += len(piece)
        seconds = time.monotonic() - begin
        if seconds > PATIENCE + done / SLOWEST:
            raise Failure(f"sent {done} bytes in {seconds:.0f} s, too slow to wait for")
        yield piece


def _check_arguments(url: str, size: int | None, sha256: str) -> None:
    if len(sha256) > SHA256_DIGITS or set(sha256) - set(string.hexdigits.lower()):
        raise BadInput(f"`sha256` is {sha256!r}; it must be up to 64 digits 0 to f")
    vouched = url.startswith("http://") and len(sha256) == SHA256_DIGITS
    if not (is_safe(url) or vouched):
        raise BadInput(
            f"`url` is {url}; it must begin with https://, or with http:// where the "
            "full SHA-256 is known"
        )
    if size is not None and size < 1:
        raise BadInput(f"`size` is {size}; it must be positive")


def _is_there(url: str, target: Path, size: int | None, sha256: str) -> bool:
    if not target.exists():
        return False
    wrong = _mismatch(target, size, sha256)
    if wrong:
        raise BadInput(f"{target} {wrong}; delete it to fetch it again from {url}")
    return True


def _mismatch(path: Path, size: int | None, sha256: str) -> str:
    """What is wrong with a file, as a predicate; "" if nothing is."""
    if not path.is_file():
        return "is no file"
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


def _why(failure: Exception) -> str:
    """A failure as a predicate of the address."""
    response = getattr(failure, "response", None)
    if response is not None:
        return f"answered {response.status_code} {response.reason or ''}".rstrip()
    if isinstance(failure, Failure | requests.ConnectionError):
        return str(failure)
    return f"was not fetched ({_said(failure)})"


def _said(error: BaseException) -> str:
    """An error's own words, those of the operating system where it has any."""
    deepest: BaseException | None = error
    while deepest is not None:
        if isinstance(deepest, OSError) and deepest.strerror:
            return deepest.strerror
        inner = getattr(deepest, "reason", None) or next(
            (a for a in deepest.args if isinstance(a, BaseException)), None
        )
        deepest = inner if isinstance(inner, BaseException) else deepest.__cause__
    return str(error) or type(error).__name__
