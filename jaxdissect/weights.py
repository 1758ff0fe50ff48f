"""Trained parameters as one safetensors file, with where they come from.

The file's metadata carries a SHA-256 of the parameters, and one of what is said about
them, checked on loading: neither safetensors nor Orbax notices flipped bits. The first
one names the weights everywhere, so it is of the parameters alone; files that were
written before there was a second one lack it.
"""

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from jaxdissect.base import Params
from jaxdissect.errors import BadInput

HEADER = ("provenance", "sha256", "provenance_sha256", "format")
"""Metadata there may be; `format` is what other programs add."""

NUMBERS = (
    "F16",
    "F32",
    "F64",
    "BOOL",
    *(f"{s}{n}" for s in "IU" for n in (8, 16, 32, 64)),
)
"""Types of arrays that numpy has, too."""

LARGEST = 2**40
"""Numbers in an array, at most."""

DEPTH = 16
"""Names of arrays have fewer slashes."""


class Header(NamedTuple):
    """What a file says before any array of it is read.

    Attributes:
        metadata: whatever was saved with the parameters.
        shapes: {name: shape}, names as of `flattened`.
        digest: SHA-256 the parameters should have.
    """

    metadata: Mapping[str, Any]
    shapes: Mapping[str, tuple[int, ...]]
    digest: str


class Weights(NamedTuple):
    """Parameters and their provenance.

    Attributes:
        params: {stage name: Flax variables}.
        metadata: whatever was saved with them: config, seed, versions, accuracy.
        digest: SHA-256 of the parameters' names, shapes, types and bytes.
    """

    params: Params
    metadata: Mapping[str, Any]
    digest: str


def digest(tree: Any) -> str:
    """SHA-256 over the names, shapes, types and bytes of a pytree's arrays.

    >>> digest({"a": np.zeros(2)}) == digest({"a": np.zeros(2)})
    True
    >>> digest({"a": np.zeros(2)}) == digest({"a": np.zeros((2, 1))})
    False
    """
    sha = hashlib.sha256()
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        array = np.ascontiguousarray(leaf)
        name = jax.tree_util.keystr(path)
        sha.update(f"{name} {np.shape(leaf)} {array.dtype}\n".encode())
        sha.update(array.reshape(-1).view(np.uint8).data)
    return sha.hexdigest()


def save(path: Path, params: Params, metadata: Mapping[str, Any]) -> None:
    """Write parameters and their provenance to a safetensors file, atomically.

    Args:
        path: the file to write.
        params: {stage: {collection: {name: array}}}.
        metadata: JSON-serialisable.
    """
    arrays = {
        name: np.ascontiguousarray(leaf) for name, leaf in flattened(params).items()
    }
    provenance = json.dumps(dict(metadata))
    header = {
        "provenance": provenance,
        "sha256": digest(params),
        "provenance_sha256": _sha256(provenance),
    }
    write_arrays(path, arrays, header)


def write_arrays(
    path: Path, arrays: Mapping[str, np.ndarray], header: Mapping[str, str] | None
) -> None:
    """Write a safetensors file, which appears whole or not at all.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "tiny.safetensors"
    ...     write_arrays(file, {"bias": np.ones(2)}, None)
    ...     [entry.name for entry in Path(folder).iterdir()]
    ['tiny.safetensors']
    """
    partial = path.with_suffix(".partial")
    save_file(dict(arrays), partial, metadata=None if header is None else dict(header))
    partial.chmod(0o644)  # the library's default keeps colleagues out
    partial.replace(path)


