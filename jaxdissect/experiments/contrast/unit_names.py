"""Names of a layer's units: those of a dissection here, and published ones in files.

Three kinds of files are known by their columns: result tables of NetDissect and
NetDissect-Lite (unit, category, label, score, ...; units count from 1), descriptions of
CLIP-Dissect (layer, unit, description, similarity) and of MILAN (layer, unit,
description), in both of which units count from 0. In a `Named` they count from 0.
"""

import csv
import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from jaxdissect.errors import BadInput
from jaxdissect.experiments import dissect
from jaxdissect.experiments.dissect import UnitCard

DESCRIPTIONS = {
    ("layer", "unit", "description", "similarity"): "CLIP-Dissect's descriptions",
    ("layer", "unit", "description"): "MILAN's descriptions",
}


class Named(NamedTuple):
    """The units of a layer and what they are called.

    Attributes:
        origin: what says so.
        measure: what scores are; empty where there are none.
        numbering: from which number the origin counts.
        names: [U] empty for a unit without a name.
        categories: [U] of the names; empty where there are none.
        scores: [U] of the names; nan where there are none.
        pictures: [U] `data:` addresses of top images; empty where there are none.
    """

    origin: str
    measure: str
    numbering: int
    names: tuple[str, ...]
    categories: tuple[str, ...]
    scores: tuple[float, ...]
    pictures: tuple[str, ...]


def of_cards(cards: Sequence[UnitCard]) -> Named:
    """The names that a dissection gave.

    Args:
        cards: [U] in order of unit number.

    >>> card = UnitCard(0, "roof", "part", 0.1, True, 1.0, "", (), ())
    >>> of_cards([card]).names
    ('roof',)
    """
    return Named(
        "a dissection of ours",
        "IoU",
        0,
        tuple(card.label for card in cards),
        tuple(card.category for card in cards),
        tuple(card.iou for card in cards),
        tuple(card.strip for card in cards),
    )


def read(path: Path, layer: str | None, argument: str) -> Named:
    """Published names of units.

    Args:
        path: a file of one of the three kinds, in UTF-8.
        layer: which, where a file has several.
        argument: what the file is called in messages about the layer.

    Raises:
        BadInput: naming file and line of what is malformed; no such layer, or several.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "descriptions.csv"
    ...     _ = file.write_text("layer,unit,description\\nconv5,0,red things\\n")
    ...     read(file, None, "first").names
    ('red things',)
    """
    columns = next(iter(_lines(path)), (0, []))[1]
    kind = next((k for k in DESCRIPTIONS if set(k) <= set(columns)), None)
    if kind is not None:
        return _descriptions(path, layer, argument, kind)
    if "unit" in columns and "label" in columns:
        if layer is not None:
            raise BadInput(
                f"`{argument}_layer` is {layer!r}, but {path} is a table of one layer"
            )
        return _table(path)
    raise BadInput(
        f"{path} has columns {', '.join(columns) or 'of no name'} in line 1; names of "
        "units have layer, unit, description (MILAN), similarity besides "
        "(CLIP-Dissect), or unit, category, label, score and those of a table of "
        "NetDissect's"
    )


def _table(path: Path) -> Named:
    table = dissect.read_netdissect(path)
    order = table.units.argsort().tolist()
    _check_all(path, [table.units[row].item() for row in order], 1)
    return Named(
        "a result table of NetDissect's",
        "IoU",
        1,
        tuple(table.label[row] for row in order),
        tuple(table.category[row] for row in order),
        tuple(table.score[row].item() for row in order),
        ("",) * len(order),
    )


def _descriptions(
    path: Path, layer: str | None, argument: str, kind: tuple[str, ...]
) -> Named:
    (_, columns), *lines = _lines(path)
    layers: dict[str, dict[int, tuple[str, float]]] = {}
    for number, cells in lines:
        where = f"{path}, line {number},"
        if len(cells) != len(columns):
            raise BadInput(
                f"{where} has {len(cells)} cells; it must have one for each of the "
                f"{len(columns)} columns"
            )
        row = dict(zip(columns, cells, strict=True))
        unit, score = _unit(where, row["unit"]), math.nan
        if "similarity" in kind:
            score = _similarity(where, row["similarity"])
        known = layers.setdefault(row["layer"], {})
        if unit in known:
            raise BadInput(f"{where} has unit {unit} of {row['layer']!r} a second time")
        known[unit] = row["description"].strip(), score
    chosen = _chosen(path, layer, argument, list(layers))
    found = layers[chosen]
    _check_all(path, sorted(found), 0)
    each = [found[unit] for unit in range(len(found))]
    return Named(
        f"{DESCRIPTIONS[kind]} of {chosen}",
        "similarity" if "similarity" in kind else "",
        0,
        tuple(name for name, _ in each),
        ("",) * len(each),
        tuple(score for _, score in each),
        ("",) * len(each),
    )


def _lines(path: Path) -> list[tuple[int, list[str]]]:
    """(number of the line, cells) of all that are not empty."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.reader(file, strict=True)
            return [(rows.line_num, cells) for cells in rows if cells]
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror}") from None
    except (UnicodeError, csv.Error) as error:
        raise BadInput(f"{path} has no names of units: {error}") from None


def _chosen(path: Path, layer: str | None, argument: str, layers: list[str]) -> str:
    if layer in layers:
        return layer
    if not layers:
        raise BadInput(f"{path} has no units; it must have a row for at least one")
    if layer is None and len(layers) == 1:
        return layers[0]
    asked = "is missing" if layer is None else f"is {layer!r}"
    raise BadInput(
        f"`{argument}_layer` {asked}; {path} has the layers {', '.join(layers)}"
    )


def _unit(where: str, text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise BadInput(
            f"{where} has unit {text!r}; it must be a whole number from 0 on"
        )
    return int(text)


def _similarity(where: str, text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if not math.isfinite(found):
        raise BadInput(f"{where} has similarity {text!r}; it must be a finite number")
    return found


def _check_all(path: Path, units: list[int], numbering: int) -> None:
    """Refuse a file that leaves units out; they would be another layer's, or cut."""
    for place, unit in enumerate(units):
        if unit != place:
            raise BadInput(
                f"{path} has no unit {place + numbering}, but unit {unit + numbering}; "
                "it must have a row for each"
            )
