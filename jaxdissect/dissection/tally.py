"""How many units are detectors: by the IoU rule alone, and beyond chance as well."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from jaxdissect.dissection.certainty import (
    MAX_Q,
    Certainty,
    significant_detectors,
)
from jaxdissect.dissection.labels import Detectors, unique_labels


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
