"""From a dissection to what a page says: the headline numbers and a card per unit."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from jaxdissect.dissection import (
    Dissection,
    Protocol,
    unique_by_category,
    unique_labels,
)


class Headline(NamedTuple):
    """The numbers a layer is known by.

    Attributes:
        detectors: units that pass the detector rule.
        units: all units.
        unique_labels: different labels of the detectors.
        unique_by_category: different best concepts in each category, summed.
        best_iou: the highest IoU of any unit, in [0, 1].
        median_iou: the median over units of their best IoU, in [0, 1].
    """

    detectors: int
    units: int
    unique_labels: int
    unique_by_category: int
    best_iou: float
    median_iou: float


class Match(NamedTuple):
    """A concept and how well a unit's regions match it."""

    label: str
    category: str
    iou: float


class UnitCard(NamedTuple):
    """What a page shows of one unit.

    Attributes:
        unit: its number, 0-based.
        label: its best concept; empty for a unit without one.
        category: that concept's category, or empty.
        iou: its IoU with that concept, in [0, 1].
        is_detector: whether it passes the detector rule.
        threshold: activation above which it is on.
        strip: its top images as a `data:` address, see `pictures`.
        captions: one for each of those images, such as their true classes.
        runners_up: the next best concepts, best first.
    """

    unit: int
    label: str
    category: str
    iou: float
    is_detector: bool
    threshold: float
    strip: str
    captions: tuple[str, ...]
    runners_up: tuple[Match, ...]


def headline(
    result: Dissection, concepts: Sequence[tuple[str, str]], protocol: Protocol
) -> Headline:
    """Count what the detectors of a layer detect.

    Args:
        result: a dissection of U units against C concepts.
        concepts: [C] (name, category) of every concept.
        protocol: the one the dissection followed.

    >>> from jaxdissect.dissection import PNAS20, label_units
    >>> iou = np.array([[0.1, 0.3], [0.0, 0.0]])
    >>> result = Dissection(np.ones(2), None, iou, label_units(iou))
    >>> headline(result, [("car", "object"), ("red", "colour")], PNAS20)[:4]
    (1, 2, 1, 2)
    """
    names = [category for _, category in concepts]
    order = list(dict.fromkeys(names))
    by_category = unique_by_category(
        result.iou,
        [order.index(name) for name in names],
        min_iou=protocol.min_iou,
        rule=protocol.rule,
    )
    return Headline(
        detectors=int(result.detectors.is_detector.sum()),
        units=len(result.detectors.iou),
        unique_labels=unique_labels(result.detectors),
        unique_by_category=by_category,
        best_iou=float(result.detectors.iou.max()),
        median_iou=float(np.median(result.detectors.iou)),
    )


def unit_cards(
    result: Dissection,
    concepts: Sequence[tuple[str, str]],
    strips: Sequence[str],
    captions: Sequence[Sequence[str]],
    *,
    num_runners_up: int = 3,
) -> list[UnitCard]:
    """A card for every unit, in order of unit number.

    Args:
        result: a dissection of U units against C concepts.
        concepts: [C] (name, category) of every concept.
        strips: [U] pictures as `data:` addresses.
        captions: [U][k] a caption for each image of the strip.
        num_runners_up: how many concepts to name after the best; those with IoU 0
            are left out.

    >>> from jaxdissect.dissection import label_units
    >>> iou = np.array([[0.1, 0.3]])
    >>> result = Dissection(np.ones(1), None, iou, label_units(iou))
    >>> concepts = [("car", "object"), ("red", "colour")]
    >>> card = unit_cards(result, concepts, ["data:,"], [["farm"]])[0]
    >>> card.label, card.runners_up
    ('red', (Match(label='car', category='object', iou=0.1),))
    """
    cards = []
    for unit, (strip, words) in enumerate(zip(strips, captions, strict=True)):
        ranked = _ranked(result.iou[unit], concepts, 1 + num_runners_up)
        best = ranked[0] if ranked else Match("", "", 0.0)
        cards.append(
            UnitCard(
                unit=unit,
                label=best.label,
                category=best.category,
                iou=best.iou,
                is_detector=bool(result.detectors.is_detector[unit]),
                threshold=float(result.thresholds[unit]),
                strip=strip,
                captions=tuple(words),
                runners_up=tuple(ranked[1:]),
            )
        )
    return cards


def _ranked(iou, concepts, num) -> list[Match]:
    # Stable, so that the first of equals comes first, as in `label_units`.
    order = np.argsort(-iou, kind="stable")[:num].tolist()
    ranked = [(*concepts[c], float(iou[c])) for c in order if iou[c] > 0]
    return [Match(label, category, value) for label, category, value in ranked]
