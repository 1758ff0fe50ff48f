"""What removing units did: tables, a summary, and the pictures that tell the story."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int

from jaxdissect import metrics
from jaxdissect.ablation import EditMeasures, RemovalCurves
from jaxdissect.metrics import ClassCounts
from jaxdissect.reports import figures
from jaxdissect.reports.tables import Cell, Table


def units_table(measured: EditMeasures, classes: Sequence[str]) -> Table:
    """One row per unit and class: accuracies with the unit and without it.

    Args:
        measured: [1 + U, K]; the first edit removes nothing, edit u + 1 removes unit u.
        classes: [K] names.
    """
    columns = ["unit", "class"]
    values = []
    for name, value in _accuracies(measured, len(classes)).items():
        columns += [f"{name}_before", f"{name}_after"]
        values += [np.broadcast_to(value[:1], value[1:].shape), value[1:]]
    rows: list[list[Cell]] = [
        [unit, name, *(value[unit, k].item() for value in values)]
        for unit in range(len(values[0]))
        for k, name in enumerate(classes)
    ]
    return Table(columns, rows)


def ranking_table(orders: Int[np.ndarray, "K U"], classes: Sequence[str]) -> Table:
    """One row per class and rank, from the most important unit to the least.

    >>> ranking_table(np.array([[1, 0]]), ["farm"]).rows
    [['farm', 1, 1], ['farm', 2, 0]]
    """
    rows: list[list[Cell]] = [
        [name, rank, unit]
        for name, order in zip(classes, orders.tolist(), strict=True)
        for rank, unit in enumerate(order, 1)
    ]
    return Table(["class", "rank", "unit"], rows)


def summarize(
    counts: ClassCounts, curves: RemovalCurves, classes: Sequence[str], removed: int
) -> dict[str, Any]:
    """The figures that tell the story; drops are in points (percent of accuracy).

    Args:
        counts: [1 + U, K], as in `units_table`.
        curves: removal from the rankings.
        classes: [K] names.
        removed: how many units to remove at once, one of `curves.counts`.
    """
    top1, balanced = metrics.top1(counts), metrics.balanced_accuracy(counts)
    at = curves.counts.tolist().index(removed)
    important = _drops(curves.most.balanced, at)
    random = _drops(curves.random.balanced, at).mean(1)
    pairs = zip(classes, important.tolist(), random.tolist(), strict=True)
    return {
        "units": len(top1) - 1,
        "top1": top1[0].item(),
        "balanced_accuracy": balanced[0].mean().item(),
        "median_top1_drop": np.median(100 * (top1[0] - top1[1:])).item(),
        "median_worst_class_drop": np.median(
            100 * (balanced[0] - balanced[1:]).max(1)
        ).item(),
        "drops_are": "points (percent of balanced accuracy, or of top-1)",
        "removed": removed,
        "drop_of_most_important": important.mean().item(),
        "drop_of_random": random.mean().item(),
        "per_class": {name: {"most_important": a, "random": b} for name, a, b in pairs},
        "removal": [_removal(curves, i) for i in range(len(curves.counts))],
    }


def _removal(curves, at) -> dict[str, Any]:
    row = {"removed": curves.counts[at].item()}
    for order in ("most", "random", "least"):
        curve = getattr(curves, order)
        row[f"{order}_balanced"] = curve.balanced[..., at].mean().item()
        row[f"{order}_top1"] = curve.top1[..., at].mean().item()
    return row


def save_figures(
    folder: Path,
    counts: ClassCounts,
    curves: RemovalCurves,
    classes: Sequence[str],
    removed: int,
) -> None:
    """Overall against worst-class drop, and removal curves of one and of all classes.

    The class shown alone is the one that loses most from its `removed` first units.
    """
    top1, balanced = metrics.top1(counts), metrics.balanced_accuracy(counts)
    drops = balanced[0] - balanced[1:]
    worst = [classes[k] for k in drops.argmax(1)]
    scatter = figures.drop_scatter(top1[0] - top1[1:], drops.max(1), worst)
    figures.save(scatter, folder / "overall_vs_worst_class.png")
    at = curves.counts.tolist().index(removed)
    k = int(_drops(curves.most.balanced, at).argmax())
    most, random, least = (
        curve.balanced for curve in (curves.most, curves.random, curves.least)
    )
    one = figures.removal_curves(
        curves.counts,
        most[k],
        random[k],
        least[k],
        classes[k],
        balanced[0, k].item(),
    )
    figures.save(one, folder / "removal_of_units.png")
    grid = figures.removal_grid(
        curves.counts, most, random, least, classes, balanced[0]
    )
    figures.save(grid, folder / "removal_of_units_by_class.png")


def _drops(accuracy, at):
    return 100 * (accuracy[..., 0] - accuracy[..., at])


def _accuracies(measured, num_classes):
    counts, log_probability = measured
    top1 = metrics.top1(counts)
    return {
        "top1": np.broadcast_to(top1[:, None], (len(top1), num_classes)),
        "recall": metrics.recall(counts),
        "balanced": metrics.balanced_accuracy(counts),
        "log_probability": log_probability,
    }
