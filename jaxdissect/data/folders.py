"""Picture files sorted into one folder for each class: folder/CLASS/*.jpg."""

import os
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from jaxdissect.base import BadInput
from jaxdissect.data import decoding
from jaxdissect.data.images import ImageSet, fingerprint, on_demand

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff")
"""Files with other endings are passed over; case does not matter."""


def image_folder(folder: Path, size: int) -> ImageSet:
    """The pictures in folder/CLASS/, decoded whenever they are read.

    Classes and, within a class, files are in the order of their names. What begins with
    a dot is passed over. Each picture is turned upright by its EXIF orientation and
    fitted as by `decoding.fit_square`.

    Args:
        folder: holds one folder for each class.
        size: height and width of what is read, in pixels.

    Returns:
        An image set whose fingerprint covers names, lengths in bytes and classes of the
        files, and `size`; it does not cover their contents.

    Raises:
        BadInput: no folder, no class in it, a class without pictures; on reading, a
            file that cannot be decoded.

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
    classes = _class_names(folder)
    files = [
        (f"{name}/{file}", num_bytes, label)
        for label, name in enumerate(classes)
        for file, num_bytes in _pictures(folder / name)
    ]

    def read_one(number: int) -> tuple[UInt8[np.ndarray, "H W 3"], int]:
        name, _, label = files[number]
        path = folder / name
        try:
            encoded = path.read_bytes()
        except OSError as error:
            raise BadInput(f"{path} cannot be read: {error.strerror}") from error
        return decoding.decode_square(encoded, size, str(path)), label

    sha = fingerprint([classes, files, size])
    return on_demand(
        read_one,
        num_images=len(files),
        classes=classes,
        size=size,
        fingerprint=sha,
    )


def train_and_test(folder: Path, size: int) -> tuple[ImageSet, ImageSet]:
    """The pictures in folder/train/CLASS/ and in folder/test/CLASS/.

    Args:
        folder: holds `train`, and `test` or, where there is none, `val`.
        size: height and width of what is read, in pixels.

    Raises:
        BadInput: as `image_folder`, or the two have different classes.

    >>> train_and_test(Path("/nowhere"), 16)
    Traceback (most recent call last):
    ...
    jaxdissect.base.BadInput: `folder` is /nowhere; it must hold train/ and test/ or ...
    """
    held_out = "test" if (folder / "test").is_dir() else "val"
    if not (folder / "train").is_dir() or not (folder / held_out).is_dir():
        raise BadInput(f"`folder` is {folder}; it must hold train/ and test/ or val/")
    train = image_folder(folder / "train", size)
    test = image_folder(folder / held_out, size)
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


def _class_names(folder: Path) -> tuple[str, ...]:
    if not folder.is_dir():
        raise BadInput(f"`folder` is {folder}; there is no such folder")
    with os.scandir(folder) as entries:
        names = sorted(e.name for e in entries if e.is_dir() and e.name[0] != ".")
    if not names:
        raise BadInput(f"`folder` is {folder}; it must hold a folder for each class")
    return tuple(names)


def _pictures(folder: Path) -> list[tuple[str, int]]:
    """[(file name, length in bytes)], sorted."""
    with os.scandir(folder) as entries:
        found = sorted(
            (entry.name, entry.stat().st_size)
            for entry in entries
            if entry.name.lower().endswith(SUFFIXES)
            and entry.name[0] != "."
            and entry.is_file()
        )
    if not found:
        raise BadInput(f"{folder} holds no picture; allowed are {', '.join(SUFFIXES)}")
    return found
