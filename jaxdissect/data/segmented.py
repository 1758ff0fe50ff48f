"""Segmented images of anybody's own: images/, masks/ and a table of labels."""

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Int, Integer

from jaxdissect.base import BadInput
from jaxdissect.data import decoding, label_maps
from jaxdissect.data.concepts import Concept, ConceptSource
from jaxdissect.data.images import fingerprint
from jaxdissect.data.label_tables import by_number, table, translation
from jaxdissect.data.picture_files import SUFFIXES

TABLE = "labels.csv"
GREY, PALETTE = 0, 3
"""Kinds of PNG, as its header has them."""


class _Labels(NamedTuple):
    """What the numbers in masks mean.

    Attributes:
        concepts: [C].
        numbers: {bits of a pixel: from `translation`}.
    """

    concepts: tuple[Concept, ...]
    numbers: Mapping[int, Integer[np.ndarray, "_"]]


class _Picture(NamedTuple):
    """An image with its masks, as paths relative to the folder."""

    name: str
    image: str
    masks: tuple[str, ...]


def segmented(folder: Path, *, split: str = "") -> ConceptSource:
    """Images below images/ with a mask for each, of the same path, below masks/.

    labels.csv has the columns index (or number), name and category; a mask is a PNG
    whose pixels are such indices: 8-bit grey, palette, or 16-bit grey. Pixels of 255
    (65535 in 16 bits) and of 0 have no label unless the table lists that index.
    Concepts that overlap with others go into masks2/, masks3/ and so on, which need
    not have a mask for each image. A stratum is the images in one folder.

    Args:
        folder: holds labels.csv, images/ and masks/.
        split: a folder in images/ and masks/ to keep to; "" is everything.

    Returns:
        A source that reads files when they are asked for: images are stretched to a
        square, of masks the middle pixel of each cell is taken. The digest covers
        labels.csv, names and lengths of all other files, and the split; it does not
        cover the contents of images and masks.

    Raises:
        BadInput: a missing or broken table, naming the line; no images; an image
            without a mask; an empty file. On loading: a broken picture; a mask of
            another size than its image, or with a number that is not in the table.

    >>> segmented(Path("/nowhere"))
    Traceback (most recent call last):
    ...
    jaxdissect.base.BadInput: `folder` is /nowhere; it must hold labels.csv, images/ ...
    """
    if not (folder / TABLE).is_file():
        raise BadInput(
            f"`folder` is {folder}; it must hold {TABLE}, images/ and masks/"
        )
    contents = label_maps.read_bytes(folder / TABLE)
    labels = _labels(contents, str(folder / TABLE))
    pictures, sizes = _find(folder, split)

    def read_one(k: int, size: int, cells: int) -> tuple[np.ndarray, list[np.ndarray]]:
        return _read(pictures[k], labels, folder, size, cells)

    parents = [picture.name.rpartition("/")[0] for picture in pictures]
    part = f", split {split}" if split else ""
    return ConceptSource(
        load=label_maps.loader(read_one, len(pictures), len(labels.concepts)),
        captions=[picture.name for picture in pictures],
        strata=np.unique(parents, return_inverse=True)[1],
        concepts=labels.concepts,
        categories=tuple(dict.fromkeys(c.category for c in labels.concepts)),
        what=f"images in {folder.resolve().name}{part}",
        digest=fingerprint(
            ["segmented", split, sizes], np.frombuffer(contents, np.uint8)
        ),
    )


def _labels(contents: bytes, source: str) -> _Labels:
    header = table(contents, source, ("name", "category"))[0].cells
    column = "number" if "number" in header and "index" not in header else "index"
    rows = table(contents, source, (column,))
    numbered = by_number(rows, column, 0)
    for row in rows:
        for needed in ("name", "category"):
            if not row.cells[needed].strip():
                raise BadInput(f"{row.where} has no {needed}")
    listed = {number: label for label, number in enumerate(numbered, start=1)}
    return _Labels(
        tuple(
            Concept(row.cells["name"].strip(), row.cells["category"].strip())
            for row in numbered.values()
        ),
        {
            bits: translation({0: 0, 2**bits - 1: 0} | listed, len(listed))
            for bits in (8, 16)
        },
    )


