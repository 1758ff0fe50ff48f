"""Picture files sorted into one folder for each class: folder/CLASS/*.jpg."""

import difflib
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from jaxdissect.data import decoding, listing
from jaxdissect.data.duplicates import listed, same_bytes
from jaxdissect.data.images import ImageSet, fingerprint, on_demand
from jaxdissect.data.listing import read_bytes, shown
from jaxdissect.data.picture_files import (
    File,
    class_files,
    class_names,
    passed_over,
    without,
)
from jaxdissect.errors import BadInput

PREFIX = re.compile(r"/\w/|n\d{8}")
"""What Places and ImageNet put before the names of classes."""


def _exact(name: str) -> set[str]:
    return {name}


def _plain(name: str) -> set[str]:
    return {_words(name)} - {""}


def _bare(name: str) -> set[str]:
    prefix = PREFIX.match(name)
    rest = PREFIX.sub("", name, count=1) if prefix else name
    number = prefix.group() if prefix and prefix.group()[0] == "n" else ""
    return {_words(rest), number} - {""}


def _parts(name: str) -> set[str]:
    rest = PREFIX.sub("", name, count=1) if PREFIX.match(name) else name
    return {_words(rest.rpartition("/")[2]), *map(_words, rest.split(","))} - {""}


def _words(name: str) -> str:
    return " ".join(re.findall(r"\w+", name.casefold().replace("_", " ")))


Read = Callable[[str], set[str]]
READINGS: tuple[Read, ...] = (_exact, _plain, _bare, _parts)
"""What a name may say, from the strictest to the most lenient reading."""


def match_classes(names: Sequence[str], classes: Sequence[str]) -> tuple[int, ...]:
    """Which class each name means, by the first of these ways that finds any.

    The very name. The name but for case and for what stands between words. The same
    without a leading "/s/" or "n01440764", or such a number alone. The last part of a
    path, or one of several names between commas.

    Args:
        names: of folders, all different.
        classes: names of the network's classes.

    Raises:
        BadInput: a name that means no class or several, or two that mean one.

    >>> match_classes(["Street", "tench"], ["n01440764 tench", "/s/street"])
    (1, 0)
    """
    readings = [(read, [read(c) for c in classes]) for read in READINGS]
    found = tuple(_match(name, classes, readings) for name in names)
    for k in set(found):
        same = [name for name, number in zip(names, found, strict=True) if number == k]
        if len(same) > 1:
            raise BadInput(
                f"the folders {same[0]!r} and {same[1]!r} both mean the class "
                f"{classes[k]!r}; put their pictures into one"
            )
    return found


def _match(name: str, classes: Sequence[str], readings: list[tuple[Read, list]]) -> int:
    for read, known in readings:
        wanted = read(name)
        found = [k for k, one in enumerate(known) if wanted & one]
        if len(found) == 1:
            return found[0]
        if found:
            meant = ", ".join(repr(classes[k]) for k in found[:3])
            raise BadInput(
                f"the folder {name!r} could mean {meant}; give it the name of one class"
            )
    words = {
        w: c
        for _, known in readings
        for c, one in zip(classes, known, strict=True)
        for w in one
    }
    close = difflib.get_close_matches(_words(name), words, n=3, cutoff=0.5)
    nearest = ", ".join(dict.fromkeys(repr(words[one]) for one in close))
    raise BadInput(
        f"the folder {name!r} is none of the network's {len(classes)} classes; the "
        f"nearest: {nearest or 'none is alike'}"
    )


def image_folder(folder: Path, size: int, *, left_out: Sequence[str] = ()) -> ImageSet:
    """The pictures in folder/CLASS/, decoded whenever they are read.

    Classes and, within a class, files are in the order of their names. What begins with
    a dot is passed over. Each picture is turned upright by its EXIF orientation and
    fitted as by `decoding.fit_square`.

    Args:
        folder: holds one folder for each class.
        size: height and width of what is read, in pixels.
        left_out: CLASS/FILE of pictures that are passed over, such as broken ones.

    Returns:
        An image set whose fingerprint covers names, lengths in bytes and classes of the
        files that are not left out, and `size`; it does not cover their contents.

    Raises:
        BadInput: no folder, no class in it, a class without pictures, nothing of the
            name left out; on reading, a file that cannot be decoded.

    >>> import tempfile
    >>> from PIL import Image
    >>> folder = Path(tempfile.mkdtemp())
    >>> for name in ("cat", "dog"):
    ...     (folder / name).mkdir()
    ...     Image.new("RGB", (30, 20), "red").save(folder / name / "0.png")
    >>> images = image_folder(folder, 16)
    >>> pixels, labels = images.read(np.array([1]))
    >>> images.classes, pixels.shape, labels.tolist()
    (('cat', 'dog'), (1, 16, 16, 3), [1])
    """
    classes = class_names(folder)
    files = without(class_files(folder, classes), left_out)
    present = {label for *_, label in files}
    for label, name in enumerate(classes):
        if label not in present:
            raise BadInput(f"of {folder / name} all pictures are left out")
    return on_disk(folder, files, tuple(map(shown, classes)), size)


