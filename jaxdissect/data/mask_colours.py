"""Colours that stand for labels in masks, as tables list them."""

import re
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Int, UInt8

from jaxdissect.data.label_tables import Row
from jaxdissect.errors import BadInput

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
