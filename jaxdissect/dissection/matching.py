"""Which units of one dissection correspond to which of another."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from jaxdissect.dissection.pipeline import Dissection
from jaxdissect.errors import BadInput
from jaxdissect.intervals import Interval


class Side(NamedTuple):
    """One of two dissections that are compared.

    Attributes:
        result: a dissection of U units against C concepts.
        concepts: [C] (name, category) of every concept, each once.
    """

    result: Dissection
    concepts: Sequence[tuple[str, str]]


class Matching(NamedTuple):
    """Units of one dissection and those of another that correspond to them.

    Attributes:
        first: [M] units of the first, rising.
        second: [M] the unit of the second that corresponds to each.
        similarity: [M] of the two, in [0, 1].
    """

    first: Int[np.ndarray, "M"]
    second: Int[np.ndarray, "M"]
    similarity: Float[np.ndarray, "M"]


def profile_similarity(first: Side, second: Side) -> Float[np.ndarray, "U V"]:
    """Cosine between the units' IoU with the concepts that both sides have.

    s_uv = <p_u, q_v> / (|p_u| |q_v|), where p_u and q_v are rows of the two IoU
    matrices; 0 where a unit has IoU 0 with all those concepts.

    Args:
        first: a dissection of U units.
        second: a dissection of V units.

    Returns:
        In [0, 1]: near 1 for units that match the same concepts in the same ratios,
        however well.

    Raises:
        BadInput: a side has another number of concepts than its dissection or one of
            them twice, or the sides have no concept in common.

    >>> from jaxdissect.dissection.labels import label_units
    >>> iou = np.array([[0.1, 0.0], [0.2, 0.2]])
    >>> result = Dissection(None, None, iou, label_units(iou))
    >>> side = Side(result, [("car", "object"), ("red", "colour")])
    >>> profile_similarity(side, side).round(3).tolist()
    [[1.0, 0.707], [0.707, 1.0]]
    """
    columns = [concept_columns(name, side) for name, side in _named(first, second)]
    shared = [concept for concept in columns[0] if concept in columns[1]]
    if not shared:
        raise BadInput(
            "`first` and `second` have no concept in common; at least one is needed to "
            "compare units by"
        )
    p, q = (
        _normalised(side.result.iou[:, [column[concept] for concept in shared]])
        for side, column in zip((first, second), columns, strict=True)
    )
    return np.minimum(p @ q.T, 1.0)


def match_by_number(similarity: Float[np.ndarray, "U V"]) -> Matching:
    """Units correspond that have the same number.

    Right for one layer of one network at two times of its training or under two
    protocols; units of two trainings have their numbers by chance.

    Args:
        similarity: from `profile_similarity`; as many units on both sides.

    Raises:
        BadInput: different numbers of units.

    >>> match_by_number(np.array([[0.5, 1.0], [1.0, 0.2]])).similarity.tolist()
    [0.5, 0.2]
    """
    num_units, others = similarity.shape
    if num_units != others:
        raise BadInput(
            f"`similarity` is of {num_units} and {others} units; to match them by "
            "number, both sides must have the same units"
        )
    units = np.arange(num_units)
    return Matching(units, units, np.diag(similarity).copy())


def match_by_profile(similarity: Float[np.ndarray, "U V"]) -> Matching:
    """Units correspond one to one so that the sum of their similarities is largest.

    A unit may get a partner less similar than its best, which another unit has. Where
    one side has more units, some of them are left without; so are those that resemble
    nothing that is left.

    Args:
        similarity: from `profile_similarity`, or any other in [0, 1].

    Reference:
        Li et al., Convergent Learning: Do different neural networks learn the same
        representations?, ICLR 2016, which assigns units by the correlation of their
        activations; here it is by what they look for.

    >>> match_by_profile(np.array([[0.9, 0.8, 0.0], [0.9, 0.1, 0.0]])).second.tolist()
    [1, 0]
    """
    from scipy.optimize import linear_sum_assignment  # slow to import

    first, second = linear_sum_assignment(similarity, maximize=True)
    similar = similarity[first, second] > 0
    first, second = first[similar], second[similar]
    return Matching(first, second, similarity[first, second])


def concept_columns(name: str, side: Side) -> dict[tuple[str, str], int]:
    """The column of every concept in a side's IoU.

    Args:
        name: of the argument that holds the side, for messages.
        side: a dissection and its concepts.

    Raises:
        BadInput: another number of concepts than the dissection has, or one twice.

    >>> side = Side(Dissection(None, None, np.zeros((3, 1)), None), [("car", "object")])
    >>> concept_columns("first", side)
    {('car', 'object'): 0}
    """
    num_columns = side.result.iou.shape[1]
    if len(side.concepts) != num_columns:
        raise BadInput(
            f"`{name}` has {len(side.concepts)} concepts; its IoU have {num_columns}"
        )
    columns: dict[tuple[str, str], int] = {}
    for column, (label, category) in enumerate(side.concepts):
        if (label, category) in columns:
            raise BadInput(
                f"`{name}` has the concept {label!r} of {category!r} twice; each must "
                "be there once"
            )
        columns[label, category] = column
    return columns


def _named(first, second):
    return ("first", first), ("second", second)


def _normalised(profiles):
    lengths = np.linalg.norm(profiles, axis=1, keepdims=True)
    return profiles / np.where(lengths > 0, lengths, 1)


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
