"""Two dissections side by side: concepts gained and lost, units that changed.

The two may be of different checkpoints, trainings, layers, networks or protocols; what
is said goes from the first to the second.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from jaxdissect.dissection.matching import Matching, Side, concept_columns
from jaxdissect.intervals import Interval


class ConceptChanges(NamedTuple):
    """What two dissections say of every concept.

    Attributes:
        concepts: [C] (name, category): the first's, then what the second adds.
        detectors: [2 C] units that detect the concept in the first and in the second.
        best_iou: [2 C] highest IoU of any unit with it; 0 where it was not looked for.
        status: [C] "kept" where both have a detector, "gained" where only the second
            has, "lost" where only the first has, "undetected" where neither has;
            "unshared" where one of them did not look for the concept, so that nothing
            was gained or lost.
    """

    concepts: tuple[tuple[str, str], ...]
    detectors: Int[np.ndarray, "2 C"]
    best_iou: Float[np.ndarray, "2 C"]
    status: tuple[str, ...]


class UnitChanges(NamedTuple):
    """What two dissections say of matched units.

    Attributes:
        matching: which units these are.
        same_label: [M] whether both have a label and it is the same concept, detectors
            or not.
        iou_change: [M] best IoU in the second minus that in the first.
        status: [M] "kept" where both detect the same concept, "relabelled" where both
            detect, but different ones, "gained" where only the second is a detector,
            "lost" where only the first is, "neither" where none is.
    """

    matching: Matching
    same_label: Bool[np.ndarray, "M"]
    iou_change: Float[np.ndarray, "M"]
    status: tuple[str, ...]


def concept_changes(first: Side, second: Side) -> ConceptChanges:
    """How many units detect each concept in two dissections, and how well.

    Args:
        first: a dissection and its concepts.
        second: another; its concepts may be others.

    Raises:
        BadInput: a side has another number of concepts than its dissection or one of
            them twice.

    >>> from jaxdissect.dissection import Dissection, label_units
    >>> a, b = np.array([[0.3, 0.0]]), np.array([[0.0, 0.1], [0.2, 0.1]])
    >>> a, b = (Dissection(None, None, iou, label_units(iou)) for iou in (a, b))
    >>> concepts = [("car", "object"), ("red", "colour")]
    >>> changes = concept_changes(Side(a, concepts), Side(b, concepts))
    >>> changes.detectors.tolist(), changes.status
    ([[1, 0], [1, 1]], ('kept', 'gained'))
    """
    columns = concept_columns("first", first), concept_columns("second", second)
    concepts = tuple(dict.fromkeys([*columns[0], *columns[1]]))
    place = {concept: c for c, concept in enumerate(concepts)}
    listed = np.zeros((2, len(concepts)), bool)
    detectors, best_iou = np.zeros(listed.shape, int), np.zeros(listed.shape)
    for row, (side, own) in enumerate(zip((first, second), columns, strict=True)):
        places = [place[concept] for concept in own]
        found = side.result.detectors
        listed[row, places] = True
        best_iou[row, places] = side.result.iou.max(0)
        detectors[row, places] = np.bincount(
            found.concept[found.is_detector], minlength=len(own)
        )
    status = tuple(
        _status(a > 0, b > 0, "undetected") if both else "unshared"
        for a, b, both in zip(*detectors, np.logical_and(*listed), strict=True)
    )
    return ConceptChanges(concepts, detectors, best_iou, status)


def unit_changes(first: Side, second: Side, matching: Matching) -> UnitChanges:
    """Whether matched units kept what they look for.

    Args:
        first: a dissection and its concepts.
        second: another; its concepts may be others.
        matching: from `match_by_number` or `match_by_profile`.

    >>> from jaxdissect.dissection import Dissection, label_units
    >>> a, b = np.array([[0.3, 0.0]]), np.array([[0.25, 0.1]])
    >>> a, b = (Dissection(None, None, iou, label_units(iou)) for iou in (a, b))
    >>> concepts, same = [("car", "object"), ("red", "colour")], np.zeros(1, int)
    >>> matching = Matching(same, same, np.ones(1))
    >>> changes = unit_changes(Side(a, concepts), Side(b, concepts), matching)
    >>> changes.status, changes.iou_change.round(2).tolist()
    (('kept',), [-0.05])
    """
    labels, detects, iou = [], [], []
    for side, units in ((first, matching.first), (second, matching.second)):
        found = side.result.detectors
        named = [tuple(side.concepts[c]) if c >= 0 else None for c in found.concept]
        labels.append([named[unit] for unit in units])
        detects.append(found.is_detector[units].tolist())
        iou.append(found.iou[units])
    same = [a == b and a is not None for a, b in zip(*labels, strict=True)]
    status = tuple(
        "relabelled" if a and b and not unchanged else _status(a, b, "neither")
        for a, b, unchanged in zip(*detects, same, strict=True)
    )
    return UnitChanges(matching, np.array(same, bool), iou[1] - iou[0], status)


def clear_changes(
    matching: Matching, first: Interval, second: Interval
) -> Bool[np.ndarray, "M"]:
    """Matched units whose best IoU differs by more than both intervals allow.

    True where the intervals have no value in common. Strict: the intervals of two
    values may overlap though their difference is beyond chance.

    Args:
        matching: which units correspond.
        first: [U] intervals of the best IoU of the first's units.
        second: [V] intervals of the best IoU of the second's units.

    >>> low, high = np.array([0.1, 0.1]), np.array([0.2, 0.2])
    >>> matching = Matching(np.array([1]), np.array([0]), np.ones(1))
    >>> clear_changes(matching, Interval(low, high), Interval(low + 0.15, high + 0.15))
    array([ True])
    """
    a, b = matching.first, matching.second
    return (first.high[a] < second.low[b]) | (second.high[b] < first.low[a])


def _status(in_first, in_second, in_none):
    if in_first:
        return "kept" if in_second else "lost"
    return "gained" if in_second else in_none