def describe(path: Path) -> Header:
    """What a file that `save` wrote says about itself, without reading its arrays.

    Raises:
        BadInput: the file is missing, truncated or not ours, or its provenance is
            damaged.
    """
    if not path.is_file():
        raise BadInput(f"there is no weights file {path}")
    with _opened(path) as file:
        header = file.metadata() or {}
        slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
    if "provenance" not in header or "sha256" not in header:
        raise BadInput(
            f"{path} lacks the metadata 'provenance' and 'sha256' that `jaxdissect "
            "train` writes"
        )
    for name in header.keys() - set(HEADER):
        raise BadInput(f"{path} has metadata {name!r}; there are {', '.join(HEADER)}")
    for name, entry in slices.items():
        kind, shape = entry.get_dtype(), entry.get_shape()
        # Axes without length let others be of any.
        if kind not in NUMBERS or math.prod(n or 1 for n in shape) > LARGEST:
            raise BadInput(
                f"{path} has an array {name!r} of {kind} and shape {shape}; it must be "
                f"of {', '.join(NUMBERS)} and at most {LARGEST} numbers"
            )
        if name.count("/") >= DEPTH:
            raise BadInput(
                f"{path} has an array {name!r}, below {DEPTH} or more others"
            )
    shapes = {name: tuple(entry.get_shape()) for name, entry in slices.items()}
    return Header(_provenance(path, header), shapes, header["sha256"])


def load(path: Path) -> Weights:
    """Read what `save` wrote.

    Raises:
        BadInput: the file is missing, truncated, not ours, or damaged.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "tiny.safetensors"
    ...     save(file, {"fc": {"params": {"bias": np.ones(2)}}}, {"seed": 3})
    ...     loaded = load(file)
    >>> loaded.params["fc"]["params"]["bias"].tolist(), loaded.metadata
    ([1.0, 1.0], {'seed': 3})
    """
    described = describe(path)
    with _opened(path) as file:
        arrays = {name: file.get_tensor(name) for name in described.shapes}
    try:
        params = nested(arrays)
    except TypeError:
        raise BadInput(
            f"{path} has an array whose name begins with another's; of arrays `a` "
            "and `a/b` there can be only one"
        ) from None
    if digest(params) != described.digest:
        raise BadInput(f"{path} is damaged: its parameters do not match their SHA-256")
    return Weights(params, described.metadata, described.digest)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        with safe_open(path, framework="numpy") as file:
            yield file
    except (SafetensorError, OSError) as error:
        raise BadInput(f"{path} is truncated or no safetensors file: {error}") from None


def _provenance(path: Path, header: Mapping[str, str]) -> Mapping[str, Any]:
    text = header["provenance"]
    if header.get("provenance_sha256", _sha256(text)) != _sha256(text):
        raise BadInput(f"{path} is damaged: its provenance does not match its SHA-256")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{path} has a provenance that is no JSON: {error}") from None
    if not isinstance(found, dict):
        raise BadInput(f"{path} has a provenance that is no JSON object")
    return found


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def is_ours(path: Path) -> bool:
    """Whether `load` should read a file, rather than `checkpoints.load_checkpoint`.

    That is so for whatever says it is from `save`, and for broken safetensors files.

    >>> is_ours(Path("vgg16.pth"))
    False
    """
    if path.suffix != ".safetensors":
        return False
    try:
        with safe_open(path, framework="numpy") as file:
            return "provenance" in (file.metadata() or {})
    except (SafetensorError, OSError):
        return True


def flattened(params: Params) -> dict[str, Any]:
    """{"stage/collection/name": array}, as in the file.

    >>> flattened({"fc": {"params": {"bias": 1}}})
    {'fc/params/bias': 1}
    """
    leaves = jax.tree_util.tree_leaves_with_path(params)
    return {"/".join(key.key for key in keys): leaf for keys, leaf in leaves}


def nested(arrays: Mapping[str, Any]) -> Params:
    """The inverse of `flattened`.

    Raises:
        TypeError: one name begins with another.

    >>> nested({"fc/params/bias": 1})
    {'fc': {'params': {'bias': 1}}}
    """
    params: dict[str, Any] = {}
    for name, array in arrays.items():
        *groups, last = name.split("/")
        node = params
        for group in groups:
            node = node.setdefault(group, {})
            if not isinstance(node, dict):
                raise TypeError(name)
        if last in node:
            raise TypeError(name)
        node[last] = array
    return params
