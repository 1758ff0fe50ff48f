"""A web server on the own machine that answers as it is told."""

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple
from unittest.mock import patch


class Answer(NamedTuple):
    """What is sent; the connection is closed after it."""

    status: int
    headers: Mapping[str, str]
    body: bytes | Iterator[bytes] = b""


class Server(NamedTuple):
    """Where it is, and (path, headers) of the requests it got."""

    url: str
    asked: list[tuple[str, Mapping[str, str]]]


def file(
    body: bytes, *, cut: int | None = None
) -> Callable[[Mapping[str, str]], Answer]:
    """A file, cut off after so many bytes."""
    headers = {"Content-Length": str(len(body))}
    return lambda asked: Answer(200, headers, body[:cut])


def trickle(piece: bytes, pause: float) -> Callable[[Mapping[str, str]], Answer]:
    """The same bytes again and again, for ever."""

    def pieces():
        while True:
            time.sleep(pause)
            yield piece

    return lambda asked: Answer(200, {}, pieces())


def says(status: int, body: bytes = b"", **headers: str):
    """The same answer whatever is asked."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda asked: Answer(status, named, body)


@contextmanager
def serving(*answers: Callable[[Mapping[str, str]], Answer]) -> Iterator[Server]:
    """A server that gives one answer after the other, the last one for ever."""
    left, asked, lock = list(answers), [], threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            with lock:
                asked.append((self.path, dict(self.headers)))
                answer = left.pop(0) if len(left) > 1 else left[0]
            status, headers, body = answer(self.headers)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            with suppress(OSError):  # who asked has heard enough
                for piece in [body] if isinstance(body, bytes) else body:
                    self.wfile.write(piece)

        def log_message(self, *arguments):
            pass

    direct = patch.dict(os.environ, no_proxy="127.0.0.1")
    with direct, ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield Server(f"http://127.0.0.1:{server.server_port}", asked)
        finally:
            server.shutdown()
            thread.join()
