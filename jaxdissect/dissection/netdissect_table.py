"""The table NetDissect publishes: each unit's best label in every category."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from jaxdissect.dissection.labels import NO_LABEL, label_units
from jaxdissect.dissection.pipeline import Dissection
from jaxdissect.dissection.protocol import Union
from jaxdissect.errors import BadInput

ORDER = ("object", "color", "material", "scene", "texture", "part")
"""The published tables' categories, in their order; any others follow."""

TOLERANCE = 1e-6
"""How far an IoU may lie from the one its counts give."""

Concepts = Sequence[tuple[str, str]]


class NetDissectTable(NamedTuple):
    """Every unit's best label in every category, with the counts behind its IoU.

    In every cell iou = intersect / (truth + activation - intersect), or 0 where the
    union is empty.

    Attributes:
        units: [U] 0-based, in the rows' order.
        categories: [G] names.
        labels: [U][G] label of the highest IoU; empty where there is none.
        truth: [U G] pixels of that label.
        activation: [U G] pixels of the unit, by the convention of the IoU's union.
        intersect: [U G] pixels of both.
        iou: [U G] in [0, 1].
        category: [U] the category of the highest IoU; empty for a dead unit.
        label: [U] its label; empty for a dead unit.
        score: [U] its IoU.
    """

    units: Int[np.ndarray, "U"]
    categories: tuple[str, ...]
    labels: tuple[tuple[str, ...], ...]
    truth: Int[np.ndarray, "U G"]
    activation: Int[np.ndarray, "U G"]
    intersect: Int[np.ndarray, "U G"]
    iou: Float[np.ndarray, "U G"]
    category: tuple[str, ...]
    label: tuple[str, ...]
    score: Float[np.ndarray, "U"]


def netdissect_table(
    result: Dissection,
    concepts: Concepts,
    categories: Sequence[str],
    *,
    union: Union,
) -> NetDissectTable:
    """A dissection as NetDissect reports it: rows by falling score.

    Labels follow the IoU, whatever else the detector rule asked for. NetDissect itself
    knows only unions within a category; with "global" the unit's pixels on all images
    stand for those on images with the category, so that the IoU follows either way.

    Args:
        result: a dissection of U units against C concepts.
        concepts: [C] (name, category) of every concept; no name is empty.
        categories: [G] in the order in which the dissection numbered them.
        union: the one of the dissection's protocol.

    Returns:
        Categories in the order of `ORDER`. Where every IoU of a category is 0, its
        label is empty and its counts are 0.

    Raises:
        BadInput: another `union` than the dissection's, a category that is not in
            `categories`, or a concept without a name.

    Reference:
        Bau et al., Network Dissection, CVPR 2017, section 2.3, and the tables
        published with its code.

    >>> from jaxdissect.dissection.counts import Overlap, iou_global
    >>> counts = Overlap(*map(np.array, ([[2]], [3], [4], [[2]], [9], 9)))
    >>> iou = iou_global(counts)
    >>> result = Dissection(np.ones(1), counts, iou, label_units(iou))
    >>> concepts = [("car", "object")]
    >>> table = netdissect_table(result, concepts, ["object"], union="global")
    >>> table.label, table.activation.tolist(), table.score.tolist()
    (('car',), [[3]], [0.4])
    """
    if any(not name for name, _ in concepts):
        raise BadInput("`concepts` has an empty name; an empty label means none")
    numbers = np.array([_number(categories, category) for _, category in concepts])
    used = sorted(set(numbers.tolist()), key=lambda g: (_rank(categories[g]), g))
    found = label_units(result.iou)
    rows = np.argsort(-found.iou, kind="stable")
    cells = [_category(result, numbers == g, g, union) for g in used]
    best, truth, activation, intersect, iou = (
        np.stack(column, 1)[rows] for column in zip(*cells, strict=True)
    )
    _check_union(iou, truth, activation, intersect, union)
    names = {c: concept for c, concept in enumerate(concepts)} | {NO_LABEL: ("", "")}
    return NetDissectTable(
        units=rows,
        categories=tuple(categories[g] for g in used),
        labels=tuple(tuple(names[c][0] for c in row) for row in best.tolist()),
        truth=truth,
        activation=activation,
        intersect=intersect,
        iou=iou,
        category=tuple(names[c][1] for c in found.concept[rows].tolist()),
        label=tuple(names[c][0] for c in found.concept[rows].tolist()),
        score=found.iou[rows],
    )


def seen_iou(
    table: NetDissectTable,
) -> tuple[Float[np.ndarray, "U C"], list[tuple[str, str]]]:
    """The IoU a table tells, as a matrix that `label_units` and its kin can count.

    A table holds each unit's best label per category only; all others count as 0,
    which changes neither labels nor the two counts of unique ones. A cell with an
    empty label is no measurement (a published table has pixels of no label there) and
    counts as 0 too.

    Args:
        table: from `netdissect_table` or a file.

    Returns:
        IoU, and (label, category) of every column: by category, in order of
        appearance; one nameless column where no label was seen.

    >>> zero, iou = np.zeros((2, 1), int), np.array([[0.3], [0.0]])
    >>> labels = (("car",), ("",))
    >>> table = NetDissectTable(np.arange(2), ("object",), labels, zero, zero, zero,
    ...                         iou, ("object", ""), ("car", ""), iou[:, 0])
    >>> seen_iou(table)[1], seen_iou(table)[0].tolist()
    ([('car', 'object')], [[0.3], [0.0]])
    """
    cells = [
        (row, g, (labels[g], category))
        for g, category in enumerate(table.categories)
        for row, labels in enumerate(table.labels)
        if labels[g]
    ]
    concepts = list(dict.fromkeys(concept for _, _, concept in cells))
    concepts = concepts or [("", table.categories[0])]
    column = {concept: c for c, concept in enumerate(concepts)}
    iou = np.zeros((len(table.units), len(concepts)))
    for row, g, concept in cells:
        iou[row, column[concept]] = table.iou[row, g]
    return iou, concepts


def _number(categories, category):
    if category not in categories:
        raise BadInput(
            f"`concepts` has category {category!r}; `categories` are "
            f"{', '.join(categories)}"
        )
    return list(categories).index(category)


def _rank(category):
    return ORDER.index(category) if category in ORDER else len(ORDER)


def _category(result, is_member, g, union):
    """Best concept of one category, its counts and IoU; [U] each, 0 without one."""
    members, counts = np.flatnonzero(is_member), result.overlap
    found = label_units(result.iou[:, members])
    is_labelled = found.concept >= 0
    concept = members[found.concept]
    if union == "global":
        within = counts.unit
    else:
        within = (counts.unit_met if union == "met" else counts.unit_in_category)[:, g]
    intersect = counts.intersection[np.arange(len(concept)), concept]
    cells = counts.concept[concept], within, intersect
    zeroed = (np.where(is_labelled, cell, 0) for cell in cells)
    return np.where(is_labelled, concept, NO_LABEL), *zeroed, found.iou


def _check_union(iou, truth, activation, intersect, union):
    expected = intersect / np.maximum(truth + activation - intersect, 1)
    if np.abs(iou - expected).max() > TOLERANCE:
        raise BadInput(
            f"`union` is {union!r}; the IoU of `result` do not follow from its counts "
            "that way, so it must be the union of the dissection's protocol"
        )
