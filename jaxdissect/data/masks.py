"""Masks: pictures whose pixels are numbers of labels, or colours that mean them."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Integer, Shaped
from PIL import Image

from jaxdissect.data import decoding, label_maps
from jaxdissect.data.concepts import Concept, distinct
from jaxdissect.data.listing import read_bytes
from jaxdissect.data.mask_colours import (
    SPELLINGS,
    Colours,
    Row,
    by_number,
    colours,
    labels_by_colour,
    listed_colours,
    table,
    translation,
)
from jaxdissect.errors import BadInput

GREY, PALETTE = 0, 3
"""Kinds of PNG, as its header has them."""

COLOURED = ("RGB", "RGBA")
PLAIN_COLOURS = ("1", "L", "P", "LA", "PA", *COLOURED)


class Labels(NamedTuple):
    """What masks mean.

    Attributes:
        source: the table that says so.
        concepts: [C].
        meant: {number in the table: label from 1 to C}.
        numbers: {bits of a pixel: from `translation`}, where the table has numbers.
        colours: where it has colours.
        note: on numbers of one concept; or "".
    """

    source: str
    concepts: tuple[Concept, ...]
    meant: Mapping[int, int]
    numbers: Mapping[int, Integer[np.ndarray, "_"]]
    colours: Colours | None
    note: str


def read_labels(contents: bytes, source: str, tolerance: float = 0.0) -> Labels:
    """A table of labels: columns index (or number), name, category, colour.

    Args:
        contents: UTF-8, comma-separated.
        source: its path, for messages.
        tolerance: of colours, see `mask_colours.Colours`.

    Raises:
        BadInput: a broken table, neither numbers nor colours, a number or a colour that
            is there twice, a row without name or category; a tolerance without colours.

    >>> read_labels(b"colour,name,category\\n#ff0000,car,object", "labels.csv").concepts
    (Concept(name='car', category='object'),)
    """
    header = table(contents, source, ("name", "category"))[0].cells
    index = next((name for name in ("index", "number") if name in header), "")
    coloured = next((name for name in SPELLINGS if name in header), "")
    if not index and not coloured:
        table(contents, source, ("index",))
    rows = table(contents, source, ())
    for row in rows:
        for needed in ("name", "category"):
            if not row.cells[needed].strip():
                raise BadInput(f"{row.where} has no {needed}")
    numbered: dict[int, Row] = by_number(rows, index, 0) if index else {}
    numbered = numbered or dict(enumerate(rows, start=1))
    by_colour = listed_colours(numbered, coloured, not index) if coloured else {}
    if tolerance and not by_colour:
        raise BadInput(
            f"`tolerance` is {tolerance:g}; it is for colours, and {source} has no "
            "column colour with any"
        )
    concepts, meant, note = distinct(
        {k: Concept(r.cells["name"], r.cells["category"]) for k, r in numbered.items()}
    )
    values = {colour: meant[number] for number, colour in by_colour.items()}
    return Labels(
        source,
        concepts,
        meant if index else {},
        {
            bits: translation({0: 0, 2**bits - 1: 0} | meant, len(concepts))
            for bits in ((8, 16) if index else ())
        },
        colours(values, tolerance, source) if by_colour else None,
        f"Of {source}: {note}" if note else "",
    )


class Mask(NamedTuple):
    """A mask as it is in its file.

    Attributes:
        values: [H W] numbers, or [H W c] red, green, blue and, perhaps, alpha.
        bits: of a number, 8 or 16; 0 of colours.
    """

    values: Shaped[np.ndarray, "H W *c"]
    bits: int


def read_mask(path: Path, labels: Labels) -> Mask:
    """A mask of numbers or of colours, as its table has them.

    Where the table has colours, a mask in colours or with a palette is read by these;
    otherwise a palette's entries are numbers, whatever they look like.

    Raises:
        BadInput: broken, or of a kind that does not say numbers or listed colours.
    """
    encoded = read_bytes(path)
    image = decoding.decoded(encoded, str(path))
    # From the header, because Pillow scales grey of 2 and 4 bits to 8.
    bits, kind = (encoded[24], encoded[25]) if image.format == "PNG" else (0, GREY)
    grey = kind == GREY and image.mode not in COLOURED
    if labels.colours is not None and not (grey and labels.numbers):
        return _coloured(image, bits, path)
    if image.format != "PNG":
        raise BadInput(f"{path} is a {image.format} file; a mask must be a PNG")
    if kind != PALETTE and (kind, bits) not in ((GREY, 8), (GREY, 16)):
        more = "; for colours labels.csv needs a column colour"
        raise BadInput(
            f"{path} has mode {image.mode} in {bits} bits; a mask must be 8-bit grey, "
            f"palette or 16-bit grey{more if image.mode in COLOURED else ''}"
        )
    return Mask(np.asarray(image), max(bits, 8))


def _coloured(image: Image.Image, bits: int, path: Path) -> Mask:
    if bits > 8 or image.mode not in PLAIN_COLOURS:
        raise BadInput(
            f"{path} has mode {image.mode} in {bits or 'other than 8'} bits; a mask of "
            "colours must be RGB or a palette in 8 bits"
        )
    alpha = image.mode in ("LA", "PA", "RGBA") or "transparency" in image.info
    return Mask(np.asarray(image.convert("RGBA" if alpha else "RGB")), 0)


def labels_of(mask: Mask, labels: Labels, path: Path) -> Integer[np.ndarray, "H W"]:
    """[H W] label of each pixel, 0 for none; softer colours than allowed have none.

    Raises:
        BadInput: a number that the table does not list.
    """
    if mask.bits:
        return label_maps.translated(
            mask.values, labels.numbers[mask.bits], path, labels.source
        )
    assert labels.colours is not None
    return np.maximum(labels_by_colour(mask.values, labels.colours), 0)


def counted(mask: Mask, labels: Labels) -> dict[int, int]:
    """{number in the file, or label of its colour or `SOFT`: pixels}."""
    if mask.bits:
        numbers, times = np.unique(mask.values, return_counts=True)
    else:
        assert labels.colours is not None
        found = labels_by_colour(mask.values, labels.colours)
        numbers, times = np.unique(found, return_counts=True)
    return dict(zip(numbers.tolist(), times.tolist(), strict=True))
