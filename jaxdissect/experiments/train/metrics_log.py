"""Metrics of a training: JSON lines, columns, TensorBoard, learning curve."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdissect.base import Params
from jaxdissect.errors import BadInput
from jaxdissect.pages import tables
from jaxdissect.plots.figure import Figure
from jaxdissect.plots.figures import BLUE, GREY, VERMILION, canvas
from jaxdissect.runs import saved_files
from jaxdissect.training import StepMetrics


class MetricsLog:
    """A JSONL file of metrics that a resumed run continues without repeats."""

    def __init__(self, path: Path, step: int):
        kept = [line for line in _sound_lines(path) if line["step"] <= step]
        partial = path.with_suffix(".partial")
        write_lines(partial, kept)
        partial.replace(path)
        self.path = path

    def write(self, **values) -> None:
        """Append one line."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(values) + "\n")


def write_lines(path: Path, lines: Sequence[Mapping[str, Any]]) -> None:
    """A metrics file of these lines."""
    text = "".join(json.dumps(line) + "\n" for line in lines)
    path.write_text(text, encoding="utf-8")


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
    found = []
    for number, text in enumerate(saved_files.read_text(path).splitlines(), 1):
        line = _line(text)
        if line is None:
            raise BadInput(
                f"{path} is damaged: line {number} is no metrics of a step; delete the "
                "weights beside it, and the same training makes both anew"
            )
        found.append(line)
    return found


def tested(lines: Sequence[Mapping[str, Any]], path: Path) -> list[Mapping[str, Any]]:
    """Of the lines of a metrics file those of checkpoints, at least one.

    Raises:
        BadInput: there is none, or one lacks the accuracy on training images.
    """
    found = [line for line in lines if "test_top1" in line]
    if not found or not all("train_top1" in line for line in found):
        raise BadInput(
            f"{path} is damaged: it has no checkpoint with `test_top1` and `train_top1`"
        )
    return found


def last_sound_step(path: Path) -> int:
    """The last step up to which a metrics file is whole; 0 where there is none."""
    return max((line["step"] for line in _sound_lines(path)), default=0)


def columns(lines: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """{column: one value per checkpoint}; "" where a checkpoint has none."""
    rows = [line for line in lines if "test_top1" in line]
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name, "") for row in rows] for name in names}


def write_csv(path: Path, lines: Sequence[Mapping[str, Any]]) -> None:
    """The lines with a test accuracy, one per checkpoint, as a table."""
    tables.write_columns(path, columns(lines))


def learning_curve(lines: Sequence[Mapping[str, Any]]) -> Figure:
    """Accuracy by epoch, and the number of unique labels on an axis of its own.

    Args:
        lines: of a metrics file; those with "test_top1" are drawn.

    Returns:
        Training and test accuracy in percent; detectors where they were counted.

    >>> line = {"epoch": 1.0, "train_top1": 0.5, "test_top1": 0.4}
    >>> len(learning_curve([line]).axes)
    1
    """
    tested = [line for line in lines if "test_top1" in line]
    figure, axes = canvas()
    epochs = [line["epoch"] for line in tested]
    for name, label, colour in (
        ("train_top1", "training, in training mode", GREY),
        ("test_top1", "held out", BLUE),
    ):
        values = [100 * line[name] for line in tested]
        axes.plot(epochs, values, color=colour, marker=".", label=label)
    axes.set_xlabel("epoch")
    axes.set_ylabel("top-1 accuracy (%)")
    axes.set_ylim(0, 100)
    counted = [line for line in tested if "unique_labels" in line]
    if counted:
        other = axes.twinx()
        other.plot(
            [line["epoch"] for line in counted],
            [line["unique_labels"] for line in counted],
            color=VERMILION,
            marker="s",
            label="unique labels",
        )
        other.set_ylabel("unique labels of the units, by IoU (chance not tested)")
        other.set_ylim(bottom=0)
    handles = [h for a in figure.axes for h in a.get_legend_handles_labels()[0]]
    axes.legend(handles=handles, loc="lower right", frameon=False)
    return figure


def _sound_lines(path: Path) -> list[dict[str, Any]]:
    """Lines up to the first that is none, such as one that a kill cut short."""
    if not path.is_file():
        return []
    texts = path.read_bytes().decode("utf-8", "replace").splitlines()
    found = []
    for text in texts:
        line = _line(text)
        if line is None:
            break
        found.append(line)
    return found


def _line(text: str) -> dict[str, Any] | None:
    """The metrics of a step: finite numbers, among them the step; None for else."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or type(found.get("step")) is not int:
        return None
    numbers = [type(v) in (int, float) and math.isfinite(v) for v in found.values()]
    return found if all(numbers) and found["step"] > 0 else None
