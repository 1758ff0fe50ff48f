"""Colours that stand for labels in masks, as tables list them."""

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Int, Integer, UInt8

from jaxdissect.errors import BadInput

HIGHEST = 2**16 - 1
"""The highest label number that two bytes of a label map can hold."""

MOST_DIGITS = 18
"""A longer row of digits is no number of anything here."""


class Row(NamedTuple):
    """A row of a table.

    Attributes:
        where: file and line, for messages.
        cells: {column: text}.
    """

    where: str
    cells: Mapping[str, str]


def table(contents: bytes, source: str, columns: Sequence[str]) -> list[Row]:
    """The rows of a comma-separated table whose first line names the columns.

    Args:
        contents: UTF-8 text.
        source: the file, for messages.
        columns: that must be there; others may be.

    Returns:
        At least one row; blank lines are none.

    Raises:
        BadInput: no such text, no rows, a column or a cell missing, cells without a
            column.

    >>> table(b"name,number\\ncat,3\\n", "a.csv", ["number"])[0].cells["name"]
    'cat'
    """
    (first, header), *lines = _lines(contents, source)
    names = [name.strip() for name in header]
    for column in columns:
        if column not in names:
            raise BadInput(
                f"{source} line {first} has no column {column}; it has "
                f"{', '.join(names)}"
            )
    if not lines:
        raise BadInput(f"{source} has no rows below line {first}")
    for number, cells in lines:
        if len(cells) < len(names) or any(cells[len(names) :]):
            raise BadInput(
                f"{source} line {number} has {len(cells)} cells; there are "
                f"{len(names)} columns"
            )
    return [
        Row(f"{source} line {number}", dict(zip(names, cells, strict=False)))
        for number, cells in lines
    ]


def whole_number(row: Row, column: str, lowest: int) -> int:
    """A cell as a number from `lowest` to 65535.

    >>> whole_number(Row("a.csv line 2", {"sh": "x"}), "sh", 1)
    Traceback (most recent call last):
    ...
    jaxdissect.errors.BadInput: a.csv line 2 has sh 'x'; it must be a whole number ...
    """
    cell = row.cells[column].strip()
    if is_digits(cell) and lowest <= int(cell) <= HIGHEST:
        return int(cell)
    raise BadInput(
        f"{row.where} has {column} {cell!r}; it must be a whole number from {lowest} "
        f"to {HIGHEST}"
    )


def is_digits(cell: str) -> bool:
    """Whether a cell is a whole number, as tables write them.

    `int` alone would also take "+1", "1_0" and digits of other scripts, and fails on
    thousands of digits.

    >>> [is_digits(cell) for cell in ("12", "1_2", "a.png", "", "9" * 5000)]
    [True, False, False, False, False]
    """
    return cell.isascii() and cell.isdigit() and len(cell) <= MOST_DIGITS


def by_number(rows: Iterable[Row], column: str, lowest: int) -> dict[int, Row]:
    """Rows by the label number in a column, in the order of the numbers.

    Raises:
        BadInput: not a number from `lowest` to 65535, or one that is there twice.

    >>> list(by_number([Row("a.csv line 2", {"index": "7"})], "index", 0))
    [7]
    """
    found: dict[int, Row] = {}
    for row in rows:
        number = whole_number(row, column, lowest)
        if number in found:
            raise BadInput(
                f"{row.where} has {column} {number} again; {found[number].where} has it"
            )
        found[number] = row
    return dict(sorted(found.items()))


def translation(
    meanings: Mapping[int, int], num_concepts: int
) -> Integer[np.ndarray, "V"]:
    """{number in a file: label} as an array.

    Args:
        meanings: labels are 0, for none, to C.
        num_concepts: C.

    Returns:
        The label of every number up to the highest, and one more entry. That one, and
        those of numbers without a meaning, hold the type's largest value, no label.

    >>> translation({0: 0, 2: 1}, 1).tolist()
    [0, 255, 1, 255]
    """
    dtype = np.min_scalar_type(num_concepts + 1)
    labels = np.full(max(meanings) + 2, np.iinfo(dtype).max, dtype)
    labels[list(meanings)] = list(meanings.values())
    return labels


def _lines(contents: bytes, source: str) -> list[tuple[int, list[str]]]:
    """[(line number, cells)] of what is not blank, at least one."""
    try:
        # Spreadsheets begin UTF-8 with a byte-order mark, which is not a column's name.
        text = contents.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(f"{source} is no text in UTF-8: {error}") from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        lines = [(reader.line_num, cells) for cells in reader if any(cells)]
    except csv.Error as error:
        raise BadInput(f"{source} line {reader.line_num} is broken: {error}") from None
    if not lines:
        raise BadInput(f"{source} is empty")
    return lines


COLUMN = "colour"
SPELLINGS = (COLUMN, "color")
NONE = ((0, 0, 0), (255, 255, 255))
"""Black and white are no label unless the table lists them, as 0 and 255 are not."""

SOFT = -1
"""In place of a label, a pixel whose colour is no listed one's."""

Colour = tuple[int, int, int]


