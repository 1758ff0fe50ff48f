"""Which labels the masks of a folder have, found before any network looks at it."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from jaxdissect.data import decoding
from jaxdissect.data.concepts import Watch
from jaxdissect.data.large_pictures import in_flight
from jaxdissect.data.mask_colours import SOFT
from jaxdissect.data.masks import Labels, counted, read_mask
from jaxdissect.errors import BadInput

SHOWN = 8
"""Numbers and names that are listed in a sentence."""

MOST_SOFT = 0.1
"""Share of pixels whose colours may be no listed one's."""

AHEAD = 1000
"""Masks that wait for their reading at a time."""


Value = tuple[int, int]
"""(bits of a number, number) or (0, label of a colour or `SOFT`)."""


class Counts(NamedTuple):
    """What masks hold.

    Attributes:
        pixels: {value: pixels}.
        masks: {value: masks with any}.
        num_masks: all.
    """

    pixels: Counter[Value]
    masks: Counter[Value]
    num_masks: int

    def said(self, values: Iterable[Value]) -> str:
        """Values with their pixels, the most frequent first."""
        most = sorted(values, key=lambda value: -self.pixels[value])
        parts = [
            f"{value[1]} ({self.pixels[value]} pixels in {self.masks[value]} of "
            f"{self.num_masks} masks)"
            for value in most
        ]
        return _few(parts)


def survey(
    folder: Path,
    files: Sequence[tuple[str, Sequence[str]]],
    labels: Labels,
    watch: Watch = lambda items, total: items,
) -> list[str]:
    """Read all masks of some images; say what is amiss with their labels.

    Args:
        folder: that all is in.
        files: (image, its masks), relative to the folder.
        labels: what the masks mean.
        watch: goes through an iterable of a known length.

    Returns:
        Sentences: pixels of no listed colour, labels that never occur.

    Raises:
        BadInput: numbers that are not listed; no pixel with a label; more than
            `MOST_SOFT` of the pixels of no listed colour; a mask that is broken, or of
            another size than its image.

    >>> from jaxdissect.data.masks import read_labels
    >>> labels = read_labels(b"index,name,category\\n1,car,object", "labels.csv")
    >>> survey(Path("/nowhere"), [("a.png", ["m.png"])], labels)
    Traceback (most recent call last):
    ...
    jaxdissect.errors.BadInput: /nowhere/a.png cannot be read: No such file or directory
    """
    counts = Counts(Counter(), Counter(), sum(len(masks) for _, masks in files))
    for found in watch(_all_counts(folder, files, labels), len(files)):
        for of_mask in found:
            counts.pixels.update(of_mask)
            counts.masks.update(dict.fromkeys(of_mask, 1))
    _check_listed(counts, labels)
    soft = _soft(counts, labels)
    occurring = {_label(value, labels) for value in counts.pixels} - {0}
    if not occurring:
        raise BadInput(_nothing(counts, labels, folder))
    return [*soft, *_missing(counts, occurring, labels)]


def check_shape(mask: Sequence[int], image: Sequence[int], path: Path) -> None:
    """Refuse a mask of another size than its image.

    Args:
        mask: height and width.
        image: the same.
        path: of the mask, for the message.

    Raises:
        BadInput: they differ.

    >>> check_shape((6, 9), (9, 6), Path("a.png"))
    Traceback (most recent call last):
    ...
    jaxdissect.errors.BadInput: a.png is 6 x 9 pixels; its image is 9 x 6, lying ...
    """
    if tuple(mask) == tuple(image):
        return
    lying = ", lying on its side" if tuple(mask) == tuple(image)[::-1] else ""
    raise BadInput(
        f"{path} is {mask[0]} x {mask[1]} pixels; its image is {image[0]} x "
        f"{image[1]}{lying}"
    )


def _all_counts(
    folder: Path, files: Sequence[tuple[str, Sequence[str]]], labels: Labels
) -> Iterator[list[dict[Value, int]]]:
    def of_image(names: tuple[str, Sequence[str]]) -> list[dict[Value, int]]:
        image, masks = names
        height, width = decoding.shape_of(folder / image)
        counts = []
        for name in masks:
            with in_flight(height * width):
                counts.append(of_mask(folder / name, (height, width)))
        return counts

    def of_mask(path: Path, shape: tuple[int, int]) -> dict[Value, int]:
        mask = read_mask(path, labels)
        check_shape(mask.values.shape[:2], shape, path)
        found = counted(mask, labels).items()
        return {(mask.bits, number): k for number, k in found}

    with ThreadPoolExecutor() as pool:
        for start in range(0, len(files), AHEAD):
            yield from pool.map(of_image, files[start : start + AHEAD])