def on_disk(
    folder: Path, files: Sequence[File], classes: tuple[str, ...], size: int
) -> ImageSet:
    """Pictures that are decoded whenever they are read.

    Args:
        folder: that they are in.
        files: in the order of their numbers.
        classes: names.
        size: height and width of what is read, in pixels.

    >>> on_disk(Path("/nowhere"), [("a.png", 9, 0)], ("cat",), 8).num_images
    1
    """

    def read_one(number: int) -> tuple[UInt8[np.ndarray, "H W 3"], int]:
        name, _, label = files[number]
        encoded = read_bytes(folder / name)
        return decoding.decode_square(encoded, size, str(folder / name)), label

    sha = fingerprint([classes, files, size])
    return on_demand(
        read_one,
        num_images=len(files),
        classes=classes,
        size=size,
        fingerprint=sha,
        labels=np.array([label for _, _, label in files], np.int32),
    )


def train_and_test(
    folder: Path, size: int, *, left_out: Sequence[str] = ()
) -> tuple[ImageSet, ImageSet]:
    """The pictures in folder/train/CLASS/ and in folder/test/CLASS/.

    Args:
        folder: holds `train`, and `test` or, where there is none, `val`.
        size: height and width of what is read, in pixels.
        left_out: paths relative to `folder` of pictures that are passed over.

    Raises:
        BadInput: as `image_folder`, or the two have different classes.

    >>> train_and_test(Path("/nowhere"), 16)
    Traceback (most recent call last):
    ...
    jaxdissect.errors.BadInput: `folder` is /nowhere; it must hold train/ and test/ ...
    """
    held_out = _held_out(folder)
    train, test = (
        image_folder(folder / part, size, left_out=_below(part, left_out))
        for part in ("train", held_out)
    )
    if train.classes != test.classes:
        only = [
            f"only {name} has {', '.join(sorted(extra))}"
            for name, extra in (
                ("train", set(train.classes) - set(test.classes)),
                (held_out, set(test.classes) - set(train.classes)),
            )
            if extra
        ]
        raise BadInput(
            f"`folder` is {folder}; train and {held_out} must have the same classes, "
            f"but {' and '.join(only)}"
        )
    return train, test


def train_and_test_names(folder: Path) -> list[str]:
    """Paths relative to the folder of all pictures that `train_and_test` takes.

    >>> train_and_test_names(Path("/nowhere"))
    Traceback (most recent call last):
    ...
    jaxdissect.errors.BadInput: `folder` is /nowhere; it must hold train/ and test/ ...
    """
    return [
        f"{part}/{name}"
        for part in ("train", _held_out(folder))
        for name, *_ in class_files(folder / part, class_names(folder / part))
    ]


def train_and_test_notes(folder: Path) -> list[str]:
    """Sentences on files that `train_and_test` does not take, and on pictures it takes
    both to train and to test on.

    >>> train_and_test_notes(Path("/nowhere"))
    Traceback (most recent call last):
    ...
    jaxdissect.errors.BadInput: `folder` is /nowhere; it must hold train/ and test/ ...
    """
    held_out = _held_out(folder)
    notes = [passed_over(folder / part) for part in ("train", held_out)]
    files, num_tested = [], 0
    for part in ("train", held_out):
        found = class_files(folder / part, class_names(folder / part))
        files += [(f"{part}/{name}", length) for name, length, _ in found]
        num_tested = len(found)
    across = [
        (one, other)
        for one, other in same_bytes(folder, files)
        if one.partition("/")[0] != other.partition("/")[0]
    ]
    if across:
        notes.append(
            f"{len(across)} of {num_tested} pictures to test on are also trained on, "
            f"byte by byte: {listed(across)}."
        )
    return [note for note in notes if note]


def _held_out(folder: Path) -> str:
    held_out = "test" if (folder / "test").is_dir() else "val"
    if not (folder / "train").is_dir() or not (folder / held_out).is_dir():
        raise BadInput(f"`folder` is {folder}; it must hold train/ and test/ or val/")
    if listing.same_folder(folder / "train", folder / held_out):
        raise BadInput(
            f"`folder` is {folder}; train and {held_out} in it are the same folder, by "
            "a link"
        )
    return held_out


def _below(part: str, names: Sequence[str]) -> list[str]:
    start = f"{part}/"
    return [name.removeprefix(start) for name in names if name.startswith(start)]