def _find(folder: Path, split: str) -> tuple[list[_Picture], list[tuple[str, int]]]:
    """Images with their masks, and [(path, length in bytes)] of all these files."""
    images = _named(folder, Path("images", split), SUFFIXES)
    if not images:
        there = folder / "images" / split
        raise BadInput(f"{there} holds no picture; allowed are {', '.join(SUFFIXES)}")
    layers = [
        _named(folder, Path(layer, split), (".png",)) for layer in _layers(folder)
    ]
    for layer in layers[1:]:
        for name in set(layer) - set(layers[0]):
            raise BadInput(
                f"{folder / layer[name][0]} belongs to no mask in {folder / 'masks'}"
            )
    pictures, sizes = [], []
    for name, image in images.items():
        if name not in layers[0]:
            wanted = folder / "masks" / split / f"{name}.png"
            raise BadInput(f"{folder / image[0]} has no mask; it must be {wanted}")
        masks = [layer[name] for layer in layers if name in layer]
        pictures.append(_Picture(name, image[0], tuple(path for path, _ in masks)))
        sizes += [image, *masks]
    for path, num_bytes in sizes:
        if not num_bytes:
            raise BadInput(f"{folder / path} is empty")
    return pictures, sizes


def _layers(folder: Path) -> list[str]:
    """masks, and what there is of masks2, masks3 and so on."""
    further = [
        path.name for path in folder.iterdir() if re.fullmatch(r"masks\d+", path.name)
    ]
    return ["masks", *sorted(further, key=lambda name: int(name[len("masks") :]))]


def _named(
    folder: Path, inside: Path, suffixes: Sequence[str]
) -> dict[str, tuple[str, int]]:
    """{path without suffix: (path relative to the folder, length in bytes)}."""
    found: dict[str, tuple[str, int]] = {}
    for path, num_bytes in label_maps.files_below(folder / inside).items():
        stem, suffix = os.path.splitext(path)
        if suffix.lower() not in suffixes:
            continue
        if stem in found:
            twin = folder / found[stem][0]
            raise BadInput(f"{folder / inside / path} has the same name as {twin}")
        found[stem] = (inside / path).as_posix(), num_bytes
    return found


def _read(
    picture: _Picture, labels: _Labels, folder: Path, size: int, cells: int
) -> tuple[np.ndarray, list[np.ndarray]]:
    path = folder / picture.image
    image = decoding.decoded(label_maps.read_bytes(path), str(path))
    width, height = image.size
    grid = np.ix_(*(label_maps.middles(length, cells) for length in (height, width)))
    layers = []
    for name in picture.masks:
        numbers, bits = _mask(folder / name)
        if numbers.shape != (height, width):
            raise BadInput(
                f"{folder / name} is {numbers.shape[0]} x {numbers.shape[1]} pixels; "
                f"its image is {height} x {width}"
            )
        layer = label_maps.translated(
            numbers, labels.numbers[bits], folder / name, str(folder / TABLE)
        )
        layers.append(layer[grid])
    return label_maps.stretched(image, size, path), layers


def _mask(path: Path) -> tuple[Int[np.ndarray, "H W"], int]:
    """(numbers, bits of a pixel)."""
    encoded = label_maps.read_bytes(path)
    mask = decoding.decoded(encoded, str(path))
    if mask.format != "PNG":
        raise BadInput(f"{path} is a {mask.format} file; a mask must be a PNG")
    # From the header, because Pillow scales grey of 2 and 4 bits to 8.
    bits, kind = encoded[24], encoded[25]
    if kind != PALETTE and (kind, bits) not in ((GREY, 8), (GREY, 16)):
        raise BadInput(
            f"{path} has mode {mask.mode} in {bits} bits; a mask must be 8-bit grey, "
            "palette or 16-bit grey"
        )
    return np.asarray(mask).astype(np.int64), max(bits, 8)