class Colours(NamedTuple):
    """Colours and what they mean.

    Attributes:
        values: [K 3] red, green and blue.
        labels: [K], 0 for none.
        tolerance: how far from one of them a pixel may be, as a distance in red, green
            and blue of 0 to 255; never half as far as two colours are apart.
    """

    values: Int[np.ndarray, "K 3"]
    labels: Int[np.ndarray, "K"]
    tolerance: float


def parsed(cell: str) -> Colour | None:
    """A colour written `#rrggbb` or `r g b`; None for anything else.

    >>> parsed("#FF8000"), parsed("255 128 0"), parsed("orange")
    ((255, 128, 0), (255, 128, 0), None)
    """
    cell = cell.strip()
    if re.fullmatch(r"#[0-9a-fA-F]{6}", cell):
        return int(cell[1:3], 16), int(cell[3:5], 16), int(cell[5:], 16)
    if re.fullmatch(r"[0-9]{1,3}([ ,;]+[0-9]{1,3}){2}", cell):
        red, green, blue = (int(part) for part in re.findall(r"[0-9]+", cell))
        return (red, green, blue) if max(red, green, blue) < 256 else None
    return None


def listed_colours(rows: Mapping[int, Row], column: str, needed: bool) -> dict:
    """{number: colour} of the rows that have one.

    Args:
        rows: {number: row}.
        column: of the colours.
        needed: whether every row must have one; else a column of other words, such as
            names of colours, says nothing about masks.

    Raises:
        BadInput: a cell that is no colour, one colour twice.

    >>> listed_colours({1: Row("a.csv line 2", {"colour": "red"})}, "colour", False)
    {}
    """
    found = {number: parsed(row.cells[column]) for number, row in rows.items()}
    if not needed and not any(found.values()):
        return {}
    first: dict[Colour, Row] = {}
    for number, row in rows.items():
        colour, cell = found[number], row.cells[column].strip()
        if colour is None and (cell or needed):
            raise BadInput(
                f"{row.where} has {column} {cell!r}; it must be #rrggbb or three "
                "numbers from 0 to 255"
            )
        if colour is not None and first.setdefault(colour, row) is not row:
            raise BadInput(
                f"{row.where} has {column} {cell} again; {first[colour].where} has it"
            )
    return {number: colour for number, colour in found.items() if colour is not None}


def colours(listed: Mapping[Colour, int], tolerance: float, source: str) -> Colours:
    """Colours to look pixels up in.

    Args:
        listed: {colour: label}.
        tolerance: see `Colours`.
        source: the table, for the message.

    Raises:
        BadInput: a tolerance that is negative, or so large that a pixel could be of two
            colours.

    >>> colours({(200, 0, 0): 1, (0, 0, 200): 2}, 150.0, "labels.csv")
    Traceback (most recent call last):
    ...
    jaxdissect.errors.BadInput: `tolerance` is 150; two colours of labels.csv are ...
    """
    if not 0 <= tolerance < np.inf:
        raise BadInput(f"`tolerance` is {tolerance}; it must not be negative")
    values = np.array(list(listed), np.int64).reshape(-1, 3)
    apart = _distances(values, values) + np.where(np.eye(len(values)), np.inf, 0)
    nearest = apart.min(initial=np.inf)
    if 2 * tolerance >= nearest:
        raise BadInput(
            f"`tolerance` is {tolerance:g}; two colours of {source} are {nearest:.0f} "
            f"apart, and it must be below half of that"
        )
    none = [
        one
        for one in NONE
        if _distances(np.array([one]), values).min(initial=np.inf) > 2 * tolerance
    ]
    return Colours(
        np.concatenate([values, np.array(none, np.int64).reshape(-1, 3)]),
        np.array([*listed.values(), *(0 for _ in none)], np.int64),
        tolerance,
    )


def labels_by_colour(
    pixels: UInt8[np.ndarray, "H W c"], known: Colours
) -> Int[np.ndarray, "H W"]:
    """The label of each pixel, or `SOFT` where it is too far from every colour.

    Args:
        pixels: red, green, blue and, perhaps, alpha. What is transparent at all has no
            label.
        known: the colours.

    >>> known = colours({(200, 0, 0): 7}, 20.0, "labels.csv")
    >>> pixels = np.array([[[190, 9, 0], [99, 0, 0], [0, 0, 0]]], np.uint8)
    >>> labels_by_colour(pixels, known)
    array([[ 7, -1,  0]])
    """
    packed = pixels[..., :3].astype(np.uint32) @ np.array([65536, 256, 1], np.uint32)
    codes, where = np.unique(packed, return_inverse=True)
    there = np.stack([codes >> 16, codes >> 8 & 255, codes & 255], -1).astype(np.int64)
    labels = np.full(len(codes), SOFT, np.int64)
    # No pixel is within the tolerance of two colours.
    for value, label in zip(known.values, known.labels, strict=True):
        labels[_distances(there, value[None])[:, 0] <= known.tolerance] = label
    found = labels[where].reshape(packed.shape)
    return found if pixels.shape[-1] < 4 else np.where(pixels[..., 3] < 255, 0, found)


def _distances(ones: np.ndarray, others: np.ndarray) -> np.ndarray:
    return np.sqrt(((ones[:, None] - others) ** 2).sum(-1))
