"""From a dissection to the headline numbers and a card per unit."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxdissect.dissection import (
    NO_LABEL,
    Dissection,
    Protocol,
    tally,
    unique_by_category,
)
from jaxdissect.dissection.activity import Activity
from jaxdissect.dissection.certainty import Certainty
from jaxdissect.reports.cards.parts import Headline, Match, UnitCard


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
    names = [category for _, category in concepts]
    order = list(dict.fromkeys(names))
    by_category = unique_by_category(
        result.iou,
        [order.index(name) for name in names],
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


def unit_cards(
    result: Dissection,
    concepts: Sequence[tuple[str, str]],
    strips: Sequence[str],
    captions: Sequence[Sequence[str]],
    *,
    certainty: Certainty | None = None,
    activity: Activity | None = None,
    num_ranked: int = 10,
) -> list[UnitCard]:
    """A card for every unit, in order of unit number.

    Args:
        result: a dissection of U units against C concepts.
        concepts: [C] (name, category) of every concept.
        strips: [U] pictures as `data:` addresses.
        captions: [U][k] a caption for each image of the strip.
        certainty: of the same units and concepts, or None where it was not measured.
        activity: histograms of the units' values, or None.
        num_ranked: how many concepts to name, the best included; those with IoU 0 are
            left out.

    >>> from jaxdissect.dissection import label_units
    >>> iou = np.array([[0.1, 0.3]])
    >>> result = Dissection(np.ones(1), None, iou, label_units(iou))
    >>> concepts = [("car", "object"), ("red", "colour")]
    >>> card = unit_cards(result, concepts, ["data:,"], [["farm"]])[0]
    >>> card.label, [match.label for match in card.ranking]
    ('red', ['red', 'car'])
    """
    cards = []
    for unit, (strip, words) in enumerate(zip(strips, captions, strict=True)):
        label = int(result.detectors.concept[unit])
        card = UnitCard(
            unit,
            *(("", "") if label == NO_LABEL else concepts[label]),
            iou=float(result.detectors.iou[unit]),
            is_detector=bool(result.detectors.is_detector[unit]),
            threshold=float(result.thresholds[unit]),
            strip=strip,
            captions=tuple(words),
            ranking=_ranking(result, concepts, unit, num_ranked, certainty),
        )
        if label != NO_LABEL and certainty is not None:
            low, high = float(certainty.low[unit]), float(certainty.high[unit])
            card = card._replace(low=low, high=high)
        cards.append(card._replace(**_activity(result, activity, unit)))
    return cards


def _ranking(result, concepts, unit, num, certainty) -> tuple[Match, ...]:
    iou, label = result.iou, int(result.detectors.concept[unit])
    # The label is not the best IoU where conventions choose it in another way. Stable,
    # so that the first of equals comes first, as in `label_units`.
    order = np.lexsort((-iou[unit], np.arange(iou.shape[1]) != label))[:num].tolist()
    matches = []
    for c in order:
        if iou[unit, c] > 0 or c == label:
            name, category = concepts[c]
            match = Match(name, category, float(iou[unit, c]))
            if certainty is not None:
                chance, q = certainty.chance[unit, c], certainty.q_values[unit, c]
                match = match._replace(chance=float(chance), q=float(q))
            matches.append(match)
    return tuple(matches)


def _activity(result, activity, unit) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if result.overlap is not None:
        on, all_of_them = result.overlap.unit[unit], result.overlap.pixels
        found["tail_mass"] = float(on / all_of_them)
    if activity is not None:
        found["edges"] = tuple(activity.edges[unit].tolist())
        found["counts"] = tuple(activity.counts[unit].tolist())
    return found
