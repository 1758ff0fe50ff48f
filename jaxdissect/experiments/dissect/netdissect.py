"""NetDissect's result tables as files: published ones read, our own written.

In the files units count from 1 and rows fall by score; in a `NetDissectTable` units
count from 0. Every number that is read is held against the others of its row.
"""

import csv
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxdissect.dissection import (
    CVPR17,
    Dissection,
    Headline,
    Protocol,
    label_units,
    unique_by_category,
    unique_labels,
)
from jaxdissect.dissection.netdissect_table import (
    TOLERANCE,
    NetDissectTable,
    netdissect_table,
    seen_iou,
)
from jaxdissect.dissection.protocol import Union
from jaxdissect.errors import BadInput
from jaxdissect.pages.tables import write_csv

COLUMNS = ("unit", "category", "label", "score")
PARTS = ("label", "truth", "activation", "intersect", "iou")
"""What a table tells of every category C, in columns C-label, C-truth and so on."""

COUNT = re.compile(r"(\d{1,18})(\.0*)?", re.ASCII)
FRACTION = re.compile(r"(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)


class Row(NamedTuple):
    """A unit as its row tells it; unit counts from 1, counts are those of `PARTS`."""

    unit: int
    category: str
    label: str
    score: float
    labels: tuple[str, ...]
    counts: list[list[int]]
    iou: list[float]


def read_netdissect(path: Path) -> NetDissectTable:
    """Read a table as NetDissect's code writes it, and check all its numbers.

    Labels are texts, whatever they look like. Columns are found by name, others
    ignored; the categories are those that the columns name.

    Args:
        path: comma-separated values in UTF-8, column names first.

    Returns:
        The table, rows in the file's order.

    Raises:
        BadInput: naming line and column of a number that is none, an IoU more than
            1e-6 off the one its counts give, a score that is not the row's largest
            IoU, a cut row or a unit met twice; or missing columns.

    Reference:
        Bau et al., Network Dissection, CVPR 2017, and the tables in the folder plot/
        of its code.

    >>> import tempfile
    >>> parts = ",".join(f"object-{part}" for part in PARTS)
    >>> text = f"unit,category,label,score,{parts}\\n1,object,NA,0.5,NA,3,3.0,2,0.5\\n"
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = (Path(folder) / "a.csv").write_text(text)
    ...     table = read_netdissect(Path(folder) / "a.csv")
    >>> table.units.tolist(), table.label, table.activation.tolist()
    ([0], ('NA',), [[3]])
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            lines = csv.reader(file, strict=True)
            columns = next(lines, [])
            categories = _categories_of(path, columns)
            rows = _rows(path, lines, columns, categories)
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror}") from None
    except (UnicodeError, csv.Error) as error:
        raise BadInput(f"{path} is no table of NetDissect's: {error}") from None
    counts = np.array([row.counts for row in rows], np.int64)
    return NetDissectTable(
        units=np.array([row.unit - 1 for row in rows]),
        categories=categories,
        labels=tuple(row.labels for row in rows),
        truth=counts[:, :, 0],
        activation=counts[:, :, 1],
        intersect=counts[:, :, 2],
        iou=np.array([row.iou for row in rows]),
        category=tuple(row.category for row in rows),
        label=tuple(row.label for row in rows),
        score=np.array([row.score for row in rows]),
    )


def write(
    path: Path,
    result: Dissection,
    concepts: Sequence[tuple[str, str]],
    categories: Sequence[str],
    *,
    union: Union,
) -> None:
    """Write a dissection as NetDissect writes it, for programs that read its tables.

    Args:
        path: where to.
        result: a dissection of U units against C concepts.
        concepts: [C] (name, category) of every concept.
        categories: [G] in the order in which the dissection numbered them.
        union: the one of the dissection's protocol; see `netdissect_table`.

    Raises:
        BadInput: as `netdissect_table` does.

    >>> import tempfile
    >>> from jaxdissect.dissection import Overlap
    >>> counts = Overlap(*map(np.array, ([[2]], [3], [4], [[2]], [9], 9)))
    >>> iou = np.array([[0.4]])
    >>> result = Dissection(np.ones(1), counts, iou, label_units(iou))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "a.csv"
    ...     write(file, result, [("car", "object")], ["object"], union="global")
    ...     file.read_text().split()[-1]
    '1,object,car,0.4,car,4,3,2,0.4'
    """
    table = netdissect_table(result, concepts, categories, union=union)
    columns = [*COLUMNS, *(f"{c}-{part}" for c in table.categories for part in PARTS)]
    numbers = table.truth, table.activation, table.intersect, table.iou
    rows = []
    for row, unit in enumerate(table.units):
        cells = [unit + 1, table.category[row], table.label[row], table.score[row]]
        for g, label in enumerate(table.labels[row]):
            cells += [label, *(column[row, g] for column in numbers)]
        rows.append(cells)
    write_csv(path, columns, rows)


def headline(table: NetDissectTable, protocol: Protocol = CVPR17) -> Headline:
    """Count what the detectors of a table detect.

    Args:
        table: from `read_netdissect`.
        protocol: whose detector rule to apply.

    >>> zero, iou = np.zeros((1, 1), int), np.array([[0.3]])
    >>> table = NetDissectTable(np.arange(1), ("object",), (("car",),), zero, zero,
    ...                         zero, iou, ("object",), ("car",), iou[0])
    >>> headline(table)[:4]
    (1, 1, 1, 1)
    """
    iou, concepts = seen_iou(table)
    numbers = [table.categories.index(category) for _, category in concepts]
    found = label_units(iou, min_iou=protocol.min_iou, rule=protocol.rule)
    by_category = unique_by_category(
        iou, numbers, min_iou=protocol.min_iou, rule=protocol.rule
    )
    return Headline(
        detectors=int(found.is_detector.sum()),
        units=len(table.units),
        unique_labels=unique_labels(found),
        unique_by_category=by_category,
        best_iou=float(found.iou.max()),
        median_iou=float(np.median(found.iou)),
    )


def _rows(path, lines, columns, categories) -> list[Row]:
    rows: dict[int, Row] = {}
    for cells in filter(None, lines):  # without empty lines, as at the end of files
        where = f"{path}, line {lines.line_num},"
        row = _parse(where, columns, cells, categories)
        if row.unit in rows:
            raise BadInput(
                f"{where} has {row.unit} in column unit a second time; each unit must "
                "have one row"
            )
        rows[row.unit] = row
    if not rows:
        raise BadInput(f"{path} has no units; it must have a row for at least one")
    return list(rows.values())


def _categories_of(path: Path, columns: Sequence[str]) -> tuple[str, ...]:
    """The categories that the names of the columns name, in their order."""
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


def _parse(
    where: str, columns: Sequence[str], cells: Sequence[str], categories: Sequence[str]
) -> Row:
    """One row, its IoU held against its counts and its score against its IoU."""
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
