"""Answers of a dissection as tables."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxdissect.data.listing import shown as as_text
from jaxdissect.dissection import queries
from jaxdissect.experiments.query.searching import Found, Scope
from jaxdissect.pages.tables import Cell, Table


def concepts(scope: Scope, found: Sequence[Found]) -> Table:
    """Evidence of each concept on every image searched, then on one's own, most first.

    Of one's own pictures nobody knows whether they show it, so those cells are empty.
    """
    assert scope.probe is not None
    source, indices = scope.probe.source, scope.probe.indices
    rows: list[list[Cell]] = []
    for each in found:
        name = scope.name_of(each)
        for n in np.argsort(-each.evidence, kind="stable").tolist():
            index = int(indices[n])
            shows = bool(each.has_concept[n]), float(each.iou[n])
            evidence = float(each.evidence[n])
            rows.append([name, index, source.captions[index], evidence, *shows])
        for n in np.argsort(-each.own_evidence, kind="stable").tolist():
            evidence = float(each.own_evidence[n])
            rows.append([name, as_text(scope.config.images[n]), "", evidence, "", ""])
    columns = ["concept", "image", "caption", "evidence", "has_concept", "iou"]
    return Table(columns, rows)


def classifiers(scope: Scope, found: Sequence[Found]) -> Table:
    """Each unit of each concept as a classifier of images."""
    columns = [
        *("concept", "unit", "dissection_iou", "threshold"),
        *("balanced_accuracy", "low", "high"),
        *("true_positive_rate", "false_positive_rate", "auc"),
        *("images_with", "images_without"),
    ]
    rows: list[list[Cell]] = [
        [
            scope.name_of(each),
            unit,
            float(scope.asked.saved.result.iou[unit, each.question.concept]),
            _digits(told.threshold),
            told.balanced_accuracy,
            *map(float, told.interval),
            told.true_positive_rate,
            told.false_positive_rate,
            told.auc,
            told.num_with,
            told.num_without,
        ]
        for each in found
        for unit, told in zip(each.question.units, each.units, strict=False)
    ]
    return Table(columns, rows)


def told(scope: Scope, found: Found) -> Table:
    """The same of one concept, as a page shows it."""
    columns = [
        *("unit", "dissection IoU", "threshold", "balanced accuracy", "95 % interval"),
        *("above with it", "above without", "AUC"),
    ]
    full = classifiers(scope, [found])
    rows: list[list[Cell]] = []
    for _, *numbers in full.rows:
        unit, iou, threshold, *rates, auc, _, _ = numbers
        right, low, high, with_it, without = (f"{100 * float(r):.1f}" for r in rates)
        shares = [f"{right} %", f"{low} to {high} %", f"{with_it} %", f"{without} %"]
        rows.append([unit, iou, threshold, *shares, auc])
    return Table(columns, rows)


def images(scope: Scope, firing: Sequence[queries.FiringUnits]) -> Table:
    """Every unit that is on somewhere on a picture of one's own."""
    columns = [
        *("image", "unit", "label", "category", "is_detector"),
        *("area", "peak", "threshold", "strength"),
    ]
    rows: list[list[Any]] = []
    for path, found in zip(scope.config.images, firing, strict=True):
        for at, unit in enumerate(found.units.tolist()):
            card = scope.asked.saved.cards[unit]
            label = [card.label, card.category, card.is_detector]
            area, strength = float(found.area[at]), float(found.strength[at])
            peak = _digits(found.peak[at])
            numbers = [area, peak, card.threshold, strength]
            rows.append([as_text(path), unit, *label, *numbers])
    return Table(columns, rows)


def _digits(value: Any) -> float:
    # A float32's own digits, not those of the double nearest to it.
    return float(str(np.float32(value)))
