"""What the tables of Broden say about labels and images."""

from collections import Counter
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import NamedTuple

import numpy as np
from jaxtyping import Integer

from jaxdissect.data.concepts import Concept, distinct
from jaxdissect.data.label_tables import (
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
