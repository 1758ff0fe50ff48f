"""Segmented images of anybody's own: images/, masks/ and a table of labels."""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxdissect.data import decoding, label_maps, listing, mask_survey
from jaxdissect.data.concepts import ConceptSource, Watch
from jaxdissect.data.duplicates import listed, same_bytes
from jaxdissect.data.images import fingerprint
from jaxdissect.data.large_pictures import in_flight
from jaxdissect.data.listing import SUFFIXES, read_bytes, shown
from jaxdissect.data.masks import Labels, labels_of, read_labels, read_mask
from jaxdissect.errors import BadInput

TABLE = "labels.csv"


class _Picture(NamedTuple):
    """An image with its masks, as paths relative to the folder."""

    name: str
    image: str
    masks: tuple[str, ...]


class _Found(NamedTuple):
    """What there is in a folder.

    Attributes:
        pictures: with their masks.
        sizes: [(path, length in bytes)] of all their files.
        notes: sentences on what else there is.
    """

    pictures: list[_Picture]
    sizes: list[tuple[str, int]]
    notes: tuple[str, ...]


def segmented(
    folder: Path, *, split: str = "", tolerance: float = 0.0
) -> ConceptSource:
    """Images below images/ with a mask for each, of the same path, below masks/.

    labels.csv has the columns index (or number), name and category; a mask is a PNG
    whose pixels are such indices: 8-bit grey, palette, or 16-bit grey. Pixels of 255
    (65535 in 16 bits) and of 0 have no label unless the table lists that index. Rows
    whose names differ in case or blanks only are one concept.

    With a column colour (`#rrggbb` or `r g b`), masks are RGB or palette pictures of
    any kind, and grey ones if there is no column index; black and white have no label
    unless the table lists them, nor has any pixel that is transparent or farther than
    `tolerance` from every colour.

    Concepts that overlap with others go into masks2/, masks3/ and so on, which need
    not have a mask for each image. A stratum is the images in one folder.

    Args:
        folder: holds labels.csv, images/ and masks/.
        split: a folder in images/ and masks/ to keep to; "" is everything.
        tolerance: how far from a listed colour a pixel of it may be, as a distance in
            red, green and blue of 0 to 255.

    Returns:
        A source that reads files when they are asked for: images are stretched to a
        square, of masks the middle pixel of each cell is taken. The digest covers
        labels.csv, names and lengths of all other files, and the split; it does not
        cover the contents of images and masks. Its `survey` reads all masks and refuses
        numbers that are not listed, and a folder where nothing has a label.

    Raises:
        BadInput: a missing or broken table, naming the line; no images; an image
            without a mask; an empty file. On loading: a broken picture; a mask of
            another size than its image, or with a number that is not in the table.

    >>> segmented(Path("/nowhere"))
    Traceback (most recent call last):
    ...
    jaxdissect.errors.BadInput: `folder` is /nowhere; it must hold labels.csv, ...
    """
    if not (folder / TABLE).is_file():
        raise BadInput(
            f"`folder` is {folder}; it must hold {TABLE}, images/ and masks/"
        )
    contents = read_bytes(folder / TABLE)
    labels = read_labels(contents, str(folder / TABLE), tolerance)
    pictures, sizes, notes = _find(folder, split, labels)

    def read_one(k: int, size: int, cells: int) -> tuple[np.ndarray, list[np.ndarray]]:
        return _read(pictures[k], labels, folder, size, cells)

    def survey(indices: np.ndarray, watch: Watch) -> list[str]:
        chosen = [pictures[k] for k in indices.tolist()]
        files = [(picture.image, picture.masks) for picture in chosen]
        lengths = dict(sizes)
        images = [(picture.image, lengths[picture.image]) for picture in chosen]
        twice = same_bytes(folder, images)
        said = (
            f"{len(twice)} of {len(images)} images are there already, under another "
            f"name, and count twice: {listed(twice)}."
        )
        found = mask_survey.survey(folder, files, labels, watch)
        return [*found, *([said] if twice else [])]

    parents = [picture.name.rpartition("/")[0] for picture in pictures]
    part = f", split {split}" if split else ""
    return ConceptSource(
        load=label_maps.loader(read_one, len(pictures), len(labels.concepts)),
        captions=[shown(picture.name) for picture in pictures],
        strata=np.unique(parents, return_inverse=True)[1],
        concepts=labels.concepts,
        categories=tuple(dict.fromkeys(c.category for c in labels.concepts)),
        what=f"images in {shown(folder.resolve().name)}{part}",
        digest=fingerprint(
            ["segmented", split, sizes, *([tolerance] if tolerance else [])],
            np.frombuffer(contents, np.uint8),
        ),
        notes=(*notes, *([labels.note] if labels.note else [])),
        survey=survey,
    )


