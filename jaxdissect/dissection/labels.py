"""From IoU to labels: which concept a unit detects, and how many are detected."""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from jaxdissect.checking import (
    check_choice,
    check_not_empty,
    check_numbers,
    check_real,
    check_shape,
)
from jaxdissect.errors import BadInput

NO_LABEL = -1


class Detectors(NamedTuple):
    """What each unit detects.

    Attributes:
        concept: [U] concept of the highest IoU, the first of equals; `NO_LABEL` for a
            unit whose IoU is 0 with every concept (a dead unit).
        iou: [U] that IoU, in [0, 1].
        is_detector: [U] whether it passes the detector rule.
    """

    concept: Int[np.ndarray, "U"]
    iou: Float[np.ndarray, "U"]
    is_detector: Bool[np.ndarray, "U"]

    def names(self, concepts: Sequence[Any], none: Any = "") -> list[Any]:
        """[U] every unit's own among the concepts; `none` where it has no label.

        Safer than `concepts[number]`, because `NO_LABEL` would be the last of them.

        Args:
            concepts: [C] names, or (name, category).
            none: what stands for no label.

        >>> label_units(np.array([[0.01, 0.2], [0.0, 0.0]])).names(["car", "red"])
        ['red', '']
        """
        return [none if c == NO_LABEL else concepts[c] for c in self.concept.tolist()]


def label_units(
    iou: Float[np.ndarray, "U C"],
    *,
    min_iou: float = 0.04,
    rule: Literal[">", ">="] = ">",
) -> Detectors:
    """Label every unit with its best concept.

    Args:
        iou: from `iou_global` or `iou_within_category`.
        min_iou: IoU from which a unit is a detector.
        rule: whether the IoU must exceed or reach `min_iou`.

    Returns:
        Labels of all units, detectors or not.

    Raises:
        BadInput: no units, no concepts, an IoU outside [0, 1], or a rule that is none.

    Reference:
        Bau et al., Network Dissection, CVPR 2017, section 2.3.

    >>> label_units(np.array([[0.01, 0.2], [0.0, 0.0]])).concept.tolist()
    [1, -1]
    """
    _check(iou, rule)
    best = iou.max(1)
    concept = np.where(best > 0, iou.argmax(1), NO_LABEL)
    return Detectors(concept, best, _passes(best, min_iou, rule))


def labelled(
    iou: Float[np.ndarray, "U C"],
    concept: Int[np.ndarray, "U"],
    *,
    min_iou: float = 0.04,
    rule: Literal[">", ">="] = ">",
) -> Detectors:
    """Units whose labels were found in another way, and their IoU with them.

    Args:
        iou: from `iou_global` or `iou_within_category`.
        concept: of every unit, or `NO_LABEL`.
        min_iou: IoU from which a unit is a detector.
        rule: whether the IoU must exceed or reach `min_iou`.

    Raises:
        BadInput: as `label_units` does, or a label that is none.

    >>> labelled(np.array([[0.01, 0.2], [0.1, 0.0]]), np.array([0, -1])).iou.tolist()
    [0.01, 0.0]
    """
    _check(iou, rule)
    check_shape("concept", concept, "U", U=len(iou))
    check_numbers("concept", concept + 1, iou.shape[1] + 1)
    with_label = np.take_along_axis(iou, np.maximum(concept, 0)[:, None], 1)[:, 0]
    own = np.where(concept >= 0, with_label, 0.0)
    return Detectors(concept, own, _passes(own, min_iou, rule))


def unique_labels(detectors: Detectors) -> int:
    """How many different concepts the detectors detect: the headline count.

    >>> unique_labels(label_units(np.array([[0.1, 0.2], [0.0, 0.3]])))
    1
    """
    return len(set(detectors.concept[detectors.is_detector].tolist()))


def unique_by_category(
    iou: Float[np.ndarray, "U C"],
    categories: Sequence[int],
    *,
    min_iou: float = 0.04,
    rule: Literal[">", ">="] = ">",
) -> int:
    """Different best concepts within each category, summed over categories.

    The count behind the published figures of CVPR 2017: a unit may count once in
    every category. Larger than `unique_labels`; always say which one is meant.

    Args:
        iou: from `iou_global` or `iou_within_category`.
        categories: [C] category number of every concept.
        min_iou: IoU from which a unit is a detector.
        rule: whether the IoU must exceed or reach `min_iou`.

    >>> unique_by_category(np.array([[0.1, 0.2], [0.0, 0.3]]), [0, 1])
    2
    """
    check_shape("categories", np.asarray(categories), "C", C=iou.shape[1])
    total = 0
    for category in set(categories):
        within = iou[:, np.asarray(categories) == category]
        total += unique_labels(label_units(within, min_iou=min_iou, rule=rule))
    return total


def _check(iou, rule) -> None:
    check_shape("iou", iou, "U C")
    check_not_empty("iou", iou, "U C")
    check_real("iou", iou)
    if not 0 <= iou.min() <= iou.max() <= 1:
        raise BadInput(
            f"`iou` has values from {iou.min():g} to {iou.max():g}; allowed are 0 to 1"
        )
    check_choice("rule", rule, (">", ">="))


def _passes(iou, min_iou, rule):
    return (iou > 0) & (iou >= min_iou if rule == ">=" else iou > min_iou)
