"""State dictionaries as other frameworks leave them: named arrays, read one by one."""

import pickle
import re
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from safetensors import SafetensorError, safe_open

from jaxdissect.base import BadInput

PICKLES = (".pth", ".pt", ".tar", ".bin")
"""Files of PyTorch, by their endings; `.pth.tar` is one too."""
WRAPPERS = ("state_dict", "model_state_dict", "model")
"""Keys under which training scripts put the state dictionary."""


class State(NamedTuple):
    """A state dictionary on disk.

    Attributes:
        shapes: {name: shape}, without the `module.` of PyTorch's data parallelism.
        read: (name) -> float32 array. Tensors are read when they are asked for, so that
            no more than one is in memory besides what is made of them.
    """

    shapes: Mapping[str, tuple[int, ...]]
    read: Callable[[str], np.ndarray]


def read_state(path: Path) -> State:
    """The tensors of a .safetensors file or of a PyTorch checkpoint.

    Pickles are read by PyTorch's weights-only loader, which runs no code of theirs.

    Args:
        path: .safetensors, or .pth, .pt, .pth.tar or .bin, for which PyTorch has to be
            installed; the state dictionary itself, or under `state_dict` or `model`.

    Raises:
        BadInput: missing, truncated, of another kind, or a pickle that would run code.

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
        state = _safetensors(path)
    elif path.suffix in PICKLES:
        state = _pickled(path)
    else:
        raise BadInput(
            f"{path} is no checkpoint by its name; allowed are .safetensors, "
            f"{', '.join(PICKLES)}"
        )

    def read(name: str) -> np.ndarray:
        try:
            return state.read(name)
        except Exception as error:  # of a quantized tensor, a sparse one, ...
            raise BadInput(f"{name} is no array of floats ({_reason(error)})") from None

    return State(state.shapes, read)


def _safetensors(path: Path) -> State:
    try:
        file: Any = safe_open(path, framework="numpy")
        names = {_plain(name): name for name in file.keys()}  # noqa: SIM118
        shapes = {
            plain: tuple(file.get_slice(name).get_shape())
            for plain, name in names.items()
        }
    except (SafetensorError, OSError) as error:
        raise BadInput(
            f"{path} is truncated or no safetensors file ({_reason(error)})"
        ) from None
    return State(shapes, lambda name: _float32(file.get_tensor(names[name])))


def _pickled(path: Path) -> State:
    try:
        import torch
    except ImportError:
        raise BadInput(
            f"{path} is a pickle, which PyTorch reads: install the extra `torch`, or "
            "use a .safetensors file"
        ) from None
    try:
        loaded = torch.load(
            path,
            map_location="cpu",
            weights_only=True,
            # What is mapped is read when it is used; files of old have no such form.
            mmap=zipfile.is_zipfile(path),
        )
    except pickle.UnpicklingError as error:
        raise BadInput(_refusal(path, str(error))) from None
    except Exception as error:  # of any kind, when the reader meets damaged bytes
        raise BadInput(
            f"{path} is truncated or no checkpoint of PyTorch ({_reason(error)})"
        ) from None
    tensors = {
        _plain(name): tensor
        for name, tensor in _unwrapped(loaded, path).items()
        if isinstance(name, str) and isinstance(tensor, torch.Tensor)
    }
    if not tensors:
        raise BadInput(f"{path} has no tensors; it must hold a state dictionary")
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    return State(shapes, lambda name: tensors[name].detach().float().numpy())


def _unwrapped(loaded: Any, path: Path) -> Mapping[str, Any]:
    for key in WRAPPERS:
        if isinstance(loaded, Mapping) and isinstance(loaded.get(key), Mapping):
            loaded = loaded[key]
    if not isinstance(loaded, Mapping):
        raise BadInput(
            f"{path} holds a {type(loaded).__name__}; it must hold a state dictionary"
        )
    return loaded


def _refusal(path: Path, error: str) -> str:
    called = re.search(r"GLOBAL ([\w.]+)", error)
    if called is None:
        return f"{path} is truncated or no checkpoint of PyTorch"
    return (
        f"{path} is refused: loading it would run {called[1]}; only tensors are read, "
        "such as `torch.save(model.state_dict(), path)` writes"
    )


def _reason(error: Exception) -> str:
    """What kind of error it is, and the first sentence of its message."""
    first = re.split(r"\.\s|\n", str(error))[0].rstrip(".")
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


def _plain(name: str) -> str:
    """A tensor's name without what PyTorch's data parallelism put into it."""
    return name.removeprefix("module.").replace(".module.", ".")


def _float32(array: np.ndarray) -> np.ndarray:
    return array.astype(np.float32, copy=False)
