"""Broden, the densely labelled images of network dissection, as it is distributed.

Reference:
    Bau et al., Network Dissection, CVPR 2017, section 2.1.
"""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np
from jaxtyping import Int, Integer

from jaxdissect.data import decoding, label_maps, listing
from jaxdissect.data.concepts import Concept, ConceptSource, distinct
from jaxdissect.data.images import fingerprint
from jaxdissect.data.listing import shown
from jaxdissect.data.mask_colours import (
    Row,
    by_number,
    is_digits,
    table,
    translation,
    whole_number,
)
from jaxdissect.errors import BadInput

SUFFIXES = {"scene": "-s", "color": "-c"}
"""What Broden appends to the names of a category, to tell them from other names."""


class Labels(NamedTuple):
    """What the numbers in label maps mean.

    Attributes:
        names: {number: name} of all labels.
        concepts: [C], those of the chosen categories.
        numbers: from `translation`.
        note: on numbers of one concept; or "".
    """

    names: Mapping[int, str]
    concepts: tuple[Concept, ...]
    numbers: Integer[np.ndarray, "V"]
    note: str = ""


class Picture(NamedTuple):
    """An image and its labels in the chosen categories.

    Attributes:
        where: file and line.
        name: file below images/.
        shape: (height, width) of its label maps.
        whole: labels of the whole image, 1 to C.
        maps: files below images/.
        caption: name of the scene or of the file.
    """

    where: str
    name: str
    shape: tuple[int, int]
    whole: tuple[int, ...]
    maps: tuple[str, ...]
    caption: str


def chosen_categories(
    contents: bytes, source: str, categories: tuple[str, ...]
) -> tuple[str, ...]:
    """The categories to use, all where none is given.

    Args:
        contents: of category.csv.
        source: its path, for messages.
        categories: given ones.

    Raises:
        BadInput: a broken table, or a category that is not in it.

    >>> chosen_categories(b"name,first\\ncolor,1\\n", "category.csv", ("colour",))
    Traceback (most recent call last):
    ...
    jaxdissect.errors.BadInput: `categories` has 'colour'; category.csv lists color
    """
    listed = [row.cells["name"] for row in table(contents, source, ["name"])]
    for category in categories:
        if category not in listed:
            raise BadInput(
                f"`categories` has {category!r}; {source} lists {', '.join(listed)}"
            )
    return tuple(dict.fromkeys(categories or listed))


def read_labels(contents: bytes, source: str, categories: tuple[str, ...]) -> Labels:
    """The concepts of some categories, and what any number means among them.

    A concept's category is the first of `categories` in its list, the one in which most
    images have it. "-s" and "-c" of scenes and colours are dropped, except from names
    that would become equal.

    Args:
        contents: of label.csv.
        source: its path, for messages.
        categories: chosen ones.

    Raises:
        BadInput: a broken table, a number that is none or is there twice.

    >>> rows = b"number,name,category\\n1,red-c,color(9)\\n2,oak,material(2);object(1)"
    >>> read_labels(rows, "label.csv", ("object", "color")).concepts[1]
    Concept(name='oak', category='object')
    """
    rows = by_number(
        table(contents, source, ("number", "name", "category")), "number", 1
    )
    concepts, meant, note = distinct(_concepts(rows, categories))
    meanings = dict.fromkeys([0, *rows], 0) | meant
    return Labels(
        names={number: row.cells["name"] for number, row in rows.items()},
        concepts=concepts,
        numbers=translation(meanings, len(concepts)),
        note=note,
    )


def read_index(
    contents: bytes,
    source: str,
    categories: tuple[str, ...],
    labels: Labels,
    split: str,
) -> list[Picture]:
    """The images of a split that have a label in some categories.

    Args:
        contents: of index.csv.
        source: its path, for messages.
        categories: chosen ones.
        labels: of these categories.
        split: a word of the column split, or "all".

    Raises:
        BadInput: a broken table, a label that is not in `labels`, no image left.

    >>> rows = b"number,name,category\\n7,red-c,color(9)\\n"
    >>> labels = read_labels(rows, "label.csv", ("color",))
    >>> index = b"image,split,sh,sw,color\\nade20k/1.jpg,train,56,56,7\\n"
    >>> read_index(index, "index.csv", ("color",), labels, "all")[0].whole
    (1,)
    """
    rows = table(contents, source, ("image", "split", "sh", "sw", *categories))
    found = [
        _picture(row, categories, labels)
        for row in rows
        if split in ("all", row.cells["split"])
    ]
    kept = [picture for picture in found if picture.whole or picture.maps]
    if not kept:
        raise BadInput(
            f"{source} has no image with a label of {', '.join(categories)} where "
            f"`split` is {split!r}"
        )
    return kept


