"""Two dissections side by side on one HTML page that needs nothing but a browser."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from jaxdissect.dissection.matching import ConceptChanges
from jaxdissect.dissection.tally import NOT_TESTED, Headline
from jaxdissect.experiments.contrast.tables import UNMATCHED, Pair
from jaxdissect.experiments.dissect import UnitCard
from jaxdissect.pages import base
from jaxdissect.pages.numbers import amount

PALETTE_SIZE = 6
"""Colours in the style sheet; further categories begin again with the first."""

UNIT_STATUS = {
    "gained": "detector in B only",
    "lost": "detector in A only",
    "relabelled": "detector of another concept",
    "kept": "detector of the same concept",
    "neither": "detector in neither",
    UNMATCHED: "without a counterpart",
}
CHANGED = ("gained", "lost", "relabelled")

NUMBERS = {
    "detectors": "units that pass the detector rule, by IoU",
    "significant_detectors": "detectors that match their label beyond chance",
    "unique_labels": "different concepts that detectors have as labels",
    "unique_by_category": "different best concepts within each category, summed",
    "best_iou": "the closest match of any unit with a concept",
    "median_iou": "half of the units match their concept better",
}


class Shown(NamedTuple):
    """One side of the page.

    Attributes:
        name: such as "epoch 10"; any characters.
        facts: what was dissected and how, in reading order.
        headline: the layer's numbers.
        cards: of all units.
    """

    name: str
    facts: Mapping[str, str]
    headline: Headline
    cards: Sequence[UnitCard]


class Number(NamedTuple):
    """A number of both sides, in words."""

    name: str
    meaning: str
    first: str
    second: str
    change: str


class ConceptRow(NamedTuple):
    """A concept and what both sides say of it."""

    label: str
    category: str
    detectors: tuple[int, int]
    best_iou: tuple[float, float]


def render(
    title: str,
    first: Shown,
    second: Shown,
    concepts: ConceptChanges,
    compared: Sequence[Pair],
    categories: Sequence[str],
) -> str:
    """Write the page: numbers of both sides, concepts gained and lost, and all units.

    It is complete without a network and readable without JavaScript, which adds
    sorting and filters. All texts may hold any characters.

    Args:
        title: of the page.
        first: the side that is called A.
        second: the side that is called B.
        concepts: from `concept_changes`.
        compared: from `pairs`.
        categories: the concepts' categories, in the order of their colours.

    Returns:
        HTML, to be written in UTF-8.

    Raises:
        ValueError: a number that is not finite.

    >>> import numpy as np
    >>> card = UnitCard(0, "roof", "part", 0.1, True, 1.0, "data:,", ("farm",), ())
    >>> side = Shown("epoch 1", {}, Headline(1, 1, 1, 1, 0.1, 0.1), [card])
    >>> one = ConceptChanges((("roof", "part"),), np.ones((2, 1), int),
    ...                      np.full((2, 1), 0.1), ("kept",))
    >>> both = [Pair(card, card, "kept", True, 1.0, 0.0)]
    >>> page = render("conv5", side, side._replace(name="epoch 2"), one, both, ["part"])
    >>> page[:15], page.count('<article class="pair')
    ('<!doctype html>', 1)
    """
    best = [card.iou for pair in compared for card in pair[:2] if card]
    same, differing = _facts(first, second)
    return (
        base.environment(signed=_signed)
        .get_template("comparison.html.j2")
        .render(
            title=title,
            sides=(first, second),
            same=same,
            differing=differing,
            numbers=_numbers(first.headline, second.headline),
            groups=_groups(concepts),
            undetected=concepts.status.count("undetected"),
            pairs=sorted(enumerate(compared), key=lambda pair: _place(pair[1])),
            is_measured=any(pair.is_clear is not None for pair in compared),
            statuses=UNIT_STATUS,
            changed=CHANGED,
            counts=Counter(pair.status for pair in compared),
            same_labels=sum(bool(pair.same_label) for pair in compared),
            colour={name: i % PALETTE_SIZE for i, name in enumerate(categories)},
            full_iou=max([*best, 1e-9]),
            data=_data(compared),
        )
    )


def _facts(first: Shown, second: Shown) -> tuple[dict[str, str], list[tuple[str, ...]]]:
    """What is said of both alike, and what is not, in reading order."""
    names = dict.fromkeys([*first.facts, *second.facts])
    both = [(n, first.facts.get(n, ""), second.facts.get(n, "")) for n in names]
    return {n: a for n, a, b in both if a == b}, [
        row for row in both if row[1] != row[2]
    ]


def _numbers(first: Headline, second: Headline) -> list[Number]:
    numbers = []
    for name, meaning in NUMBERS.items():
        a, b = getattr(first, name), getattr(second, name)
        digits = 3 if name.endswith("iou") else 0
        first_said, second_said = (
            NOT_TESTED if value is None else amount(float(value), digits)
            for value in (a, b)
        )
        tested = a is not None and b is not None
        numbers.append(
            Number(
                name.replace("_", " ").replace("iou", "IoU"),
                meaning,
                first=first_said,
                second=second_said,
                change=_signed(float(b - a), digits) if tested else "",
            )
        )
    return numbers


def _groups(concepts: ConceptChanges) -> dict[str, list[ConceptRow]]:
    """The concepts that some unit detects, by what became of them."""
    groups: dict[str, list[ConceptRow]] = {
        status: [] for status in ("gained", "lost", "kept", "unshared")
    }
    for (label, category), detectors, best, status in zip(
        concepts.concepts,
        concepts.detectors.T.tolist(),
        concepts.best_iou.T.tolist(),
        concepts.status,
        strict=True,
    ):
        if any(detectors):
            row = ConceptRow(label, category, tuple(detectors), tuple(best))
            groups[status].append(row)
    for rows in groups.values():
        rows.sort(key=lambda row: (-sum(row.detectors), -max(row.best_iou)))
    return groups


def _place(pair: Pair) -> tuple[bool, float]:
    """Matched units first, the best first."""
    cards = [card for card in pair[:2] if card]
    return len(cards) == 1, -max(card.iou for card in cards)


def _signed(value: float, digits: int = 3) -> str:
    shown = amount(value, digits)
    return f"+{shown}" if round(value, digits) > 0 else shown


def _data(compared: Sequence[Pair]) -> list[dict[str, Any]]:
    return [
        {
            **{
                side: card and [card.unit, card.label, card.category, card.iou]
                for side, card in zip("ab", pair[:2], strict=True)
            },
            "detects": [
                [card.label, card.category]
                for card in pair[:2]
                if card and card.is_detector
            ],
            "status": pair.status,
            "similarity": pair.similarity,
            "change": pair.iou_change,
        }
        for pair in compared
    ]
