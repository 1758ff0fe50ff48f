"""NetDissect's result tables as files: published ones read, our own written.

In the files units count from 1 and rows fall by score; in a `NetDissectTable` units
count from 0.
"""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from jaxdissect.dissection import (
    CVPR17,
    Dissection,
    Protocol,
    label_units,
    unique_by_category,
    unique_labels,
)
from jaxdissect.dissection.netdissect_table import (
    NetDissectTable,
    netdissect_table,
    seen_iou,
)
from jaxdissect.dissection.protocol import Union
from jaxdissect.dissection.tally import Headline
from jaxdissect.errors import BadInput
from jaxdissect.experiments.dissect.netdissect_rows import (
    COLUMNS,
    PARTS,
    Row,
    categories_of,
    parse,
)
from jaxdissect.pages.tables import write_csv


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
            categories = categories_of(path, columns)
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
        row = parse(where, columns, cells, categories)
        if row.unit in rows:
            raise BadInput(
                f"{where} has {row.unit} in column unit a second time; each unit must "
                "have one row"
            )
        rows[row.unit] = row
    if not rows:
        raise BadInput(f"{path} has no units; it must have a row for at least one")
    return list(rows.values())
