"""Tables for other programs, and in text."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

Cell = str | int | float | bool


class Table(NamedTuple):
    """A table: one name per column, one sequence of cells per row."""

    columns: list[str]
    rows: list[list[Cell]]

    def by_column(self) -> dict[str, list[Cell]]:
        """{column: its cells}, as data frames are made of.

        >>> Table(["unit", "IoU"], [[7, 0.25], [8, 0.5]]).by_column()
        {'unit': [7, 8], 'IoU': [0.25, 0.5]}
        """
        columns = enumerate(self.columns)
        return {name: [row[n] for row in self.rows] for n, name in columns}

    def column(self, name: str) -> list[Cell]:
        """The cells below a name."""
        at = self.columns.index(name)
        return [row[at] for row in self.rows]


def of_columns(columns: Mapping[str, Iterable[Cell]]) -> Table:
    """A table of columns of one length.

    >>> of_columns({"unit": [7, 8], "IoU": [0.25, 0.5]})
    Table(columns=['unit', 'IoU'], rows=[[7, 0.25], [8, 0.5]])
    """
    rows = zip(*columns.values(), strict=True)
    return Table(list(columns), [list(row) for row in rows])


def write_csv(
    path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]
) -> None:
    """Write a table as comma-separated values in UTF-8, column names first.

    Args:
        path: where to.
        columns: a name for every column.
        rows: cells in the order of the columns.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_csv(Path(folder) / "a.csv", ["unit"], [[7]])
    ...     (Path(folder) / "a.csv").read_text().split()
    ['unit', '7']
    """
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows([str(cell) for cell in row] for row in rows)


def write_columns(path: Path, columns: Mapping[str, Sequence[Any]]) -> None:
    """Write columns of one length as comma-separated values, their names first."""
    rows = zip(*columns.values(), strict=True)
    write_csv(path, list(columns), rows)


def markdown(table: Table) -> str:
    """A table in GitHub's Markdown, numbers to three digits.

    >>> print(markdown(Table(["unit", "IoU"], [[7, 0.25]])))
    | unit | IoU |
    | --- | --- |
    | 7 | 0.25 |
    """
    rule = ["---"] * len(table.columns)
    rows: list[Sequence[Cell]] = [table.columns, rule, *table.rows]
    return "\n".join(f"| {' | '.join(map(_short, row))} |" for row in rows)


def _short(cell: Cell) -> str:
    return f"{cell:.3g}" if isinstance(cell, float) else str(cell)
