"""An ablation as tables for other programs; accuracies and drops are fractions."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from jaxdissect import ablation, metrics
from jaxdissect.ablation.layer_effects import (
    Correlations,
    LayerEffects,
    SetEffect,
    classes_served,
    worst_class_drops,
)
from jaxdissect.pages.tables import Cell, Table


def effects_table(effects: LayerEffects) -> Table:
    """One row per unit and class: accuracies, paired drops, intervals, tests."""
    units, after = effects.units, ablation.edited_counts(effects.units)
    per_cell: dict[str, Float[np.ndarray, "U K"]] = {
        "recall": metrics.recall(after),
        "balanced": metrics.balanced_accuracy(after),
        "balanced_drop": effects.drops.balanced,
        "balanced_drop_low": effects.balanced.low,
        "balanced_drop_high": effects.balanced.high,
        "nats_drop": effects.drops.log_probability,
        "nats_drop_low": effects.nats.low,
        "nats_drop_high": effects.nats.high,
        "answers_lost": units.lost,
        "answers_gained": units.gained,
        "p_adjusted": effects.p_adjusted,
    }
    rows: list[list[Cell]] = [
        [u, effects.labels[u], name, *(v[u, k].item() for v in per_cell.values())]
        for u in range(len(effects.worst))
        for k, name in enumerate(effects.classes)
    ]
    return Table(["unit", "label", "class", *per_cell], rows)


def units_table(effects: LayerEffects, top: int) -> Table:
    """One row per unit: what it looks for, what it is, what its removal costs."""
    columns: dict[str, np.ndarray] = {
        **effects.attributes,
        "classes_served": classes_served(effects.orders, top),
        "top1_drop": effects.drops.top1,
        "top1_drop_low": effects.top1.low,
        "top1_drop_high": effects.top1.high,
        **{
            f"{name} drop": values
            for name, values in worst_class_drops(effects).items()
            if name != "top-1"
        },
    }
    rows: list[list[Cell]] = [
        [
            unit,
            effects.labels[unit],
            effects.classes[effects.worst[unit]],
            *(values[unit].item() for values in columns.values()),
        ]
        for unit in range(len(effects.worst))
    ]
    names = [
        name.replace(",", "").replace(" ", "_").replace("-", "_") for name in columns
    ]
    return Table(["unit", "label", "worst_class", *names], rows)


def ranking_table(effects: LayerEffects) -> Table:
    """One row per class and rank, from the most important unit to the least."""
    rows: list[list[Cell]] = [
        [name, rank, unit, effects.labels[unit]]
        for name, order in zip(effects.classes, effects.orders.tolist(), strict=True)
        for rank, unit in enumerate(order, 1)
    ]
    return Table(["class", "rank", "unit", "label"], rows)


def curves_table(
    effects: LayerEffects, by_class: Mapping[str, Mapping[str, list[SetEffect]]]
) -> Table:
    """One row per class, order and number of units removed.

    Args:
        effects: of the layer.
        by_class: {class: {order: effects at every count}}, from `set_effects_by_class`.
    """
    rows: list[list[Cell]] = [
        [name, order, "", count, *effect]
        for name, orders in by_class.items()
        for order, steps in orders.items()
        for count, effect in zip(effects.curves.counts.tolist(), steps, strict=True)
    ]
    for k, name in enumerate(effects.classes):
        random = effects.curves.random
        for draw, (balanced, top1) in enumerate(
            zip(random.balanced, random.top1, strict=True)
        ):
            drops = balanced[0, k] - balanced[:, k]
            for step, count in enumerate(effects.curves.counts.tolist()):
                values = (balanced[step, k], drops[step], "", "", "", top1[step])
                rows.append([name, "random", draw, count, *map(_cell, values)])
    columns = ["class", "order", "draw", "removed", *SetEffect._fields]
    return Table(columns, rows)


def correlations_table(found: Correlations) -> Table:
    """One row per attribute and measure.

    >>> one = np.ones((1, 1))
    >>> correlations_table(Correlations(["iou"], ["drop"], one, one, one)).rows
    [['iou', 'drop', 1.0, 1.0, 1.0]]
    """
    rows: list[list[Cell]] = [
        [a, m, *(part[i, j].item() for part in (found.value, found.low, found.high))]
        for i, a in enumerate(found.attributes)
        for j, m in enumerate(found.measures)
    ]
    return Table(["attribute", "drop of", "spearman", "low", "high"], rows)


def _cell(value) -> Cell:
    return value if isinstance(value, str) else value.item()
