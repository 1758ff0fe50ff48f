"""Units and their labels as a table for other programs."""

from collections.abc import Sequence

import numpy as np

from jaxdissect.dissection import (
    Certainty,
    Dissection,
    label_units,
    significant_detectors,
)
from jaxdissect.pages.tables import Cell, Table

COLUMNS = ("unit", "label", "category", "iou", "is_detector", "threshold", "tail_mass")


def units_table(
    result: Dissection,
    concepts: Sequence[tuple[str, str]],
    *,
    certainty: Certainty | None = None,
) -> Table:
    """One row per unit: its label, and its best concept within every category.

    Args:
        result: a dissection of U units against C concepts.
        concepts: [C] (name, category) of every concept.
        certainty: of the same units and concepts, or None where it was not measured.

    Returns:
        Columns unit (0-based), label, category, iou, is_detector, threshold and
        tail_mass (the share of pixels above the threshold), then the best label and
        its IoU in every category, in order of the categories' first appearance. Names
        are empty where every IoU is 0, as for a dead unit. Last, where measured: low
        and high (the interval of the label's IoU), chance (its IoU by chance), q, and
        beyond_chance (whether it is a detector whose label is). In order of the units'
        numbers; where some detectors are no more than chance, the others come first.
    """
    categories = np.array([category for _, category in concepts])
    columns = list(COLUMNS)
    found = result.detectors
    tail_mass = result.overlap.unit / result.overlap.pixels
    rows: list[list[Cell]] = [
        [
            unit,
            *_named(concepts, concept),
            found.iou[unit].item(),
            bool(found.is_detector[unit]),
            # A float32's own digits, not those of the double nearest to it.
            float(str(result.thresholds[unit])),
            tail_mass[unit].item(),
        ]
        for unit, concept in enumerate(found.concept.tolist())
    ]
    for category in dict.fromkeys(categories.tolist()):
        members = np.flatnonzero(categories == category)
        columns += [f"{category}_label", f"{category}_iou"]
        best = label_units(result.iou[:, members])
        for row, concept, iou in zip(rows, best.concept, best.iou, strict=True):
            name = concepts[members[concept]][0] if concept >= 0 else ""
            row += [name, iou.item()]
    if certainty is not None:
        columns += ["low", "high", "chance", "q", "beyond_chance"]
        above = significant_detectors(found, certainty)
        for unit, (row, label) in enumerate(zip(rows, found.concept, strict=True)):
            pair = (unit, max(label, 0))
            row += [certainty.low[unit].item(), certainty.high[unit].item()]
            row += [certainty.chance[pair].item(), certainty.q_values[pair].item()]
            row.append(bool(above[unit]))
        if (found.is_detector & ~above).any():
            rows.sort(key=lambda row: not row[-1])
    return Table(columns, rows)


def _named(concepts, concept):
    return concepts[concept] if concept >= 0 else ("", "")
