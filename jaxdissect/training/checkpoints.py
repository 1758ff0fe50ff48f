"""Checkpoints of a training run: Orbax, plus a hash that notices flipped bits."""

from collections.abc import Iterator
from contextlib import contextmanager
from operator import itemgetter
from pathlib import Path
from typing import Any

import jax
import orbax.checkpoint as ocp
from orbax.checkpoint.checkpoint_managers import AnyPreservationPolicy, BestN, LatestN

from jaxdissect.base import BadInput
from jaxdissect.training.state import TrainState
from jaxdissect.weights import digest


@contextmanager
def manager(folder: Path) -> Iterator[ocp.CheckpointManager]:
    """Open a folder of checkpoints; keeps the two latest and the best one.

    Args:
        folder: created where absent; half-written checkpoints in it are removed.
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
    checkpoints: ocp.CheckpointManager, like: TrainState
) -> TrainState | None:
    """The latest state, or None where there is none yet.

    Args:
        checkpoints: from `manager`.
        like: a state of the same shapes, as a fresh run would start from.

    Raises:
        BadInput: the checkpoint is unreadable, damaged, or of another network.
    """
    step = checkpoints.latest_step()
    if step is None:
        return None
    target = jax.tree.map(ocp.utils.to_shape_dtype_struct, like)
    args = ocp.args.Composite(
        state=ocp.args.StandardRestore(target), meta=ocp.args.JsonRestore()
    )
    where = f"the checkpoint {Path(checkpoints.directory) / str(step)}"
    try:
        restored = checkpoints.restore(step, args=args)
    except Exception as error:  # Orbax raises many kinds; all mean the same here.
        reason = _first_line(error)
        raise BadInput(
            f"{where} is unreadable or of another network ({reason}); "
            "delete it to go back to the one before"
        ) from error
    if restored.meta != _meta(restored.state):
        raise BadInput(
            f"{where} is damaged: its arrays do not match their SHA-256; "
            "delete it to go back to the one before"
        )
    return restored.state


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _meta(state: TrainState) -> dict[str, Any]:
    return {"sha256": digest(state)}
