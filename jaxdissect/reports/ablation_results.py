"""What removing units did: tables, a summary, and the pictures that tell the story."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int

from jaxdissect import metrics
from jaxdissect.ablation import RemovalCurves
from jaxdissect.metrics import ClassCounts
from jaxdissect.reports import figures
from jaxdissect.reports.tables import Cell, Table


def units_table(counts: ClassCounts, classes: Sequence[str]) -> Table:
    """One row per unit and class: accuracies with the unit and without it.

    Args:
        counts: [1 + U, K]; the first edit removes nothing, edit u + 1 removes unit u.
        classes: [K] names.
    """
    columns = ["unit", "class"]
    values = []
    for name, value in _accuracies(counts, len(classes)).items():
        columns += [f"{name}_before", f"{name}_after"]
        values += [np.broadcast_to(value[:1], value[1:].shape), value[1:]]
    rows: list[list[Cell]] = [
        [unit, name, *(value[unit, k].item() for value in values)]
        for unit in range(len(values[0]))
        for k, name in enumerate(classes)
    ]
    return Table(columns, rows)


def ranking_table(orders: Int[np.ndarray, "K U"], classes: Sequence[str]) -> Table:
    """One row per class and rank, from the most important unit to the least."""
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
        counts: as in `units_table`.
        curves: removal from the rankings.
        classes: [K] names.
        removed: how many units to remove at once, one of `curves.counts`.
    """
    top1, balanced = metrics.top1(counts), metrics.balanced_accuracy(counts)
    at = curves.counts.tolist().index(removed)
    important = 100 * (curves.most[:, 0] - curves.most[:, at])
    random = 100 * (curves.random[..., 0] - curves.random[..., at]).mean(1)
    ratio = important.mean() / random.mean() if random.mean() > 0 else None
    return {
        "units": len(top1) - 1,
        "top1": top1[0].item(),
        "balanced_accuracy": balanced[0].mean().item(),
        "median_top1_drop": np.median(100 * (top1[0] - top1[1:])).item(),
        "median_worst_class_drop": np.median(
            100 * (balanced[0] - balanced[1:]).max(1)
        ).item(),
        "removed": removed,
        "drop_of_most_important": important.mean().item(),
        "drop_of_random": random.mean().item(),
        "ratio": None if ratio is None else ratio.item(),
        "per_class": {
            name: {"most_important": a, "random": b}
            for name, a, b in zip(
                classes, important.tolist(), random.tolist(), strict=True
            )
        },
    }


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
    k = int((curves.most[:, 0] - curves.most[:, at]).argmax())
    one = figures.removal_curves(
        curves.counts,
        curves.most[k],
        curves.random[k],
        curves.least[k],
        classes[k],
        balanced[0, k].item(),
    )
    figures.save(one, folder / "removal_of_units.png")
    grid = figures.removal_grid(
        curves.counts, curves.most, curves.random, curves.least, classes, balanced[0]
    )
    figures.save(grid, folder / "removal_of_units_by_class.png")


def _accuracies(counts, num_classes):
    top1 = metrics.top1(counts)
    return {
        "top1": np.broadcast_to(top1[:, None], (len(top1), num_classes)),
        "recall": metrics.recall(counts),
        "balanced": metrics.balanced_accuracy(counts),
    }
