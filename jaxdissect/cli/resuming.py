"""Long analyses that can be killed at any moment and go on to the same numbers."""

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxdissect.base import BadInput, Statistic
from jaxdissect.cli import outputs


class Work(NamedTuple):
    """Folders of a run that can be killed and go on.

    Attributes:
        results: what will become the run's folder.
        progress: what is done so far; kept until the run ends.
    """

    results: Path
    progress: Path


@contextmanager
def resumable_folder(out: Path, run: Mapping[str, Any]) -> Iterator[Work]:
    """Like `results_folder`, for long work: the same run goes on where it was killed.

    What is done lies beside `out` in a hidden folder named after `out` and the run, so
    that runs with other settings do not meet.

    Raises:
        BadInput: `out` holds another run's results.
    """
    outputs.check_same_run(out, run)
    name = hashlib.sha256(json.dumps(run, sort_keys=True).encode()).hexdigest()[:8]
    scratch = out.absolute().parent / f".{out.name}-{name}.partial"
    work = Work(scratch / "results", scratch / "progress")
    for left in (work.results, scratch / "replaced"):
        shutil.rmtree(left, ignore_errors=True)
    work.results.mkdir(parents=True)
    work.progress.mkdir(exist_ok=True)
    try:
        yield work
    except BadInput:  # it would fail again
        shutil.rmtree(scratch)
        raise
    outputs.publish(work.results, out, run, replaced=scratch / "replaced")
    shutil.rmtree(scratch)


def accumulate_resumably(
    statistic: Statistic,
    batches: Callable[[int], Iterable[tuple[Any, ...]]],
    num_batches: int,
    file: Path,
    *,
    seconds: float = 5.0,
) -> Any:
    """`streaming.accumulate` that writes down what is done and goes on from there.

    Args:
        statistic: what to measure; its partial results are arrays of fixed number.
        batches: (n) -> all batches but the first n.
        num_batches: of all.
        file: where to write; not there on the first run.
        seconds: between two writes, more where writing itself takes long.
    """
    done, leaves = _load_progress(file)
    # The structure of a partial result comes from measuring; where nothing is left
    # to measure, from the last batch once more.
    start = min(done, num_batches - 1)
    written, merged = time.monotonic(), None
    for number, batch in enumerate(batches(start), start + 1):
        partial = statistic.measure(*batch)
        if leaves is not None:
            merged, leaves = (
                jax.tree.unflatten(jax.tree.structure(partial), leaves),
                None,
            )
        if number > done:
            merged = partial if merged is None else statistic.merge(merged, partial)
        if number == num_batches or time.monotonic() - written > seconds:
            began = time.monotonic()
            _save_progress(file, number, jax.tree.leaves(merged))
            written = time.monotonic()
            seconds = max(seconds, 20 * (written - began))
    return statistic.value(merged)


def _load_progress(file: Path) -> tuple[int, list[np.ndarray] | None]:
    if not file.exists():
        return 0, None
    with np.load(file) as saved:
        leaves = [saved[f"leaf{i}"] for i in range(len(saved.files) - 1)]
        return int(saved["done"]), leaves


def _save_progress(file: Path, done: int, leaves: list[Any]) -> None:
    partial = file.with_suffix(".partial.npz")
    np.savez(partial, done=done, **{f"leaf{i}": leaf for i, leaf in enumerate(leaves)})
    partial.replace(file)
