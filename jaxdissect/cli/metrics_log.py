"""What a training run writes down as it goes: JSON lines, CSV, TensorBoard."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdissect.base import BadInput, Params
from jaxdissect.reports import tables
from jaxdissect.training import StepMetrics


class MetricsLog:
    """A JSONL file of metrics that a resumed run continues without repeats."""

    def __init__(self, path: Path, step: int):
        lines = path.read_text().splitlines() if path.exists() else []
        kept = [line for line in lines if _step_of(line) <= step]
        partial = path.with_suffix(".partial")
        partial.write_text("".join(line + "\n" for line in kept))
        partial.replace(path)
        self.path = path

    def write(self, **values) -> None:
        """Append one line."""
        with self.path.open("a") as file:
            file.write(json.dumps(values) + "\n")


class Board(NamedTuple):
    """Where curves for TensorBoard go.

    Attributes:
        add: (name, value, step), adds a point to a curve.
        close: writes what is left.
    """

    add: Callable[[str, float, int], Any]
    close: Callable[[], Any]


NO_BOARD = Board(lambda name, value, step: None, lambda: None)
"""For those who do not use TensorBoard."""


def summary_writer() -> Callable[..., Any]:
    """TensorBoard's writer of curves.

    Raises:
        BadInput: tensorboardX is not installed.
    """
    try:
        from tensorboardX import SummaryWriter
    except ImportError:
        raise BadInput(
            "`tensorboard` needs the package tensorboardX; install "
            "'jaxdissect[tensorboard]'"
        ) from None
    return SummaryWriter


def open_board(folder: Path, step: int) -> Board:
    """A TensorBoard writer that drops points after `step`, from a run that was killed.

    Raises:
        BadInput: tensorboardX is not installed.
    """
    writer = summary_writer()(str(folder), purge_step=step + 1)
    return Board(writer.add_scalar, writer.close)


def check_finite(first_step: int, metrics: Sequence[StepMetrics]) -> None:
    """Refuse to go on from a loss that is not finite.

    Args:
        first_step: the step of the first metrics.
        metrics: of consecutive steps; each value [] or, of several seeds, [S].

    Raises:
        BadInput: naming the step and the first term that is not finite.
    """
    for step, measured in enumerate(metrics, first_step):
        for name, term in measured.terms.items():
            value = np.asarray(term)
            if not np.isfinite(value).all():
                bad = value[~np.isfinite(value)].flat[0]
                raise BadInput(
                    f"the loss's term {name} is {bad} at step {step}; the latest "
                    "checkpoint is intact, and a lower `optim.lr` or weight of the "
                    "term may help"
                )


def check_finite_params(step: int, params: Params) -> None:
    """Refuse to save weights that are not finite.

    Raises:
        BadInput: naming the step.
    """
    if not all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(params)):
        raise BadInput(
            f"weights are not finite after step {step}, though its loss was; the "
            "latest checkpoint is intact, and a lower `optim.lr` may help"
        )


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The lines of a metrics file.

    Raises:
        BadInput: there is none, or it is not one.
    """
    try:
        return [json.loads(line) for line in path.read_text().splitlines()]
    except (OSError, ValueError) as error:
        raise BadInput(f"{path} is not a metrics file ({error})") from None


def write_csv(path: Path, lines: Sequence[Mapping[str, Any]]) -> None:
    """The lines with a test accuracy, one per checkpoint, as a table."""
    rows = [line for line in lines if "test_top1" in line]
    header = list(dict.fromkeys(name for row in rows for name in row))
    cells = [[row.get(name, "") for name in header] for row in rows]
    tables.write_csv(path, header, cells)


def _step_of(line: str) -> float:
    try:
        return float(json.loads(line)["step"])
    except ValueError:  # the line a kill cut short
        return math.inf
