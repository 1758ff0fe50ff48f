"""Long analyses that can be killed at any moment and go on to the same numbers."""

import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxdissect.base import Statistic

LAYOUT = b"jaxdissect progress 1\n"
"""How a file of progress begins; its SHA-256 follows, then arrays."""


class Progress(NamedTuple):
    """What is done of a pass over batches.

    Attributes:
        done: batches that are counted.
        structure: of the partial result, as text.
        leaves: its arrays.
    """

    done: int
    structure: str
    leaves: list[np.ndarray]


def accumulate_resumably(
    statistic: Statistic,
    batches: Callable[[int], Iterable[tuple[Any, ...]]],
    num_batches: int,
    file: Path,
    *,
    seconds: float = 5.0,
) -> Any:
    """`streaming.accumulate` that writes down what is done and goes on from there.

    A file that is damaged, or of another pass, is told and not used.

    Args:
        statistic: what to measure; its partial results are arrays of fixed number.
        batches: (n) -> all batches but the first n.
        num_batches: of all.
        file: where to write; not there on the first run.
        seconds: between two writes, more where writing itself takes long.
    """
    saved = load_progress(file)
    if saved is not None and 0 < saved.done <= num_batches:
        going_on = _accumulated(statistic, batches, num_batches, file, seconds, saved)
        if going_on is not None:
            return statistic.value(going_on)
    if file.exists():
        print(f"{file.name} is damaged or of another pass; this pass is done anew")
        shutil.rmtree(file) if file.is_dir() else file.unlink()
    return statistic.value(
        _accumulated(statistic, batches, num_batches, file, seconds, None)
    )


def _accumulated(
    statistic: Statistic,
    batches: Callable[[int], Iterable[tuple[Any, ...]]],
    num_batches: int,
    file: Path,
    seconds: float,
    saved: Progress | None,
) -> Any:
    """The merged partial results; None where what was saved is of another shape."""
    done = 0 if saved is None else saved.done
    # The structure of a partial result comes from measuring; where nothing is left
    # to measure, from the last batch once more.
    start = min(done, num_batches - 1)
    written, merged = time.monotonic(), None
    for number, batch in enumerate(batches(start), start + 1):
        partial = statistic.measure(*batch)
        if saved is not None:
            structure = jax.tree.structure(partial)
            if saved.structure != str(structure):
                return None
            merged, saved = jax.tree.unflatten(structure, saved.leaves), None
        if number > done:
            merged = partial if merged is None else statistic.merge(merged, partial)
        if number == num_batches or time.monotonic() - written > seconds:
            began = time.monotonic()
            save_progress(file, number, merged)
            written = time.monotonic()
            seconds = max(seconds, 20 * (written - began))
    return merged


def save_progress(file: Path, done: int, merged: Any) -> None:
    """Write down what is done, whole or not at all, with a SHA-256 of it."""
    leaves, structure = jax.tree.flatten(merged)
    partial = file.with_name(f"{file.name}.partial")
    with partial.open("w+b") as target:
        target.write(LAYOUT + bytes(32))
        arrays: dict[str, Any] = {
            f"leaf{i}": np.asarray(leaf) for i, leaf in enumerate(leaves)
        }
        np.savez(target, done=done, structure=str(structure), **arrays)
        target.seek(len(LAYOUT) + 32)
        sha = hashlib.file_digest(target, "sha256").digest()
        target.seek(len(LAYOUT))
        target.write(sha)
        target.flush()
        os.fsync(target.fileno())
    partial.replace(file)


def load_progress(file: Path) -> Progress | None:
    """What `save_progress` wrote; None where there is none, or it is not that."""
    if not file.is_file():
        return None
    with file.open("rb") as source:
        head = source.read(len(LAYOUT) + 32)
        sha = hashlib.file_digest(source, "sha256").digest()
        if head != LAYOUT + sha:
            return None
        source.seek(len(head))
        with np.load(source, allow_pickle=False) as saved:
            leaves = [saved[f"leaf{i}"] for i in range(len(saved.files) - 2)]
            return Progress(int(saved["done"]), str(saved["structure"]), leaves)
