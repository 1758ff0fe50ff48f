"""Two dissections of units side by side, for the page and for other programs."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool

from jaxdissect.dissection.matching import ConceptChanges, UnitChanges
from jaxdissect.errors import BadInput
from jaxdissect.experiments.dissect import UnitCard
from jaxdissect.pages.tables import Cell, Table

UNMATCHED = "unmatched"
"""What became of a unit that corresponds to none on the other side."""


class Pair(NamedTuple):
    """A unit of each side; or a unit of one side alone, which corresponds to none.

    Attributes:
        first: the first side's card, or None.
        second: the second side's card, or None.
        status: as in `UnitChanges`, or "unmatched".
        same_label: whether both have a label, of the same concept; None for a unit
            alone.
        similarity: of the two, in [0, 1]; None likewise.
        iou_change: best IoU of the second minus that of the first; None likewise.
        is_clear: whether that is more than the intervals allow; None if unknown.
    """

    first: UnitCard | None
    second: UnitCard | None
    status: str
    same_label: bool | None = None
    similarity: float | None = None
    iou_change: float | None = None
    is_clear: bool | None = None


def pairs(
    first: Sequence[UnitCard],
    second: Sequence[UnitCard],
    units: UnitChanges,
    *,
    clear: Bool[np.ndarray, "M"] | None = None,
) -> list[Pair]:
    """Matched units in their order, then what is left of the first, then the second.

    Args:
        first: cards of the first side's units.
        second: cards of the second side's units.
        units: the M matched ones.
        clear: [M] from `clear_changes`, or None.

    Raises:
        BadInput: a matched unit without a card, or `clear` of another length.

    >>> card = UnitCard(0, "car", "object", 0.1, True, 1.0, "", (), ())
    >>> cards = [card, card._replace(unit=1)]
    >>> from jaxdissect.dissection.matching import Matching
    >>> matching = Matching(np.array([1]), np.array([0]), np.ones(1))
    >>> units = UnitChanges(matching, np.ones(1, bool), np.zeros(1), ("kept",))
    >>> [pair.status for pair in pairs(cards, cards[:1], units)]
    ['kept', 'unmatched']
    """
    left = {card.unit: card for card in first}
    right = {card.unit: card for card in second}
    matching, num = units.matching, len(units.status)
    if clear is not None and len(clear) != num:
        raise BadInput(f"`clear` has {len(clear)} entries for {num} matched units")
    _check_cards("first", left, matching.first)
    _check_cards("second", right, matching.second)
    found = [
        Pair(
            left.pop(int(matching.first[m])),
            right.pop(int(matching.second[m])),
            units.status[m],
            bool(units.same_label[m]),
            float(matching.similarity[m]),
            float(units.iou_change[m]),
            None if clear is None else bool(clear[m]),
        )
        for m in range(num)
    ]
    found += [Pair(card, None, UNMATCHED) for card in left.values()]
    return found + [Pair(None, card, UNMATCHED) for card in right.values()]


def comparison_tables(
    compared: Sequence[Pair], concepts: ConceptChanges
) -> dict[str, Table]:
    """What a comparison found, as two tables.

    Args:
        compared: from `pairs`.
        concepts: from `concept_changes`.

    Returns:
        "units": a row for every pair, _a for the first and _b for the second side;
        cells are empty where a unit is alone, and clear is empty where no intervals
        were given. "concepts": a row for every concept.

    >>> card = UnitCard(3, "car", "object", 0.1, True, 1.0, "", (), ())
    >>> none = ConceptChanges((), np.zeros((2, 0), int), np.zeros((2, 0)), ())
    >>> comparison_tables([Pair(card, None, "unmatched")], none)["units"].rows[0][:6]
    [3, 'car', 'object', 0.1, True, '']
    """
    parts = ("unit", "label", "category", "iou", "is_detector")
    columns = [f"{part}_{side}" for side in "ab" for part in parts]
    columns += ["status", "same_label", "similarity", "iou_change", "clear"]
    rows: list[list[Cell]] = []
    for pair in compared:
        cells = [getattr(card, part, None) for card in pair[:2] for part in parts]
        rows.append(["" if cell is None else cell for cell in (*cells, *pair[2:])])
    detectors, best = concepts.detectors.T.tolist(), concepts.best_iou.T.tolist()
    concept_rows: list[list[Cell]] = [
        [*concept, *counts, *ious, status]
        for concept, counts, ious, status in zip(
            concepts.concepts, detectors, best, concepts.status, strict=True
        )
    ]
    names = ["concept", "category", "detectors_a", "detectors_b", "best_iou_a"]
    return {
        "units": Table(columns, rows),
        "concepts": Table([*names, "best_iou_b", "status"], concept_rows),
    }


def _check_cards(side, cards, units):
    missing = [unit for unit in units.tolist() if unit not in cards]
    if missing:
        raise BadInput(f"`{side}` has no card of unit {missing[0]}, which is matched")