def _find(folder: Path, split: str, labels: Labels) -> _Found:
    """Images with their masks."""
    images, notes = _named(folder, Path("images", split), SUFFIXES)
    if not images:
        there = folder / "images" / split
        more = f"; {notes[0]}" if notes else ""
        raise BadInput(
            f"{there} holds no picture; allowed are {', '.join(SUFFIXES)}{more}"
        )
    endings = (".png",) if labels.colours is None else SUFFIXES
    found = [_named(folder, Path(layer, split), endings) for layer in _layers(folder)]
    layers = [named for named, _ in found]
    for layer in layers[1:]:
        for name in set(layer) - set(layers[0]):
            raise BadInput(
                f"{folder / layer[name][0]} belongs to no mask in {folder / 'masks'}"
            )
    _check_masks(folder, split, images, layers[0])
    pictures, sizes = [], []
    for name, image in images.items():
        masks = [layer[name] for layer in layers if name in layer]
        pictures.append(_Picture(name, image[0], tuple(path for path, _ in masks)))
        sizes += [image, *masks]
    for path, num_bytes in sizes:
        if not num_bytes:
            raise BadInput(f"{folder / path} is empty")
    notes += [note for _, of_layer in found for note in of_layer]
    alone = sorted(set(layers[0]) - set(images))
    if alone:
        notes.append(
            f"{len(alone)} of {len(layers[0])} masks have no picture, such as "
            f"{shown(layers[0][alone[0]][0])}."
        )
    return _Found(pictures, sizes, tuple(notes))


def _check_masks(
    folder: Path,
    split: str,
    images: dict[str, tuple[str, int]],
    masks: dict[str, tuple[str, int]],
) -> None:
    """Refuse images without masks, all at once."""
    missing = [name for name in images if name not in masks]
    if not missing:
        return
    wanted = folder / "masks" / split / f"{missing[0]}.png"
    several = len(missing) > 1
    more = f"; {len(missing)} of {len(images)} images have none" if several else ""
    raise BadInput(
        f"{folder / images[missing[0]][0]} has no mask; it must be {wanted}{more}"
    )


def _layers(folder: Path) -> list[str]:
    """masks, and what there is of masks2, masks3 and so on."""
    further = [
        path.name for path in folder.iterdir() if re.fullmatch(r"masks\d+", path.name)
    ]
    return ["masks", *sorted(further, key=lambda name: int(name[len("masks") :]))]


def _named(
    folder: Path, inside: Path, suffixes: Sequence[str]
) -> tuple[dict[str, tuple[str, int]], list[str]]:
    """({path without suffix: (path relative to the folder, length)}, sentences)."""
    found: dict[str, tuple[str, int]] = {}
    files, others = listing.listing(folder / inside, suffixes=suffixes, deep=True)
    for path, num_bytes in files.items():
        stem = os.path.splitext(path)[0]
        if stem in found:
            twin = folder / found[stem][0]
            raise BadInput(f"{folder / inside / path} has the same name as {twin}")
        found[stem] = (inside / path).as_posix(), num_bytes
    said = listing.sentence(len(files), others, shown(inside.as_posix()))
    return found, [said] if said else []


def _read(
    picture: _Picture, labels: Labels, folder: Path, size: int, cells: int
) -> tuple[np.ndarray, list[np.ndarray]]:
    path = folder / picture.image
    encoded = read_bytes(path)
    height, width = decoding.shape_of(path)
    grid = np.ix_(*(label_maps.middles(length, cells) for length in (height, width)))
    layers = []
    for name in picture.masks:
        with in_flight(height * width):
            layers.append(_mask(folder / name, labels, (height, width))[grid])
    return decoding.decode_stretched(encoded, size, str(path)), layers


def _mask(path: Path, labels: Labels, shape: tuple[int, int]) -> np.ndarray:
    mask = read_mask(path, labels)
    mask_survey.check_shape(mask.values.shape[:2], shape, path)
    return labels_of(mask, labels, path)
