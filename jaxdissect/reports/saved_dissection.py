"""A dissection read back from the folder that a run of `dissect` left."""

import json
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxdissect.base import BadInput
from jaxdissect.dissection import NO_LABEL, Detectors, Dissection, Overlap, Protocol
from jaxdissect.intervals import Interval
from jaxdissect.reports.cards import Headline, UnitCard, load_cards


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
    arrays = _read(folder / "iou.npz", _arrays)
    summary = _read(folder / "summary.json", _summary)
    cards = load_cards(folder / "cards.json")
    concepts = tuple(
        zip(arrays["concepts"].tolist(), arrays["categories"].tolist(), strict=False)
    )
    units, num_concepts = arrays["iou"].shape
    numbers = sorted(card.unit for card in cards)
    if numbers != list(range(units)) or len(concepts) != num_concepts:
        raise BadInput(
            f"{folder} holds iou.npz of {units} units and {num_concepts} concepts, "
            f"names of {len(concepts)} and cards of {len(cards)}; dissect again"
        )
    cards = sorted(cards, key=lambda card: card.unit)
    return SavedDissection(
        result=Dissection(
            thresholds=arrays["thresholds"],
            overlap=Overlap(
                **{name: arrays[name] for name in Overlap._fields if name in arrays}
            ),
            iou=arrays["iou"],
            detectors=_detectors(folder, cards, concepts),
        ),
        concepts=concepts,
        cards=cards,
        **summary,
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


def _read(path: Path, reader: Callable[[Path], dict[str, Any]]) -> dict[str, Any]:
    try:
        return reader(path)
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror or error}") from None
    except (ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise BadInput(
            f"{path} is damaged or not as this version of `dissect` writes it "
            f"({error}); dissect again"
        ) from None


def _arrays(path: Path) -> dict[str, np.ndarray]:
    names = ("iou", "thresholds", "concepts", "categories", *Overlap._fields)
    with np.load(path) as file:
        # What counts may lack, older folders do.
        lacking = Overlap._field_defaults.keys() - set(file.files)
        return {name: file[name] for name in names if name not in lacking}


def _summary(path: Path) -> dict[str, Any]:
    summary = json.loads(path.read_text(encoding="utf-8"))
    return {
        "headline": Headline(
            **{name: summary[name] for name in Headline._fields if name in summary}
        ),
        "protocol": Protocol(**summary["protocol"]),
        "facts": dict(summary["facts"]),
    }


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
