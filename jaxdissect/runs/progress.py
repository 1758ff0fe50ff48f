"""How far a run is: bars; passes that are killed and go on to the same numbers."""

import hashlib
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from tqdm.auto import tqdm

from jaxdissect.base import Statistic
from jaxdissect.errors import printable
from jaxdissect.streaming import accumulate


class Progress(NamedTuple):
    """How a run shows how far it is, and where it writes down what is done.

    Attributes:
        folder: of what is done so far; None where a run that is stopped begins anew.
        shown: whether there are progress bars.
    """

    folder: Path | None = None
    shown: bool = True

    def bar(
        self, items: Iterable[Any], total: int, label: str, initial: int = 0
    ) -> tqdm:
        """A bar with rate and time left; a line every 10 s where no one looks."""
        looked_at = sys.stderr is not None and sys.stderr.isatty()
        return tqdm(
            items,
            total=total,
            desc=printable(label, 60),
            initial=initial,
            mininterval=0.1 if looked_at else 10.0,
            dynamic_ncols=True,
            disable=not self.shown,
        )

    def within(self, name: str) -> "Progress":
        """Of a part of the run, in a folder of its own."""
        if self.folder is None:
            return self
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        return self._replace(folder=folder)

    def accumulate(
        self,
        statistic: Statistic,
        batch: Callable[[int], tuple[Any, ...]],
        num_batches: int,
        label: str,
        *,
        seconds: float = 5.0,
    ) -> Any:
        """A statistic over batches, under a bar; goes on where it was killed.

        Args:
            statistic: what to measure; its partial results are arrays of fixed number.
            batch: (number) -> arguments of `statistic.measure`.
            num_batches: of all.
            label: of the bar, and of the file with what is done.
            seconds: between two writes of what is done.
        """

        def batches(done: int) -> Iterator[tuple[Any, ...]]:
            for number in self.bar(range(done, num_batches), num_batches, label, done):
                yield batch(number)

        if self.folder is None:
            return accumulate(statistic, batches(0))
        file = self.folder / f"{label.replace(' ', '_')}.npz"
        return accumulate_resumably(
            statistic, batches, num_batches, file, seconds=seconds
        )


def progress_of(progress: "Progress | bool") -> Progress:
    """Bars or none, of a run that keeps nothing; or as it is told.

    >>> progress_of(False)
    Progress(folder=None, shown=False)
    """
    return progress if isinstance(progress, Progress) else Progress(shown=progress)


LAYOUT = b"jaxdissect progress 1\n"
"""How a file of progress begins; its SHA-256 follows, then arrays."""


class Done(NamedTuple):
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
    saved: Done | None,
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


def load_progress(file: Path) -> Done | None:
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
            return Done(int(saved["done"]), str(saved["structure"]), leaves)