def _label(value: Value, labels: Labels) -> int:
    """What a value means; 0 for nothing."""
    bits, number = value
    return labels.meant.get(number, 0) if bits else max(number, 0)


def _is_listed(value: Value, labels: Labels) -> bool:
    bits, number = value
    return not bits or number in labels.meant or number in (0, 2**bits - 1)


def _check_listed(counts: Counts, labels: Labels) -> None:
    unknown = [value for value in counts.pixels if not _is_listed(value, labels)]
    if unknown:
        number = "number" if len(unknown) == 1 else "numbers"
        raise BadInput(
            f"masks have {len(unknown)} {number} that {labels.source} does not list, "
            f"{counts.said(unknown)}; it lists {_listed(labels)}"
            f"{_shifted(counts, labels)}"
        )


def _nothing(counts: Counts, labels: Labels, folder: Path) -> str:
    if not labels.numbers:
        found = sum(counts.pixels.values())
        soft = counts.pixels[0, SOFT]
        return (
            f"no pixel of the {counts.num_masks} masks in {folder} has a colour that "
            f"{labels.source} lists: of {found} pixels {soft} have another and "
            f"{found - soft} are black, white or transparent"
        )
    return (
        f"no pixel of the {counts.num_masks} masks in {folder} has a label: they have "
        f"{counts.said(counts.pixels)}, and {labels.source} lists {_listed(labels)}; 0 "
        "and 255 (65535 in 16 bits) are no label unless it lists them"
        f"{_shifted(counts, labels)}"
    )


def _shifted(counts: Counts, labels: Labels) -> str:
    """Whether all numbers would be listed if the table counted from elsewhere."""
    found = {n for bits, n in counts.pixels if bits and n not in (255, 65535)}
    positive = found - {0}
    if positive and {number + 1 for number in found} <= labels.meant.keys():
        return "; all in the masks would be listed if its numbers were one less"
    if positive and {number - 1 for number in positive} <= labels.meant.keys():
        return "; all in the masks would be listed if its numbers were one more"
    return ""


def _soft(counts: Counts, labels: Labels) -> list[str]:
    """What pixels of no listed colour come to.

    Raises:
        BadInput: too many of them.
    """
    coloured = sum(k for (bits, _), k in counts.pixels.items() if not bits)
    soft = counts.pixels[0, SOFT]
    if not soft:
        return []
    assert labels.colours is not None
    near = f"farther than {labels.colours.tolerance:g} from every colour of"
    said = f"{soft} of {coloured} pixels of masks ({soft / coloured:.1%}) are {near} "
    if soft > MOST_SOFT * coloured:
        raise BadInput(
            f"{said}{labels.source}; list their colours or raise `tolerance`, so that "
            f"at most {MOST_SOFT:.0%} are"
        )
    return [f"{said}{Path(labels.source).name}, and have no label."]


def _missing(counts: Counts, occurring: set[int], labels: Labels) -> list[str]:
    """How much is labelled, and which labels never occur."""
    total = sum(counts.pixels.values())
    none = sum(k for value, k in counts.pixels.items() if not _label(value, labels))
    share = 1 - none / total
    said = [f"Of the pixels of {counts.num_masks} masks {share:.1%} have a label."]
    numbers = range(1, len(labels.concepts) + 1)
    never = [labels.concepts[n - 1] for n in numbers if n not in occurring]
    if never:
        # A 0 that is no label to the table may be one to whoever made the masks.
        zeros = 0 not in labels.meant and any(n == 0 for b, n in counts.pixels if b)
        hint = _shifted(counts, labels) if zeros else ""
        names = [f"{concept.category}/{concept.name}" for concept in never]
        said.append(
            f"{len(never)} of {len(labels.concepts)} concepts occur in no mask: "
            f"{_few(names)}{hint}."
        )
    return said


def _listed(labels: Labels) -> str:
    return _few([str(number) for number in labels.meant])


def _few(parts: Sequence[str]) -> str:
    more = [f"{len(parts) - SHOWN} more"] if len(parts) > SHOWN else []
    return ", ".join([*parts[:SHOWN], *more])
