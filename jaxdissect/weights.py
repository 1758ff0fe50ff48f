"""Trained parameters as one safetensors file, with where they come from.

The file's metadata carries a SHA-256 of the parameters, checked on loading: neither
safetensors nor Orbax notices flipped bits in the array data.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from jaxdissect.base import BadInput, Params


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
    header = {"provenance": json.dumps(dict(metadata)), "sha256": digest(params)}
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
    if not path.is_file():
        raise BadInput(f"there is no weights file {path}")
    try:
        with safe_open(path, framework="numpy") as file:
            header = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise BadInput(f"{path} is truncated or no safetensors file: {error}") from None
    if "provenance" not in header or "sha256" not in header:
        raise BadInput(
            f"{path} lacks the metadata 'provenance' and 'sha256' that `jaxdissect "
            "train` writes"
        )
    params = nested(arrays)
    if digest(params) != header["sha256"]:
        raise BadInput(f"{path} is damaged: its parameters do not match their SHA-256")
    return Weights(params, json.loads(header["provenance"]), header["sha256"])


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

    >>> nested({"fc/params/bias": 1})
    {'fc': {'params': {'bias': 1}}}
    """
    params: dict[str, Any] = {}
    for name, array in arrays.items():
        *groups, last = name.split("/")
        node = params
        for group in groups:
            node = node.setdefault(group, {})
        node[last] = array
    return params
