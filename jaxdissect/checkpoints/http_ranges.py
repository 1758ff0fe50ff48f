"""One HTTP request that goes on where a partial file ends.

Beside `NAME.partial`, `.NAME.etag` holds the server's name for the version the bytes
are of. A request goes on only with that version, so two versions are never joined.
"""

from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

TIMEOUT = 10.0
"""Seconds without a byte after which a connection counts as cut."""

CHUNK = 2**18
"""Bytes to read at most before progress is told."""

MISMATCHED_RANGE = 416
BUSY = (408, 425, 429, 500, 502, 503, 504)
"""Answers that may be different the next time."""


class Failure(Exception):
    """Why a file was not fetched, as a predicate of its address."""


class Interrupted(Failure):
    """A failure that may not happen again."""


class Unreached(Interrupted):
    """No server answered at all."""


class Redirects(HTTPRedirectHandler):
    """Follows a redirect unless it leads from a safe address to an unsafe one."""

    def redirect_request(self, req, fp, code, msg, headers, newurl):
        """As the base class; raises Failure for an unsafe address."""
        old, new = urlsplit(req.full_url).scheme, urlsplit(newurl).scheme
        lost = old == "https" and new != "https"
        if lost or (is_safe(req.full_url) and not is_safe(newurl)):
            fp.close()
            raise Failure(f"leads to {newurl}, which is not https")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def is_safe(url: str) -> bool:
    """Whether nobody on the way can change what comes from an address.

    >>> is_safe("https://example.org"), is_safe("http://example.org")
    (True, False)
    >>> is_safe("http://localhost:8000/weights.pth")
    True
    """
    parts = urlsplit(url)
    own = parts.hostname in ("localhost", "127.0.0.1", "::1")
    return parts.scheme == "https" or (parts.scheme == "http" and own)


def go_on(
    url: str,
    partial: Path,
    size: int | None,
    progress: Callable[[int, int | None], None],
) -> None:
    """Fetch the bytes that are missing from a partial file.

    Args:
        url: where from.
        partial: what there is; begun anew where the server cannot go on.
        size: what the file must have in the end, if known.
        progress: called with bytes and total, if known.

    Raises:
        Interrupted: bytes may still be missing; what came is in `partial`.
        Failure: there is nothing to go on with.
        OSError: `partial` cannot be written.
    """
    if length(partial) == size:  # killed after the last byte
        return
    with _ask(url, partial) as response:
        done, total = _take_up(response, partial)
        if size is not None and total not in (None, size):
            forget(partial)
            raise Failure(f"has {total} bytes, not {size}")
        total = size or total
        progress(done, total)
        with partial.open("ab") as file:
            while piece := _read(response):
                file.write(piece)
                done += len(piece)
                progress(done, total)
                if total is not None and done > total:
                    forget(partial)
                    raise Failure(f"has more than {total} bytes")
    if total is not None and done < total:
        raise Interrupted(f"was cut off after {done} of {total} bytes")


def length(partial: Path) -> int:
    """Bytes of a partial file; 0 if there is none."""
    return partial.stat().st_size if partial.exists() else 0


def forget(partial: Path) -> None:
    """Remove a partial file, if there is one, and what is known about it."""
    partial.unlink(missing_ok=True)
    _etag_file(partial).unlink(missing_ok=True)


def said(error: Any) -> str:
    """An error's own words, as short as there are any."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _ask(url: str, partial: Path) -> Any:
    """The server's answer to a request for the bytes that are missing."""
    headers, have, version = {}, length(partial), _version(partial)
    if have and version:
        headers = {"Range": f"bytes={have}-", "If-Range": version}
    request = Request(url, headers={"User-Agent": "jaxdissect", **headers})
    try:
        return build_opener(Redirects).open(request, timeout=TIMEOUT)
    except HTTPError as error:
        error.close()
        if error.code == MISMATCHED_RANGE:
            forget(partial)
        again = error.code in (MISMATCHED_RANGE, *BUSY)
        kind = Interrupted if again else Failure
        raise kind(f"answered {error.code} {error.reason}") from None
    except URLError as error:
        raise Unreached(f"was not reached ({said(error.reason)})") from None
    except (OSError, HTTPException) as error:
        raise Interrupted(f"did not answer ({said(error)})") from None


def _take_up(response: Any, partial: Path) -> tuple[int, int | None]:
    """(bytes that are there, total) of the file that an answer goes on with."""
    etag = response.headers["ETag"] or ""
    if response.status != 206:
        forget(partial)
        if etag.startswith('"'):  # a weak one does not promise the same bytes
            _etag_file(partial).write_text(etag, encoding="utf-8")
        return 0, response.length
    span = (response.headers["Content-Range"] or "").removeprefix("bytes ")
    span, _, total = span.partition("/")
    have = length(partial)
    if span.split("-")[0] != str(have) or etag not in ("", _version(partial)):
        forget(partial)
        raise Interrupted("answered with other bytes than were asked for")
    return have, int(total) if total.isdigit() else None


def _read(response: Any) -> bytes:
    try:
        return response.read1(CHUNK)
    except (OSError, HTTPException) as error:
        raise Interrupted(f"was cut off ({said(error)})") from None


def _version(partial: Path) -> str:
    file = _etag_file(partial)
    return file.read_text(encoding="utf-8").strip() if file.exists() else ""


def _etag_file(partial: Path) -> Path:
    return partial.with_name(f".{partial.stem}.etag")
