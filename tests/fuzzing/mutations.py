"""What is done to files: bytes, JSON, arrays and tables, each mutation by its name."""

import io
import json
import math
import shutil
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

Mutation = Callable[[Path], None]
"""Spoils a file in its place."""


def of_bytes(change: Callable[[bytes], bytes]) -> Mutation:
    """A mutation of a file's contents."""

    def mutate(path: Path) -> None:
        path.write_bytes(change(path.read_bytes()))

    return mutate


def _cut(share: float, data: bytes) -> bytes:
    return data[: int(len(data) * share)]


def _flipped(seed: int, data: bytes) -> bytes:
    """Eight bits, anywhere."""
    changed = bytearray(data)
    for at in np.random.default_rng(seed).integers(0, 8 * len(data), 8).tolist():
        changed[at // 8] ^= 1 << at % 8
    return bytes(changed)


def _zeroed(data: bytes) -> bytes:
    """A page that never reached the disk."""
    half = len(data) // 2
    return data[:half] + bytes(min(4096, len(data) - half)) + data[half + 4096 :]


def _gone(path: Path) -> None:
    path.unlink()


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _loop(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.name)


def _dangling(path: Path) -> None:
    path.unlink()
    path.symlink_to("nowhere")


BYTES: dict[str, Mutation] = {
    "empty": of_bytes(lambda data: b""),
    "cut-to-a-tenth": of_bytes(partial(_cut, 0.1)),
    "cut-to-half": of_bytes(partial(_cut, 0.5)),
    "cut-by-the-last-byte": of_bytes(lambda data: data[:-1]),
    "bits-flipped-0": of_bytes(partial(_flipped, 0)),
    "bits-flipped-1": of_bytes(partial(_flipped, 1)),
    "bits-flipped-2": of_bytes(partial(_flipped, 2)),
    "a-page-of-zeros": of_bytes(_zeroed),
    "not-utf-8": of_bytes(lambda data: b"\xff\xfe\x80" + data),
    "control-characters": of_bytes(lambda data: b"\x1b[31m\x07\x00" + data),
    "another-kind": of_bytes(lambda data: b"\x89PNG\r\n\x1a\n" + bytes(64)),
    "nested-without-end": of_bytes(lambda data: b"[" * 100_000),
    "gone": _gone,
    "a-folder": _folder,
    "a-link-to-itself": _loop,
    "a-dangling-link": _dangling,
}

WRONG: dict[str, Any] = {
    "null": None,
    "text": "\x1b[31mnonsense\x07",
    "list": [],
    "object": {"a": 1},
    "nan": math.nan,
    "infinity": math.inf,
    "huge": 10**30,
    "negative": -7,
    "fraction": 0.5e-9,
    "true": True,
}
"""Values to put in the place of others."""


def keys(data: Any, depth: int = 3) -> Iterator[tuple[Any, ...]]:
    """Paths of everything in nested JSON; of lists, the first and the last entry."""
    if depth == 0:
        return
    if isinstance(data, dict):
        parts = list(data.items())
    elif isinstance(data, list) and data:
        parts = list(dict.fromkeys([0, len(data) - 1]))
        parts = [(at, data[at]) for at in parts]
    else:
        return
    for key, part in parts:
        yield (key,)
        for rest in keys(part, depth - 1):
            yield (key, *rest)


def at(data: Any, path: tuple[Any, ...]) -> Any:
    """What is at a path of nested JSON."""
    for key in path:
        data = data[key]
    return data


def replaced(path: tuple[Any, ...], value: Any) -> Mutation:
    """The value of one key of a JSON file replaced."""

    def mutate(file: Path) -> None:
        data = json.loads(file.read_text("utf-8"))
        at(data, path[:-1])[path[-1]] = value
        file.write_text(json.dumps(data), "utf-8")

    return mutate


def without(path: tuple[Any, ...]) -> Mutation:
    """One key of a JSON file left out."""

    def mutate(file: Path) -> None:
        data = json.loads(file.read_text("utf-8"))
        del at(data, path[:-1])[path[-1]]
        file.write_text(json.dumps(data), "utf-8")

    return mutate


def of_array(name: str, change: Callable[[np.ndarray], np.ndarray | None]) -> Mutation:
    """One array of an .npz file changed, or left out where that gives None."""

    def mutate(file: Path) -> None:
        with np.load(file) as saved:
            arrays = dict(saved)
        array = change(arrays.pop(name))
        if array is not None:
            arrays[name] = array
        np.savez(file, **arrays)

    return mutate


def _with_first(value: Any) -> Callable[[np.ndarray], np.ndarray]:
    def change(array: np.ndarray) -> np.ndarray:
        if array.dtype.kind in "US":
            return array
        kind = np.float64 if array.dtype.kind in "iu" else array.dtype
        changed = array.astype(kind)
        changed.reshape(-1)[:1] = value
        return changed

    return change


ARRAYS: dict[str, Callable[[np.ndarray], np.ndarray | None]] = {
    "gone": lambda array: None,
    "empty": lambda array: array[..., :0] if array.ndim else array.reshape(1)[:0],
    "one-axis-more": lambda array: array[None],
    "one-entry-less": lambda array: array[:-1] if array.ndim else array.reshape(1),
    "one-number": lambda array: array.reshape(-1)[0],
    "nan": _with_first(np.nan),
    "infinity": _with_first(np.inf),
    "negative": _with_first(-7),
    "huge": _with_first(1e30),
    "text": lambda array: np.full(array.shape, "x"),
    "objects": lambda array: np.full(array.shape, None),
    "complex": lambda array: np.full(array.shape, 1j),
}


def _member(change: Callable[[str, bytes], Iterator[tuple[str, bytes]]]) -> Mutation:
    """Files inside an archive changed, the archive itself being whole."""

    def mutate(path: Path) -> None:
        with zipfile.ZipFile(path) as archive:
            members = [(name, archive.read(name)) for name in archive.namelist()]
        contents = io.BytesIO()
        with zipfile.ZipFile(contents, "w") as archive:
            for name, data in members:
                for inside in change(name, data):
                    archive.writestr(*inside)
        path.write_bytes(contents.getvalue())

    return mutate


ARCHIVES: dict[str, Mutation] = {
    "no-members": _member(lambda name, data: iter(())),
    "members-cut": _member(lambda name, data: iter([(name, data[: len(data) // 2])])),
    "members-empty": _member(lambda name, data: iter([(name, b"")])),
    "members-of-text": _member(lambda name, data: iter([(name, b"hello\n" * 9)])),
    "members-renamed": _member(lambda name, data: iter([(f"../{name}", data)])),
}


def _lines(change: Callable[[list[bytes]], list[bytes]]) -> Mutation:
    return of_bytes(lambda data: b"\n".join(change(data.rstrip(b"\n").split(b"\n"))))


def _cells(row: int, column: int, value: bytes, lines: list[bytes]) -> list[bytes]:
    cells = lines[row].split(b",")
    cells[column % len(cells)] = value
    return [*lines[:row], b",".join(cells), *lines[row + 1 :]]


def cell(row: int, column: int, value: bytes) -> Mutation:
    """One cell of a table replaced."""
    return _lines(partial(_cells, row, column, value))


HARMLESS_TABLES: dict[str, Mutation] = {
    "byte-order-mark": of_bytes(lambda data: b"\xef\xbb\xbf" + data),
    "lines-end-in-crlf": of_bytes(lambda data: data.replace(b"\n", b"\r\n")),
    "no-newline-at-the-end": of_bytes(lambda data: data.rstrip(b"\n")),
    "blank-lines": of_bytes(lambda data: data.replace(b"\n", b"\n\n")),
    "a-column-more": _lines(
        lambda lines: [
            line + (b",note" if k == 0 else b",x") for k, line in enumerate(lines)
        ]
    ),
}
"""The same is said in another way."""

TABLES: dict[str, Mutation] = {
    "header-only": _lines(lambda lines: lines[:1]),
    "no-header": _lines(lambda lines: lines[1:]),
    "header-twice": _lines(lambda lines: [lines[0], *lines]),
    "a-row-twice": _lines(lambda lines: [*lines, lines[-1]]),
    "a-column-twice": _lines(
        lambda lines: [line + b"," + line.split(b",")[0] for line in lines]
    ),
    "a-cell-less": _lines(lambda lines: [*lines[:-1], lines[-1].rpartition(b",")[0]]),
    "a-cell-more": _lines(lambda lines: [*lines[:-1], lines[-1] + b",surplus"]),
    "semicolons": of_bytes(lambda data: data.replace(b",", b";")),
    "tabs": of_bytes(lambda data: data.replace(b",", b"\t")),
    "an-open-quote": of_bytes(lambda data: data.replace(b",", b',"', 1)),
    "utf-16": of_bytes(lambda data: data.decode().encode("utf-16")),
    "latin-1": of_bytes(lambda data: data.replace(b"\n", b"\xe9\n", 2)),
    "nul": of_bytes(lambda data: data.replace(b",", b",\0", 3)),
}


def copied(origin: Path, to: Path) -> Path:
    """A file or a folder, links as links."""
    if origin.is_dir():
        return Path(shutil.copytree(origin, to, symlinks=True))
    return Path(shutil.copy(origin, to))
