"""CIFAR-10 and CIFAR-100 from the official files, in their binary or Python form.

Reference:
    Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009;
    https://www.cs.toronto.edu/~kriz/cifar.html
"""

import pickle
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Integer, UInt8

from jaxdissect.data.images import ImageSet, check_targets, in_memory
from jaxdissect.errors import BadInput

SIZE = 32


def cifar(
    folder: Path, name: Literal["cifar10", "cifar100"]
) -> tuple[ImageSet, ImageSet]:
    """Training and test images, in the official order, with the fine labels.

    Args:
        folder: the unpacked folder of the binary or of the Python form, or the folder
            it lies in. The binary form is preferred; both hold the same.
        name: which of the two.

    Returns:
        (train, test), in memory.

    Raises:
        BadInput: missing files, or broken ones.

    >>> cifar(Path("/nowhere"), "cifar10")
    Traceback (most recent call last):
    ...
    jaxdissect.errors.BadInput: `folder` is /nowhere; ...
    """
    layout, root = _find(folder, _LAYOUTS[name])
    classes = layout.read_names(root / layout.names)
    train, test = (
        in_memory(*_concatenated(layout, root, files, len(classes)), classes)
        for files in (layout.train, layout.test)
    )
    return train, test


def is_official(folder: Path, name: Literal["cifar10", "cifar100"]) -> bool:
    """Whether official files are where `cifar` looks, if only some of them.

    >>> is_official(Path("/nowhere"), "cifar10")
    False
    """
    return any(
        (root / file).is_file()
        for layout in _LAYOUTS[name]
        for root in layout.places(folder)
        for file in layout.files
    )


def unpack_records(
    contents: UInt8[np.ndarray, "_"], num_labels: int, source: str
) -> tuple[UInt8[np.ndarray, "N H W 3"], UInt8[np.ndarray, "N L"]]:
    """Images and labels from the bytes of a file of the binary form.

    A record is L labels of a byte each, then 1024 bytes of red, of green and of blue,
    row by row. CIFAR-10 has one label, CIFAR-100 the coarse one, then the fine one.

    Args:
        contents: the file's bytes.
        num_labels: L.
        source: the file, for the message.

    Raises:
        BadInput: not a whole number of records.

    >>> images, labels = unpack_records(np.arange(3074).astype(np.uint8), 2, "a.bin")
    >>> images[0, 0, 0].tolist(), labels.tolist()
    ([2, 2, 2], [[0, 1]])
    """
    length = num_labels + 3 * SIZE * SIZE
    if not len(contents) or len(contents) % length:
        raise BadInput(
            f"{source} has {len(contents)} bytes; it must have a multiple of {length}"
        )
    records = contents.reshape(-1, length)
    return _channels_last(records[:, num_labels:]), records[:, :num_labels]


class _Layout(NamedTuple):
    """How a form of a data set is laid out in files."""

    folder: str
    train: tuple[str, ...]
    test: tuple[str, ...]
    names: str
    read_names: Callable[[Path], tuple[str, ...]]
    read: Callable[[Path], tuple[np.ndarray, np.ndarray]]

    @property
    def files(self) -> tuple[str, ...]:
        return (*self.train, *self.test, self.names)

    def places(self, folder: Path) -> tuple[Path, Path]:
        return folder / self.folder, folder


def _find(folder: Path, layouts: tuple[_Layout, ...]) -> tuple[_Layout, Path]:
    """The first layout whose files are all there, and where they are."""
    for layout in layouts:
        for root in layout.places(folder):
            if all((root / file).is_file() for file in layout.files):
                return layout, root
    wanted = " or ".join(
        f"{layout.folder}/ with {', '.join(layout.files)}" for layout in layouts
    )
    raise BadInput(f"`folder` is {folder}; it must be or hold {wanted}")


