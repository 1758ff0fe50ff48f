"""State dictionaries as other frameworks leave them: named arrays, read one by one."""

import re
import zipfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from safetensors import SafetensorError, safe_open

from jaxdissect.checkpoints import pytorch_files
from jaxdissect.checkpoints.pickles import Code
from jaxdissect.checkpoints.pytorch_files import Damaged, NumpyArray, Tensor
from jaxdissect.errors import BadInput

PICKLES = (".pth", ".pt", ".tar", ".bin", ".th", ".ckpt", ".pkl", ".model")
"""Files of PyTorch, by their endings; `.pth.tar` is one too."""
WRAPPERS = ("module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module")
"""Parts of names that PyTorch's data parallelism, its compiler and others put in."""

Named = Mapping[str, Tensor]
"""{name: tensor} of a state dictionary."""


class State(NamedTuple):
    """A state dictionary on disk.

    Attributes:
        shapes: {name: shape}, without the `module.` of PyTorch's data parallelism and
            the `_orig_mod.` of its compiler, wherever they stand.
        read: (name) -> float32 array. Tensors are read when they are asked for, so that
            no more than one is in memory besides what is made of them.
    """

    shapes: Mapping[str, tuple[int, ...]]
    read: Callable[[str], np.ndarray]


def read_state(path: Path, part: str | None = None) -> State:
    """The tensors of a .safetensors file or of a PyTorch checkpoint.

    PyTorch is not needed. Nothing that a pickle names is imported or run: tensors are
    read, plain data beside them (settings, dates, paths, numbers of NumPy) is passed
    over, and a pickle that would call anything else is refused.

    The state dictionary may be the file's content or lie anywhere in it, as under
    `state_dict`, `model` or `net`; what optimizers keep is none.

    Args:
        path: .safetensors, or .pth, .pt, .pth.tar, .th, .ckpt or .bin of PyTorch.
        part: what the names begin with, up to a dot, where a file has several state
            dictionaries, or several networks in one; that is taken off the names. An
            empty text takes everything in the file by its full name.

    Raises:
        BadInput: missing, truncated, of another kind, a pickle that would run code, no
            or several state dictionaries, or no such part.

    >>> import tempfile
    >>> from safetensors.numpy import save_file
    >>> file = Path(tempfile.mkdtemp()) / "tiny.safetensors"
    >>> save_file({"module.fc.bias": np.ones(2, np.float16)}, file)
    >>> state = read_state(file)
    >>> state.shapes, state.read("fc.bias")
    ({'fc.bias': (2,)}, array([1., 1.], dtype=float32))
    """
    if not path.is_file():
        raise BadInput(f"there is no checkpoint {path}")
    if path.suffix == ".safetensors":
        found = {"": _safetensors(path)}
    elif path.suffix in PICKLES or _is_pickle(path):
        found = _pickled(path)
    else:
        raise BadInput(
            f"{path} is no checkpoint by its name; allowed are .safetensors, "
            f"{', '.join(PICKLES)}"
        )
    tensors = _part(found, part, path)

    def read(name: str) -> np.ndarray:
        try:
            array = tensors[name].numbers()
        except Damaged as error:
            raise BadInput(_damaged(path, error)) from None
        except Exception as error:  # whatever kind of tensor it is
            raise BadInput(f"{name} is no array of floats ({_reason(error)})") from None
        # V: bfloat16 and smaller. Integers of a byte stand for other numbers.
        if array.dtype.kind not in "fViu" or array.dtype in (np.int8, np.uint8):
            raise BadInput(f"{name} is no array of floats (its type is {array.dtype})")
        return array.astype(np.float32, copy=False)

    return State({name: tensor.shape for name, tensor in tensors.items()}, read)


def _safetensors(path: Path) -> Named:
    try:
        file: Any = safe_open(path, framework="numpy")
        return {
            name: Tensor(
                tuple(file.get_slice(name).get_shape()),
                partial(file.get_tensor, name),
                "",
            )
            for name in file.keys()  # noqa: SIM118
        }
    except (SafetensorError, OSError) as error:
        raise BadInput(
            f"{path} is truncated or no safetensors file ({_reason(error)})"
        ) from None


