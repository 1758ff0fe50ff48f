"""What a page shows of every unit: a card, and cards kept in a file."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
from annotated_types import Interval

from jaxdissect.dissection import (
    NO_LABEL,
    Dissection,
)
from jaxdissect.dissection.certainty import MAX_Q, Certainty
from jaxdissect.dissection.findings import Activity
from jaxdissect.errors import BadInput
from jaxdissect.runs import saved_files

Share = Annotated[float, Interval(ge=0, le=1)]
Number = Annotated[int, Interval(ge=0)]


class Match(NamedTuple):
    """A concept and how well a unit's regions match it.

    Attributes:
        label: the concept; any characters.
        category: the concept's category.
        iou: in [0, 1].
        chance: the IoU this unit would have with it by chance, or None.
        q: the smallest false-discovery rate at which the match is above chance, in
            [0, 1], or None where that was not measured.
    """

    label: str
    category: str
    iou: Share
    chance: Share | None = None
    q: Share | None = None

    @property
    def is_significant(self) -> bool | None:
        """Whether it is above chance; None where that was not measured."""
        return None if self.q is None else self.q <= MAX_Q


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
        ranking: the label, then the other concepts, best first.
        low: lower end of the 95 % interval of `iou`; None where it was not measured.
        high: upper end, or None.
        tail_mass: share of positions at which the unit is on, in [0, 1], or None.
        edges: of the bins of the unit's activations, ascending; may be empty.
        counts: activations in each bin, one fewer than `edges`; may be empty.
    """

    unit: Number
    label: str
    category: str
    iou: Share
    is_detector: bool
    threshold: float
    strip: str
    captions: tuple[str, ...]
    ranking: tuple[Match, ...]
    low: Share | None = None
    high: Share | None = None
    tail_mass: Share | None = None
    edges: tuple[float, ...] = ()
    counts: tuple[Number, ...] = ()

    @property
    def best(self) -> Match:
        """The label as a match; one without a name for a unit without a label."""
        known = self.label and self.ranking
        return self.ranking[0] if known else Match("", "", 0.0)


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
    units, made = result.detectors, []
    labels = units.names(concepts, none=("", ""))
    for unit, (strip, words) in enumerate(zip(strips, captions, strict=True)):
        label, category = labels[unit]
        card = UnitCard(
            unit,
            label,
            category,
            iou=float(units.iou[unit]),
            is_detector=bool(units.is_detector[unit]),
            threshold=float(result.thresholds[unit]),
            strip=strip,
            captions=tuple(words),
            ranking=_ranking(result, concepts, unit, num_ranked, certainty),
        )
        if units.concept[unit] != NO_LABEL and certainty is not None:
            low, high = float(certainty.low[unit]), float(certainty.high[unit])
            card = card._replace(low=low, high=high)
        made.append(card._replace(**_activity(result, activity, unit)))
    return made


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
    values: dict[str, Any] = {}
    if result.overlap is not None:
        counts = result.overlap
        values["tail_mass"] = float(counts.unit[unit] / counts.pixels)
    if activity is not None:
        values["edges"] = tuple(activity.edges[unit].tolist())
        values["counts"] = tuple(activity.counts[unit].tolist())
    return values


def save_cards(path: Path, cards: Sequence[UnitCard]) -> None:
    """Write cards as JSON, from which `load_cards` makes the same cards again.

    Raises:
        ValueError: a number that is not finite; nothing is written.

    >>> import tempfile
    >>> card = UnitCard(0, "roof", "part", 0.1, True, 1.0, "data:,", ("farm",), ())
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_cards(Path(folder) / "cards.json", [card])
    ...     load_cards(Path(folder) / "cards.json") == [card]
    True
    """
    entries = [
        {**card._asdict(), "ranking": [match._asdict() for match in card.ranking]}
        for card in cards
    ]
    path.write_text(json.dumps(entries, indent=1, allow_nan=False) + "\n", "utf-8")


def load_cards(path: Path) -> list[UnitCard]:
    """Read cards that `save_cards` wrote.

    Raises:
        BadInput: there is no such file, or it is damaged or holds something else.
    """
    entries = saved_files.parse(saved_files.read_text(path), str(path))
    cards = [
        saved_files.typed(entry, UnitCard, f"unit {number}", path)
        for number, entry in enumerate(saved_files.typed(entries, list, "cards", path))
    ]
    for card in cards:
        ends = [end for end in (card.low, card.high) if end is not None]
        if len(ends) == 1 or ends != sorted(ends):
            raise BadInput(
                f"{path}: the interval of unit {card.unit} is from {card.low} to "
                f"{card.high}; it must have two ends in order, or none"
            )
    return cards
