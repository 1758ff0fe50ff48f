"""Checkpoints of a training run: Orbax, plus a hash that notices flipped bits."""

import itertools
import json
import math
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from operator import itemgetter
from pathlib import Path
from typing import Any

import jax
import orbax.checkpoint as ocp
from orbax.checkpoint.checkpoint_managers import AnyPreservationPolicy, BestN, LatestN

from jaxdissect.errors import BadInput
from jaxdissect.training.step import TrainState
from jaxdissect.weights import digest

DAMAGED = "damaged"
"""Where checkpoints lie that could not be read."""


@contextmanager
def manager(
    folder: Path, *, tell: Callable[[str], Any] = warnings.warn
) -> Iterator[ocp.CheckpointManager]:
    """Open a folder of checkpoints; keeps the two latest and the best one.

    Args:
        folder: created where absent; half-written checkpoints in it are removed.
        tell: what to do with a sentence on a damaged one, which is set aside.
    """
    # Orbax's own `best_fn` with `max_to_keep` may delete the newest step, and then
    # resuming would go back in time; without `best_fn` it forgets the accuracies of
    # checkpoints that another process wrote.
    accuracy = itemgetter("accuracy")
    policy = AnyPreservationPolicy([LatestN(2), BestN(get_metric_fn=accuracy, n=1)])
    options = ocp.CheckpointManagerOptions(
        best_fn=accuracy, preservation_policy=policy, cleanup_tmp_directories=True
    )
    with _saving(folder):
        _set_aside_without_accuracy(folder, tell)
        checkpoints = ocp.CheckpointManager(folder.resolve(), options=options)
    try:
        yield checkpoints
    finally:
        with _saving(folder):
            checkpoints.close()


def save(
    checkpoints: ocp.CheckpointManager, state: TrainState, step: int, accuracy: float
) -> None:
    """Save a state in the background.

    Args:
        checkpoints: from `manager`.
        state: of one seed, or of several side by side.
        step: steps taken.
        accuracy: decides which checkpoint is best.

    Raises:
        BadInput: this one, or the one before, could not be written.
    """
    args = ocp.args.Composite(
        state=ocp.args.StandardSave(state), meta=ocp.args.JsonSave(_meta(state))
    )
    with _saving(Path(checkpoints.directory)):
        checkpoints.save(step, args=args, metrics={"accuracy": accuracy})


@contextmanager
def _saving(folder: Path) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # Orbax raises many kinds, a full disk among them.
        reason = _first_line(error)
        raise BadInput(
            f"a checkpoint could not be written to {folder} ({reason}); those before "
            "it are intact, and the same command goes on from the latest"
        ) from error


def restore_latest(
    checkpoints: ocp.CheckpointManager,
    like: TrainState,
    *,
    last_step: int | None = None,
    tell: Callable[[str], Any] = warnings.warn,
) -> TrainState | None:
    """The latest state that is whole, or None where there is none.

    Damaged checkpoints are told and set aside, in a folder `damaged` beside them.

    Args:
        checkpoints: from `manager`.
        like: a state of the same shapes, as a fresh run would start from.
        last_step: later ones are set aside, too; None for no limit.
        tell: what to do with a sentence on what was set aside.

    Raises:
        BadInput: a checkpoint is of another network, or cannot be read now.
    """
    target = jax.tree.map(ocp.utils.to_shape_dtype_struct, like)
    args = ocp.args.Composite(
        state=ocp.args.StandardRestore(target), meta=ocp.args.JsonRestore()
    )
    folder = Path(checkpoints.directory)
    for step in sorted(checkpoints.all_steps(), reverse=True):
        where = f"the checkpoint {folder / str(step)}"
        if last_step is not None and step > last_step:
            reason = "is of a step whose metrics are lost"
        else:
            try:
                restored = checkpoints.restore(step, args=args)
                if restored.meta == _meta(restored.state):
                    return restored.state
                reason = "is damaged: its arrays do not match their SHA-256"
            except (MemoryError, PermissionError) as error:
                reason = _first_line(error)
                raise BadInput(f"{where} cannot be read now ({reason})") from None
            except Exception as error:  # Orbax raises many kinds; all mean the same.
                _check_network(checkpoints, step, target, where)
                reason = f"is unreadable ({_first_line(error)})"
        tell(f"{where} {reason}; it is set aside")
        set_aside(folder, step)
        checkpoints.reload()
    return None


def set_aside(folder: Path, step: int) -> None:
    """Move a checkpoint out of the way, into `damaged`."""
    aside = folder / DAMAGED
    aside.mkdir(exist_ok=True)
    taken = {entry.name for entry in aside.iterdir()}
    names = (f"{step}-{n}" if n else f"{step}" for n in itertools.count())
    (folder / str(step)).rename(aside / next(n for n in names if n not in taken))


def _check_network(
    checkpoints: ocp.CheckpointManager, step: int, target: Any, where: str
) -> None:
    """Refuse a checkpoint that says that it has other arrays."""
    try:
        saved = checkpoints.item_metadata(step).state.tree
        have = [leaf.shape for leaf in jax.tree.leaves(saved)]
    except Exception:  # then it is damaged, which shows when it is read
        return
    want = [leaf.shape for leaf in jax.tree.leaves(target)]
    if have and sorted(have) != sorted(want):
        raise BadInput(
            f"{where} is of another network: it has {len(have)} arrays of other shapes "
            f"than the {len(want)} here; choose another folder"
        )


def _set_aside_without_accuracy(folder: Path, tell: Callable[[str], Any]) -> None:
    """Orbax opens no folder in which it cannot read the accuracy of a checkpoint."""
    for place in folder.glob("[0-9]*"):
        file = place / "metrics" / "metrics"
        if not place.name.isdigit() or not place.is_dir():
            continue
        try:
            found = json.loads(file.read_text(encoding="utf-8"))["accuracy"]
            sound = type(found) in (int, float) and math.isfinite(found)
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            sound = False
        if not sound:
            tell(f"the checkpoint {place} has no accuracy to be read; it is set aside")
            set_aside(folder, int(place.name))


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _meta(state: TrainState) -> dict[str, Any]:
    return {"sha256": digest(state)}
