"""The learning curve of a training: accuracies, detectors where counted."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jaxdissect.plots.figure import Figure
from jaxdissect.plots.figures import BLUE, GREY, VERMILION, canvas, save


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


def save_figure(path: Path, lines: Sequence[Mapping[str, Any]]) -> None:
    """Draw and write a PNG."""
    save(learning_curve(lines), path)
