"""How many units are detectors: by the IoU rule alone, and beyond chance as well."""

from collections.abc import Sequence
from typing import Annotated, NamedTuple

import numpy as np
from annotated_types import Interval
from jaxtyping import Int

from jaxdissect.dissection.certainty import (
    MAX_Q,
    Certainty,
    significant_detectors,
)
from jaxdissect.dissection.counts import category_numbers
from jaxdissect.dissection.labels import Detectors, unique_by_category, unique_labels
from jaxdissect.dissection.pipeline import Dissection
from jaxdissect.dissection.protocol import Protocol

Share = Annotated[float, Interval(ge=0, le=1)]
Number = Annotated[int, Interval(ge=0)]

NOT_TESTED = "chance not tested"
"""Said wherever detectors are counted by the IoU rule alone."""


class Tally(NamedTuple):
    """What every summary of a layer says, always both.

    Attributes:
        units: all units.
        detectors: those that pass the detector rule, which knows nothing of chance.
        unique_labels: different labels of these.
        significant_detectors: detectors that meet their label more often than by
            chance; None where chance was not tested.
        significant_labels: different labels of these, or None.
    """

    units: int
    detectors: int
    unique_labels: int
    significant_detectors: int | None = None
    significant_labels: int | None = None

    @property
    def differ(self) -> bool:
        """Whether some detectors are known to be no more than chance."""
        return self.significant_detectors not in (None, self.detectors)


def tally(
    detectors: Detectors, certainty: Certainty | None = None, *, max_q: float = MAX_Q
) -> Tally:
    """Count detectors by IoU alone, and those beyond chance.

    Args:
        detectors: every unit's label.
        certainty: of the same units; None where chance was not tested.
        max_q: expected share of false ones among all pairs called significant.

    >>> zero, one = np.zeros(2), np.ones((2, 1))
    >>> found = Detectors(np.array([0, 0]), zero + 0.1, zero < 1)
    >>> tally(found)
    Tally(units=2, detectors=2, unique_labels=1, significant_detectors=None, \
significant_labels=None)
    >>> tally(found, Certainty(zero, zero, one, one, np.array([[0.01], [0.2]])))[3:]
    (1, 1)
    """
    counts = Tally(
        len(detectors.iou), int(detectors.is_detector.sum()), unique_labels(detectors)
    )
    if certainty is None:
        return counts
    above = significant_detectors(detectors, certainty, max_q=max_q)
    return counts._replace(
        significant_detectors=int(above.sum()),
        significant_labels=unique_labels(detectors._replace(is_detector=above)),
    )


def by_significance(
    detectors: Detectors, certainty: Certainty | None = None, *, max_q: float = MAX_Q
) -> Int[np.ndarray, "U"]:
    """The order in which to list units: detectors beyond chance, then the others.

    Within both the best IoU comes first, of equals the first.

    Args:
        detectors: every unit's label.
        certainty: of the same units; None where chance was not tested.
        max_q: as for `tally`.

    >>> iou, one = np.array([0.3, 0.1, 0.2]), np.ones((3, 1))
    >>> found = Detectors(np.zeros(3, int), iou, iou > 0.04)
    >>> by_significance(found).tolist()
    [0, 2, 1]
    >>> known = Certainty(iou, iou, one, one, np.array([[0.9], [0.01], [0.02]]))
    >>> by_significance(found, known).tolist()
    [2, 1, 0]
    """
    above = np.zeros(len(detectors.iou), bool)
    if certainty is not None:
        above = significant_detectors(detectors, certainty, max_q=max_q)
    return np.lexsort((-detectors.iou, ~above))


class Headline(NamedTuple):
    """The numbers a layer is known by.

    Attributes:
        detectors: units that pass the detector rule.
        units: all units.
        unique_labels: different labels of the detectors.
        unique_by_category: different best concepts in each category, summed.
        best_iou: the highest IoU of any unit, in [0, 1].
        median_iou: the median over units of their best IoU, in [0, 1].
        significant_detectors: detectors that match their label beyond chance, at a
            false-discovery rate of `MAX_Q`; None where that was not measured.
        significant_labels: different labels of those, or None.
    """

    detectors: Number
    units: Number
    unique_labels: Number
    unique_by_category: Number
    best_iou: Share
    median_iou: Share
    significant_detectors: Number | None = None
    significant_labels: Number | None = None

    def in_words(self) -> str:
        """Detectors and labels, both by IoU and beyond chance.

        >>> Headline(16, 128, 9, 12, 0.2, 0.1, 0, 0).in_words()
        '16 of 128 units are detectors by IoU, 0 of them beyond chance (q <= 0.05), of \
9 different concepts, 0 beyond chance (12 counted by category, by IoU)'
        >>> Headline(16, 128, 9, 12, 0.2, 0.1).in_words()
        '16 of 128 units are detectors by IoU (chance not tested) of 9 different \
concepts (12 counted by category)'
        """
        units = f"{self.detectors} of {self.units} units are detectors by IoU"
        if self.significant_detectors is None:
            return (
                f"{units} ({NOT_TESTED}) of {self.unique_labels} different concepts "
                f"({self.unique_by_category} counted by category)"
            )
        return (
            f"{units}, {self.significant_detectors} of them beyond chance "
            f"(q <= {MAX_Q}), of {self.unique_labels} different concepts, "
            f"{self.significant_labels} beyond chance "
            f"({self.unique_by_category} counted by category, by IoU)"
        )


def headline(
    result: Dissection,
    concepts: Sequence[tuple[str, str]],
    protocol: Protocol,
    *,
    certainty: Certainty | None = None,
) -> Headline:
    """Count what the detectors of a layer detect.

    Args:
        result: a dissection of U units against C concepts.
        concepts: [C] (name, category) of every concept.
        protocol: the one the dissection followed.
        certainty: of the same units and concepts, or None where it was not measured.

    >>> from jaxdissect.dissection import PNAS20, label_units
    >>> iou = np.array([[0.1, 0.3], [0.0, 0.0]])
    >>> result = Dissection(np.ones(2), None, iou, label_units(iou))
    >>> headline(result, [("car", "object"), ("red", "colour")], PNAS20)[:4]
    (1, 2, 1, 2)
    """
    by_category = unique_by_category(
        result.iou,
        category_numbers(concepts),
        min_iou=protocol.min_iou,
        rule=protocol.rule,
    )
    counts = tally(result.detectors, certainty)
    return Headline(
        counts.detectors,
        counts.units,
        counts.unique_labels,
        by_category,
        best_iou=float(result.detectors.iou.max()),
        median_iou=float(np.median(result.detectors.iou)),
        significant_detectors=counts.significant_detectors,
        significant_labels=counts.significant_labels,
    )
