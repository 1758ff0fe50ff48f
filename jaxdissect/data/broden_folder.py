"""Broden, the densely labelled images of network dissection, as it is distributed.

Reference:
    Bau et al., Network Dissection, CVPR 2017, section 2.1.
"""

from pathlib import Path

import numpy as np
from jaxtyping import Int, Integer

from jaxdissect.data import broden_tables, decoding, files, label_maps
from jaxdissect.data.broden_tables import Labels, Picture
from jaxdissect.data.concepts import ConceptSource
from jaxdissect.data.images import fingerprint
from jaxdissect.data.names import shown
from jaxdissect.errors import BadInput

SPLITS = ("all", "train", "val")
TABLES = ("category.csv", "label.csv", "index.csv")
"""What is read; the tables c_*.csv only repeat parts of label.csv."""


def broden(
    folder: Path, *, categories: tuple[str, ...] = (), split: str = "all"
) -> ConceptSource:
    """The images of broden1_224, broden1_227 or broden1_384 with all their labels.

    A concept belongs to the first of the chosen categories that label.csv names for
    it, the one in which most images have it. Images without a label in the chosen
    categories are left out. A stratum is the images from one data set.

    Args:
        folder: the unpacked archive; holds index.csv.
        categories: which to use, in the order to show them; none means all those of
            category.csv.
        split: "train" and "val" are Broden's own 70 and 30 percent.

    Returns:
        A source that reads files when they are asked for: images are stretched to a
        square, of label maps the middle pixel of each cell is taken. The digest covers
        the tables, names and lengths of all other files, categories and split; it does
        not cover the contents of images and label maps.

    Raises:
        BadInput: a missing or broken table, naming the line; a file that is named there
            and missing or empty; an unknown category or split; no images. On loading: a
            broken picture; a label map of another size than index.csv says, or with a
            label that label.csv lacks.

    >>> broden(Path("/nowhere"))
    Traceback (most recent call last):
    ...
    jaxdissect.errors.BadInput: `folder` is /nowhere, which has no index.csv; ...
    """
    if split not in SPLITS:
        raise BadInput(f"`split` is {split!r}; it must be one of {', '.join(SPLITS)}")
    category, label, index = _read_tables(folder)
    chosen = broden_tables.chosen_categories(*category, categories)
    labels = broden_tables.read_labels(*label, chosen)
    pictures, repeated = broden_tables.once(
        broden_tables.read_index(*index, chosen, labels, split), "index.csv"
    )
    numbers = f"Of label.csv: {labels.note}" if labels.note else ""
    sizes = _check_files(pictures, folder / "images")
    tables = [np.frombuffer(table, np.uint8) for table, _ in (category, label, index)]
    part = "" if split == "all" else f", split {split}"

    def read_one(k: int, size: int, cells: int) -> tuple[np.ndarray, list[np.ndarray]]:
        return _read(pictures[k], labels, folder, size, cells)

    return ConceptSource(
        load=label_maps.loader(read_one, len(pictures), len(labels.concepts)),
        captions=[picture.caption for picture in pictures],
        strata=_strata(pictures),
        concepts=labels.concepts,
        categories=chosen,
        what=f"images of {shown(folder.resolve().name)}{part}",
        digest=fingerprint(["broden", chosen, split, sizes], *tables),
        notes=tuple(filter(None, (numbers, repeated))),
    )


def _read_tables(folder: Path) -> list[tuple[bytes, str]]:
    """[(contents, path)]."""
    if not (folder / "index.csv").is_file():
        raise BadInput(
            f"`folder` is {folder}, which has no index.csv; download broden1_224.zip "
            "(or broden1_227.zip, broden1_384.zip) of MIT CSAIL's Network Dissection "
            f"project and unpack it so that {folder / 'index.csv'} exists"
        )
    paths = [folder / name for name in TABLES]
    return [(files.read_bytes(path), str(path)) for path in paths]


def _check_files(pictures: list[Picture], folder: Path) -> list[tuple[str, int]]:
    """[(name, length in bytes)] of all images and label maps."""
    there = label_maps.files_below(folder)
    sizes = []
    for picture in pictures:
        for name in (picture.name, *picture.maps):
            if name not in there and (folder / name).is_file():
                # In a folder that links lead to twice.
                there[name] = (folder / name).stat().st_size
            if not there.get(name):
                fault = "is empty" if name in there else "is not there"
                raise BadInput(f"{picture.where} names {folder / name}, which {fault}")
            sizes.append((name, there[name]))
    return sizes


def _strata(pictures: list[Picture]) -> Int[np.ndarray, "N"]:
    # The first folder is the data set that an image comes from.
    origins = [picture.name.rpartition("/")[0].split("/")[0] for picture in pictures]
    return np.unique(origins, return_inverse=True)[1]


def _read(
    picture: Picture, labels: Labels, folder: Path, size: int, cells: int
) -> tuple[np.ndarray, list[np.ndarray]]:
    path = folder / "images" / picture.name
    encoded = files.read_bytes(path)
    whole = [np.full((cells, cells), label) for label in picture.whole]
    grid = np.ix_(*(label_maps.middles(length, cells) for length in picture.shape))
    layers = [_label_map(picture, name, labels, folder)[grid] for name in picture.maps]
    image = decoding.decode_stretched(encoded, size, str(path))
    return image, [*whole, *layers]


def _label_map(
    picture: Picture, name: str, labels: Labels, folder: Path
) -> Integer[np.ndarray, "H W"]:
    path = folder / "images" / name
    image = decoding.decoded(files.read_bytes(path), str(path))
    if image.mode != "RGB":
        raise BadInput(f"{path} has mode {image.mode}; label maps of Broden are RGB")
    height, width = picture.shape
    if image.size != (width, height):
        raise BadInput(
            f"{path} is {image.height} x {image.width} pixels; {picture.where} has "
            f"sh x sw {height} x {width}"
        )
    # Widened first, or 256 times green would leave a byte. A blue channel that is not
    # zero makes other pictures show as labels that are not listed.
    numbers = np.asarray(image).astype(np.int64) @ [1, 256, 256**2]
    return label_maps.translated(numbers, labels.numbers, path, f"{folder}/label.csv")
