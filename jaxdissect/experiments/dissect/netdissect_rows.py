"""The rows of NetDissect's result tables, from text to numbers that were checked."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from jaxdissect.dissection.netdissect_table import TOLERANCE
from jaxdissect.errors import BadInput

COLUMNS = ("unit", "category", "label", "score")
PARTS = ("label", "truth", "activation", "intersect", "iou")
"""What a table tells of every category C, in columns C-label, C-truth and so on."""

COUNT = re.compile(r"(\d{1,18})(\.0*)?", re.ASCII)
FRACTION = re.compile(r"(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)


class Row(NamedTuple):
    """A unit as its row tells it.

    Attributes:
        unit: from 1, as in the file.
        category: of the highest IoU.
        label: its label.
        score: its IoU.
        labels: [G] best label of every category.
        counts: [G] truth, activation and intersect.
        iou: [G] in [0, 1].
    """

    unit: int
    category: str
    label: str
    score: float
    labels: tuple[str, ...]
    counts: list[list[int]]
    iou: list[float]


def categories_of(path: Path, columns: Sequence[str]) -> tuple[str, ...]:
    """The categories that the names of the columns name, in their order.

    Args:
        path: of the file, for messages.
        columns: the names.

    Raises:
        BadInput: a column is missing or there twice.

    >>> categories_of(Path("a.csv"), [*COLUMNS, *(f"part-{part}" for part in PARTS)])
    ('part',)
    """
    twice = [name for name in dict.fromkeys(columns) if columns.count(name) > 1]
    if twice:
        raise BadInput(f"{path} has two columns {twice[0]}; each must be there once")
    named = (name.rpartition("-") for name in columns)
    found = tuple(
        dict.fromkeys(c for c, hyphen, part in named if hyphen and part in PARTS)
    )
    wanted = [*COLUMNS, *(f"{c}-{part}" for c in found for part in PARTS)]
    missing = [name for name in wanted if name not in columns]
    if missing or not found:
        raise BadInput(
            f"{path} has no column {(missing or ['object-label'])[0]} in line 1; a "
            f"table of NetDissect's has {', '.join(COLUMNS)} and, for every category "
            f"C, {', '.join(f'C-{part}' for part in PARTS)}"
        )
    return found


def parse(
    where: str, columns: Sequence[str], cells: Sequence[str], categories: Sequence[str]
) -> Row:
    """One row, its IoU held against its counts and its score against its IoU.

    Args:
        where: file and line, for messages.
        columns: names of the columns.
        cells: of the row, in the same order.
        categories: from `categories_of`.

    Raises:
        BadInput: naming line and column of what cannot be.

    >>> columns = [*COLUMNS, *(f"part-{part}" for part in PARTS)]
    >>> cells = "7,part,NA,0.5,NA,3,3.0,2,0.5".split(",")
    >>> parse("line 2", columns, cells, ["part"]).counts
    [[3, 3, 2]]
    """
    if len(cells) != len(columns):
        short = len(cells) < len(columns)
        raise BadInput(
            f"{where} has {len(cells)} cells"
            f"{f', none in column {columns[len(cells)]}' if short else ''}; it must "
            f"have one for each of the {len(columns)} columns"
        )
    row = _read(where, dict(zip(columns, cells, strict=True)), categories)
    for category, counts, iou in zip(categories, row.counts, row.iou, strict=True):
        _check_iou(where, category, counts, iou)
    _check_best(where, row, categories)
    return row


def _read(where: str, cells: Mapping[str, str], categories: Sequence[str]) -> Row:
    cells = _without_label(cells, categories)
    unit = _count(where, cells, "unit")
    if unit == 0:
        raise _refusal(where, "unit", 0, "units are numbered from 1")
    return Row(
        unit=unit,
        category=cells["category"],
        label=cells["label"],
        score=_fraction(where, cells, "score"),
        labels=tuple(cells[f"{c}-label"] for c in categories),
        counts=[
            [_count(where, cells, f"{c}-{part}") for part in PARTS[1:4]]
            for c in categories
        ],
        iou=[_fraction(where, cells, f"{c}-iou") for c in categories],
    )


def _without_label(
    cells: Mapping[str, str], categories: Sequence[str]
) -> dict[str, str]:
    """The cells, those that are empty or nan for want of a label as 0."""
    filled = dict(cells)
    for category in categories:
        if not cells[f"{category}-label"]:
            for name in (f"{category}-{part}" for part in PARTS[1:]):
                filled[name] = "0" if cells[name] in ("", "nan") else cells[name]
    return filled


def _count(where, cells, column) -> int:
    match = COUNT.fullmatch(cells[column])
    if not match:
        allowed = "it must be a whole number of at most 18 digits"
        raise _refusal(where, column, cells[column], allowed)
    return int(match[1])


def _fraction(where, cells, column) -> float:
    text = cells[column]
    if not FRACTION.fullmatch(text) or float(text) > 1:
        raise _refusal(where, column, text, "it must be a number between 0 and 1")
    return float(text)


def _check_iou(where, category, counts, iou) -> None:
    truth, activation, intersect = counts
    # Not `activation`: published tables have pixels of no label without activation.
    if intersect > truth:
        allowed = f"it must be at most the {truth} of {category}-truth"
        raise _refusal(where, f"{category}-intersect", intersect, allowed)
    expected = intersect / max(truth + activation - intersect, 1)
    if abs(iou - expected) > TOLERANCE:
        allowed = f"it must follow from the counts, which give {expected:.9g}"
        raise _refusal(where, f"{category}-iou", iou, allowed)


def _check_best(where, row: Row, categories: Sequence[str]) -> None:
    best = max(row.iou)
    if abs(row.score - best) > TOLERANCE:
        allowed = f"it must be the row's largest IoU, {best}"
        raise _refusal(where, "score", row.score, allowed)
    if row.label == "" and best == 0:  # a dead unit, of whatever category
        return
    ious = dict(zip(categories, row.iou, strict=True))
    if best - ious.get(row.category, -1.0) > TOLERANCE:
        of_best = categories[row.iou.index(best)]
        allowed = f"it must be the one of the row's largest IoU, {of_best!r}"
        raise _refusal(where, "category", row.category, allowed)
    label = row.labels[categories.index(row.category)]
    if row.label != label:
        allowed = f"it must be the {label!r} of {row.category}-label"
        raise _refusal(where, "label", row.label, allowed)


def _refusal(where, column, found, allowed) -> BadInput:
    return BadInput(f"{where} has {found!r} in column {column}; {allowed}")