def _pickled(path: Path) -> dict[str, Named]:
    """{where in the file: state dictionary}."""
    try:
        loaded = pytorch_files.load(path)
    except Code as code:
        raise BadInput(
            f"{path} is refused: loading it would run {code}; only tensors and plain "
            "data are read, such as `torch.save(model.state_dict(), path)` writes"
        ) from None
    except (Damaged, OSError) as error:
        raise BadInput(_damaged(path, error)) from None
    if not isinstance(loaded, dict | list | tuple) or isinstance(loaded, Tensor):
        kind = getattr(loaded, "kind", type(loaded).__name__)
        kind = "tensor" if isinstance(loaded, Tensor) else kind
        raise BadInput(f"{path} holds a {kind}; it must hold a state dictionary")
    found = _dictionaries(loaded)
    if not found:
        kind = "has no tensors" if isinstance(loaded, dict) else "holds a list"
        raise BadInput(f"{path} {kind}; it must hold a state dictionary")
    return found


def _dictionaries(loaded: Any) -> dict[str, Named]:
    """{where: tensors by name} of all dictionaries in a file, optimizers' left out."""
    found: dict[str, Named] = {}
    waiting, seen = [("", loaded)], set()
    while waiting:
        place, value = waiting.pop(0)
        if id(value) in seen:
            continue
        seen.add(id(value))
        inside = value.items() if isinstance(value, dict) else enumerate(value)
        named = isinstance(value, dict)
        tensors = {}
        for key, item in inside:
            item = item.tensor if isinstance(item, NumpyArray) else item
            if isinstance(item, Tensor):
                if named and isinstance(key, str):
                    tensors[key] = item
            elif isinstance(item, dict | list | tuple) and not (
                (named and not isinstance(key, str)) or "optim" in str(key).lower()
            ):
                waiting.append((f"{place}.{key}" if place else str(key), item))
        if tensors:
            found[place] = tensors
    return found


def _part(found: Mapping[str, Named], part: str | None, path: Path) -> Named:
    """The state dictionary that is meant, without wrappers in its names."""
    if part is None:
        # Beside a network there may be weights of classes, states of random numbers.
        networks = {
            place: tensors
            for place, tensors in found.items()
            if any(len(tensor.shape) > 1 for tensor in tensors.values())
        }
        several = list(networks or found)
        if len(several) > 1:
            raise BadInput(
                f"{path} holds several state dictionaries, {_listed(several)}; "
                "`part` says which one is meant"
            )
        return _plain(found[several[0]])
    everything = {
        f"{place}.{name}" if place else name: tensor
        for place, tensors in found.items()
        for name, tensor in tensors.items()
    }
    inside = {
        name.removeprefix(f"{part}.") if part else name: tensor
        for name, tensor in {**everything, **_plain(everything)}.items()
        if not part or name.startswith(f"{part}.")
    }
    if not inside:
        beginnings = sorted({name.partition(".")[0] for name in everything})
        raise BadInput(
            f"`part` is {part!r}, which no name of {path} begins with; they begin with "
            f"{_listed(beginnings)}"
        )
    return _plain(everything if not part else inside)


def _plain(tensors: Named) -> Named:
    """The same by names without wrappers, unless two would then have one name."""
    plain = {
        ".".join(part for part in name.split(".") if part not in WRAPPERS): tensor
        for name, tensor in tensors.items()
    }
    return plain if len(plain) == len(tensors) and "" not in plain else tensors


def _is_pickle(path: Path) -> bool:
    with path.open("rb") as file:
        return zipfile.is_zipfile(path) or file.read(1) == b"\x80"


def _damaged(path: Path, error: Exception) -> str:
    reason = error if isinstance(error, Damaged) else _reason(error)
    return f"{path} is truncated or no checkpoint of PyTorch ({reason})"


def _listed(names: list[str], most: int = 6) -> str:
    """Names for a message; that of the file's own content is empty."""
    shown = [name or "its own names" for name in names[:most]]
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(shown) + more


def _reason(error: Exception) -> str:
    """What kind of error it is, and the first sentence of its message."""
    first = re.split(r"\.\s|\n", str(error))[0].rstrip(".")[:200]
    return f"{type(error).__name__}: {first}" if first else type(error).__name__