def _concatenated(
    layout: _Layout, root: Path, files: tuple[str, ...], num_classes: int
) -> tuple[UInt8[np.ndarray, "N H W 3"], Integer[np.ndarray, "N"]]:
    parts = [layout.read(root / file) for file in files]
    for file, (_, labels) in zip(files, parts, strict=True):
        check_targets(labels, num_classes, str(root / file))
    images, targets = zip(*parts, strict=True)
    return np.concatenate(images), np.concatenate(targets)


def _channels_last(planes: UInt8[np.ndarray, "N P"]) -> UInt8[np.ndarray, "N H W 3"]:
    planes = planes.reshape(-1, 3, SIZE, SIZE)
    return np.ascontiguousarray(planes.transpose(0, 2, 3, 1))


def _binary(path: Path, num_labels: int) -> tuple[np.ndarray, np.ndarray]:
    contents = np.fromfile(path, np.uint8)
    images, labels = unpack_records(contents, num_labels, str(path))
    return images, labels[:, -1]


def _lines(path: Path) -> tuple[str, ...]:
    return tuple(line for line in path.read_text(encoding="utf-8").splitlines() if line)


def _pickled(path: Path, key: bytes) -> tuple[np.ndarray, np.ndarray]:
    planes, labels = map(np.asarray, _unpickled(path, b"data", key))
    if (
        planes.dtype != np.uint8
        or labels.dtype.kind != "i"
        or labels.ndim != 1
        or planes.shape != (len(labels), 3 * SIZE * SIZE)
    ):
        raise BadInput(
            f"{path} has data {planes.dtype} {list(planes.shape)} and labels "
            f"{labels.dtype} {list(labels.shape)}; they must be uint8 "
            f"[N, {3 * SIZE * SIZE}] and int [N]"
        )
    return _channels_last(planes), labels


def _pickled_names(path: Path, key: bytes) -> tuple[str, ...]:
    (names,) = _unpickled(path, key)
    return tuple(name.decode() for name in names)


def _unpickled(path: Path, *keys: bytes) -> list[Any]:
    with path.open("rb") as file:
        try:
            contents = _Unpickler(file, encoding="bytes").load()
            return [contents[key] for key in keys]
        except Exception as error:
            # The documentation of `pickle` sets no limit to what broken data raises.
            raise BadInput(f"{path} is no file of CIFAR's: {error}") from error


class _Unpickler(pickle.Unpickler):
    """Makes arrays of bytes and nothing else; a pickle can ask for any function."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return _ALLOWED[module, name]


def _dtype(code: Any, align: int, copy: int) -> np.dtype:
    # NumPy 2.4.0 warns of integers in place of booleans, which files of 2009 have.
    return np.dtype(code, align=bool(align), copy=bool(copy))


_ALLOWED = {
    # NumPy's own name of this function differs between its versions.
    ("numpy.core.multiarray", "_reconstruct"): np.empty(0).__reduce__()[0],
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): _dtype,
}
_BATCHES = tuple(f"data_batch_{k}" for k in range(1, 6))
_LAYOUTS = {
    "cifar10": (
        _Layout(
            "cifar-10-batches-bin",
            tuple(f"{batch}.bin" for batch in _BATCHES),
            ("test_batch.bin",),
            "batches.meta.txt",
            _lines,
            partial(_binary, num_labels=1),
        ),
        _Layout(
            "cifar-10-batches-py",
            _BATCHES,
            ("test_batch",),
            "batches.meta",
            partial(_pickled_names, key=b"label_names"),
            partial(_pickled, key=b"labels"),
        ),
    ),
    "cifar100": (
        _Layout(
            "cifar-100-binary",
            ("train.bin",),
            ("test.bin",),
            "fine_label_names.txt",
            _lines,
            partial(_binary, num_labels=2),
        ),
        _Layout(
            "cifar-100-python",
            ("train",),
            ("test",),
            "meta",
            partial(_pickled_names, key=b"fine_label_names"),
            partial(_pickled, key=b"fine_labels"),
        ),
    ),
}
