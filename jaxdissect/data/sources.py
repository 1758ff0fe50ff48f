"""Labelled images for notebooks: what each gives, and of which sizes and values."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from jaxdissect.data import (
    broden_folder,
    class_folders,
    generated,
    picture_folder,
    segmented_folder,
)
from jaxdissect.data.colours import with_colours
from jaxdissect.data.concepts import ConceptSource
from jaxdissect.data.images import ImageSet


def scenes(
    number: int = 1200, *, size: int = 112, seed: int = 0, colours: bool = False
) -> ConceptSource:
    """Generated scenes, every pixel labelled; the classes take turns.

    Args:
        number: how many, drawn when they are asked for.
        size: height and width in pixels; values are uint8, 0 to 255.
        seed: of the images.
        colours: label the colours of the pixels, too.

    Raises:
        BadInput: more than a million.

    >>> import numpy as np
    >>> images = scenes(28)
    >>> drawn = images.load(np.arange(2), size=112, stride=4)
    >>> drawn.images.shape, drawn.labels.shape[:3], images.captions[0]
    ((2, 112, 112, 3), (2, 28, 28), 'farm')
    """
    return _generated("scenes", number, size, seed, colours)


def shapes(
    number: int = 1200, *, size: int = 32, seed: int = 0, colours: bool = False
) -> ConceptSource:
    """Generated shapes of some colours, every pixel labelled; as `scenes`."""
    return _generated("shapes", number, size, seed, colours)


def broden(
    path: str | Path,
    *,
    split: Literal["all", "train", "val"] = "all",
    categories: Sequence[str] = (),
    colours: bool = False,
) -> ConceptSource:
    """The Broden data set: images with labelled pixels of six categories.

    Args:
        path: folder of the data set, such as broden1_227.
        split: part of it.
        categories: of concepts; all by default.
        colours: label the colours of the pixels anew, too.

    Raises:
        BadInput: the folder is missing, incomplete or damaged.
    """
    found = broden_folder.broden(Path(path), categories=tuple(categories), split=split)
    told = {"images": "broden", "path": Path(path), "categories": tuple(categories)}
    told |= {"split": "" if split == "all" else split}
    return _told(found, told, colours)


def segmented(
    path: str | Path, *, split: str = "", tolerance: float = 0.0, colours: bool = False
) -> ConceptSource:
    """A folder of pictures and label maps of one's own (docs/concepts.md).

    Args:
        path: of the folder.
        split: a folder in it.
        tolerance: of masks of colours: how far a pixel's may be from a listed one.
        colours: label the colours of the pixels, too.

    Raises:
        BadInput: naming the file that is missing or cannot be read.
    """
    found = segmented_folder.segmented(Path(path), split=split, tolerance=tolerance)
    told = {"images": "segmented", "path": Path(path), "split": split}
    return _told(found, told | {"tolerance": tolerance}, colours)


def class_folder(
    path: str | Path, *, split: str = "", colours: bool = False
) -> ConceptSource:
    """Pictures in a folder for each class, whose name labels the whole picture.

    Args:
        path: of the folder.
        split: a folder in it.
        colours: label the colours of the pixels, too.

    Raises:
        BadInput: naming the file that is missing or cannot be read.
    """
    found = class_folders.class_folder(Path(path), split=split)
    told = {"images": "folder", "path": Path(path), "split": split}
    return _told(found, told, colours)


def pictures(path: str | Path, *, size: int) -> ImageSet:
    """Pictures of one's own in a folder for each class, to ablate units on.

    Args:
        path: of the folder.
        size: height and width they are resized to; values are uint8, 0 to 255.

    Raises:
        BadInput: no folder, or pictures that cannot be decoded.
    """
    return picture_folder.pictures(Path(path), size)


def _generated(
    name: str, number: int, size: int, seed: int, colours: bool
) -> ConceptSource:
    found = generated.source(name, seed, number, size)
    return _told(found, {"images": name, "num_images": number, "seed": seed}, colours)


def _told(found: ConceptSource, told: dict, colours: bool) -> ConceptSource:
    found = with_colours(found) if colours else found
    return found._replace(told={**told, "colours": colours})
