"""From a dissection to what a page says: the headline numbers and a card per unit."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxdissect.base import BadInput
from jaxdissect.dissection import (
    Dissection,
    Protocol,
    unique_by_category,
    unique_labels,
)

_JSON_TYPES: dict[type, set[type]] = {
    int: {int},
    float: {int, float},
    str: {str},
    bool: {bool},
}


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


def save_cards(path: Path, cards: Sequence[UnitCard]) -> None:
    """Write cards as JSON, from which `load_cards` makes the same cards again.

    Args:
        path: where to, such as `cards.json`.
        cards: of any number of units.

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
        {**card._asdict(), "runners_up": [match._asdict() for match in card.runners_up]}
        for card in cards
    ]
    path.write_text(json.dumps(entries, indent=1, allow_nan=False) + "\n", "utf-8")


def load_cards(path: Path) -> list[UnitCard]:
    """Read cards that `save_cards` wrote.

    Raises:
        BadInput: there is no such file, or it is damaged or holds something else.
    """
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(entries, list):
            raise ValueError("it is not a list")
        return [_card(entry) for entry in entries]
    except OSError as error:
        raise BadInput(
            f"cannot read unit cards from {path}: {error.strerror}"
        ) from None
    except (ValueError, RecursionError) as error:
        raise BadInput(
            f"{path} is damaged or no file of unit cards as `save_cards` writes it: "
            f"{error}"
        ) from None


def _card(entry: Any) -> UnitCard:
    _check_fields(entry, UnitCard)
    for match in entry["runners_up"]:
        _check_fields(match, Match)
    if not all(isinstance(caption, str) for caption in entry["captions"]):
        raise ValueError("a caption is not a text")
    lists = {
        "captions": tuple(entry["captions"]),
        "runners_up": tuple(Match(**match) for match in entry["runners_up"]),
    }
    return UnitCard(**{**entry, **lists})


def _check_fields(entry: Any, kind: type[UnitCard] | type[Match]) -> None:
    if not isinstance(entry, dict) or set(entry) != set(kind._fields):
        raise ValueError(f"an entry has other fields than {', '.join(kind._fields)}")
    for name, hint in kind.__annotations__.items():
        value = entry[name]
        infinite = isinstance(value, float) and not math.isfinite(value)
        if infinite or type(value) not in _JSON_TYPES.get(hint, {list}):
            raise ValueError(f"a `{name}` has a value that cannot be")


def _ranked(iou, concepts, num) -> list[Match]:
    # Stable, so that the first of equals comes first, as in `label_units`.
    order = np.argsort(-iou, kind="stable")[:num].tolist()
    ranked = [(*concepts[c], float(iou[c])) for c in order if iou[c] > 0]
    return [Match(label, category, value) for label, category, value in ranked]
