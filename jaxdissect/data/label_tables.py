"""Comma-separated tables of labels, with every fault named by file and line."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Integer

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
