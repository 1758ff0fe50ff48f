"""A dissection read back from the folder that a run of `dissect` left."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxdissect.dissection import (
    NO_LABEL,
    Detectors,
    Dissection,
    Overlap,
    Protocol,
    check_protocol,
)
from jaxdissect.dissection.tally import Headline
from jaxdissect.errors import BadInput
from jaxdissect.experiments.dissect.cards import UnitCard, load_cards
from jaxdissect.intervals import Interval
from jaxdissect.runs import saved_files


class SavedDissection(NamedTuple):
    """What a run of `dissect` found.

    Attributes:
        result: thresholds, counts, IoU and labels.
        concepts: [C] (name, category) of every concept.
        cards: [U] one per unit, in order of unit number.
        headline: the layer's numbers.
        protocol: the conventions that were followed.
        facts: what was dissected and how, in reading order.
    """

    result: Dissection
    concepts: tuple[tuple[str, str], ...]
    cards: list[UnitCard]
    headline: Headline
    protocol: Protocol
    facts: dict[str, str]


def load_dissection(folder: Path) -> SavedDissection:
    """Read iou.npz, cards.json and summary.json of a folder.

    Labels and detectors are those of the cards, so that they are what the folder's
    report shows whatever the protocol's detector rule was.

    Args:
        folder: that a run of `dissect` wrote.

    Raises:
        BadInput: a file is missing, damaged, of another version of this library, or
            of another dissection than the others.
    """
    with saved_files.advising("dissect again"):
        arrays = _arrays(folder / "iou.npz")
        summary = read_summary(folder / "summary.json")
        cards = load_cards(folder / "cards.json")
    concepts = tuple(
        zip(arrays["concepts"].tolist(), arrays["categories"].tolist(), strict=True)
    )
    units = len(arrays["iou"])
    numbers = sorted(card.unit for card in cards)
    if numbers != list(range(units)):
        raise BadInput(
            f"{folder} holds iou.npz of {units} units and cards.json of {len(cards)}, "
            "or of other numbers; dissect again"
        )
    cards = sorted(cards, key=lambda card: card.unit)
    return SavedDissection(
        result=Dissection(
            thresholds=arrays["thresholds"],
            overlap=Overlap(**{n: arrays[n] for n in Overlap._fields if n in arrays}),
            iou=arrays["iou"],
            detectors=_detectors(folder, cards, concepts),
        ),
        concepts=concepts,
        cards=cards,
        **summary._asdict(),
    )


def iou_intervals(cards: Sequence[UnitCard]) -> Interval | None:
    """The intervals of the units' best IoU; None where none was measured.

    Args:
        cards: [U] in order of unit number.

    Returns:
        [U] each; [0, 0] for a unit that has no label and so no interval.

    >>> dead = UnitCard(0, "", "", 0.0, False, 1.0, "", (), ())
    >>> card = UnitCard(1, "roof", "part", 0.1, True, 1.0, "", (), (), 0.05, 0.2)
    >>> iou_intervals([dead, card]).high.tolist(), iou_intervals([dead])
    ([0.0, 0.2], None)
    """
    if all(card.low is None for card in cards):
        return None
    return Interval(
        np.array([0.0 if card.low is None else card.low for card in cards]),
        np.array([0.0 if card.high is None else card.high for card in cards]),
    )


class Summary(NamedTuple):
    """What summary.json of a dissection says, but for the labels.

    Attributes:
        headline: the layer's numbers.
        protocol: the conventions that were followed.
        facts: what was dissected and how, in reading order.
    """

    headline: Headline
    protocol: Protocol
    facts: dict[str, str]


def read_summary(path: Path) -> Summary:
    """Read summary.json of a dissection.

    Raises:
        BadInput: it is damaged or of another version of this library.
    """
    found = saved_files.read_object(path)
    facts = saved_files.field(found, "facts", dict, path)
    for name, said in facts.items():
        saved_files.typed(said, str, f"facts.{name}", path)
    protocol = saved_files.field(found, "protocol", Protocol, path)
    try:
        check_protocol(protocol)
    except BadInput as error:
        raise BadInput(f"{path}: `protocol`: {error}") from None
    return Summary(
        Headline(**saved_files.fields_of(found, Headline, path)),
        protocol,
        facts,
    )


def _arrays(path: Path) -> dict[str, np.ndarray]:
    numbers = ("iou", "thresholds", *Overlap._fields)
    kinds = dict.fromkeys(numbers, "iuf") | {"concepts": "U", "categories": "U"}
    arrays = saved_files.read_arrays(path, kinds, optional=("unit_met",))
    saved_files.check_shape(arrays["iou"], (None, None), "iou", path)
    units, concepts = arrays["iou"].shape
    shapes: dict[str, tuple[int | None, ...]] = {
        "thresholds": (units,),
        "concepts": (concepts,),
        "categories": (concepts,),
        "intersection": (units, concepts),
        "unit": (units,),
        "concept": (concepts,),
        "unit_in_category": (units, None),
        "unit_met": (units, None),
        "pixels_in_category": (None,),
        "pixels": (),
    }
    for name in arrays.keys() & shapes.keys():
        shape = shapes[name]
        saved_files.check_shape(arrays[name], shape, name, path)
    for name in arrays.keys() & {"iou", *Overlap._fields}:
        if (arrays[name] < 0).any():
            raise BadInput(f"{path}: the array `{name}` has values below 0")
    if (arrays["iou"] > 1).any():
        raise BadInput(f"{path}: the array `iou` has values above 1")
    return arrays


def _detectors(folder, cards, concepts) -> Detectors:
    columns = {concept: c for c, concept in enumerate(concepts)} | {("", ""): NO_LABEL}
    unknown = [card for card in cards if (card.label, card.category) not in columns]
    if unknown:
        raise BadInput(
            f"{folder} holds cards.json with the label {unknown[0].label!r}, which is "
            "none of the concepts of iou.npz; dissect again"
        )
    return Detectors(
        concept=np.array([columns[card.label, card.category] for card in cards]),
        iou=np.array([card.iou for card in cards]),
        is_detector=np.array([card.is_detector for card in cards]),
    )