def once(pictures: list[Picture], source: str) -> tuple[list[Picture], str]:
    """The pictures without those of which all is said again, and a note on these.

    >>> picture = Picture("index.csv line 2", "a.jpg", (4, 4), (1,), (), "a")
    >>> once([picture, picture._replace(where="index.csv line 3")], "index.csv")[1]
    'Of index.csv: 1 row says what another says, and counts once.'
    """
    first = {picture._replace(where=""): picture for picture in reversed(pictures)}
    kept = [p for p in pictures if first[p._replace(where="")] is p]
    number = len(pictures) - len(kept)
    if not number:
        return pictures, ""
    words = (
        "row says what another says, and counts"
        if number == 1
        else ("rows say what others say, and count")
    )
    return kept, f"Of {source}: {number} {words} once."


def _concepts(
    rows: Mapping[int, Row], categories: tuple[str, ...]
) -> dict[int, Concept]:
    """{number: concept}."""
    found = {}
    for number, row in rows.items():
        # Such as "material(36);object(3)", in the order of these numbers of images.
        listed = [item.partition("(")[0] for item in row.cells["category"].split(";")]
        if chosen := [category for category in listed if category in categories]:
            found[number] = Concept(row.cells["name"], chosen[0])
    short = {
        number: concept._replace(
            name=concept.name.removesuffix(SUFFIXES.get(concept.category, ""))
        )
        for number, concept in found.items()
    }
    times = Counter(short.values())
    return {k: short[k] if times[short[k]] == 1 else found[k] for k in found}


def _picture(row: Row, categories: tuple[str, ...], labels: Labels) -> Picture:
    items = [
        (category, item)
        for category in categories
        for item in row.cells[category].split(";")
        if item
    ]
    whole = [_whole(row, *pair, labels) for pair in items if is_digits(pair[1])]
    name = row.cells["image"]
    scene = row.cells.get("scene", "")
    known = labels.names.get(int(scene), "") if is_digits(scene) else ""
    return Picture(
        where=row.where,
        name=name,
        shape=(whole_number(row, "sh", 1), whole_number(row, "sw", 1)),
        whole=tuple(label for label in whole if label),
        maps=tuple(item for _, item in items if not is_digits(item)),
        caption=known.removesuffix(SUFFIXES["scene"]) or PurePosixPath(name).stem,
    )


def _whole(row: Row, category: str, item: str, labels: Labels) -> int:
    """The label of a whole image; 0, which Broden has in some cells, is none."""
    number = int(item)
    if number and number not in labels.names:
        raise BadInput(
            f"{row.where} has {category} {item}, which label.csv does not list"
        )
    return int(labels.numbers[number])


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
    chosen = chosen_categories(*category, categories)
    labels = read_labels(*label, chosen)
    pictures, repeated = once(read_index(*index, chosen, labels, split), "index.csv")
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
    return [(listing.read_bytes(path), str(path)) for path in paths]


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
    encoded = listing.read_bytes(path)
    whole = [np.full((cells, cells), label) for label in picture.whole]
    grid = np.ix_(*(label_maps.middles(length, cells) for length in picture.shape))
    layers = [_label_map(picture, name, labels, folder)[grid] for name in picture.maps]
    image = decoding.decode_stretched(encoded, size, str(path))
    return image, [*whole, *layers]


def _label_map(
    picture: Picture, name: str, labels: Labels, folder: Path
) -> Integer[np.ndarray, "H W"]:
    path = folder / "images" / name
    image = decoding.decoded(listing.read_bytes(path), str(path))
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
