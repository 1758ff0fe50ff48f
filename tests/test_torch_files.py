"""Files that PyTorch writes, in every form that is about.

Needs PyTorch (the extra `torch`).
"""

import pickle
import struct
import types
from collections import OrderedDict
from functools import partial
from typing import Any, ClassVar

import jax
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
from reference import torch_networks  # noqa: E402
from safetensors.torch import save_file  # noqa: E402

from jaxdissect.checkpoints import load_checkpoint, read_state  # noqa: E402


@pytest.fixture(scope="module")
def state():
    model = torch_networks.vgg16(5, batch_norm=True).model
    return OrderedDict((name, tensor) for name, tensor in model.state_dict().items())


@pytest.fixture(scope="module")
def expected(state, tmp_path_factory):
    """The parameters, by way of a file that PyTorch does not read."""
    file = tmp_path_factory.mktemp("expected") / "model.safetensors"
    save_file(state, file)
    return load_checkpoint(file).params


def assert_same(params, expected):
    assert jax.tree.structure(params) == jax.tree.structure(expected)
    jax.tree.map(np.testing.assert_array_equal, params, expected)
    assert {leaf.dtype for leaf in jax.tree.leaves(params)} == {np.dtype(np.float32)}


legacy = partial(torch.save, _use_new_zipfile_serialization=False)


class OfPython2(pickle._Pickler):
    """Strings as bytes, as in the Places365 checkpoints, which Python 2 wrote."""

    dispatch: ClassVar[dict[type, Any]] = dict(pickle._Pickler.dispatch)

    def save_bytes_of(self, text):
        data = text.encode("latin1")
        self.write(pickle.SHORT_BINSTRING + struct.pack("<B", len(data)) + data)
        self.memoize(text)

    dispatch[str] = save_bytes_of


def save_by_python2(value, file):
    module = types.ModuleType("pickle_of_python2")
    module.Pickler = OfPython2
    module.dump = lambda value, file, protocol: OfPython2(file, protocol).dump(value)
    legacy(value, file, pickle_module=module)


@pytest.mark.parametrize("ending", ["pth", "pt", "pth.tar", "bin"])
@pytest.mark.parametrize("save", [torch.save, legacy, save_by_python2])
def test_every_form_of_a_state_dictionary(save, ending, state, tmp_path):
    file = tmp_path / f"model.{ending}"
    save(state, file)
    read = read_state(file)
    assert dict(read.shapes) == {name: tuple(t.shape) for name, t in state.items()}
    for name, tensor in state.items():
        np.testing.assert_array_equal(read.read(name), tensor.numpy())


def of_a_training_script(state):
    """As the training script of Places365 leaves it."""
    wrapped = {f"module.{name}": tensor for name, tensor in state.items()}
    return {"epoch": 90, "arch": "vgg16", "state_dict": wrapped, "best_prec1": 54.7}


def in_parallel(state):
    return {n.replace("features.", "features.module."): t for n, t in state.items()}


def of_a_model(state):
    return {"model": state, "args": None, "optimizer": {"state": {}}}


def of_parameters(state):
    """Parameters that want gradients, and things that are no tensors."""
    floats = {name: t for name, t in state.items() if t.is_floating_point()}
    return {n: torch.nn.Parameter(t) for n, t in floats.items()} | {"epoch": 3, 7: "x"}


def of_views(state):
    """Tensors that do not lie in memory as they are read, in one storage."""
    kernel = state["features.0.weight"]
    mirrored = kernel.permute(3, 2, 1, 0).contiguous().permute(3, 2, 1, 0)
    both = torch.stack([torch.zeros(4), state["features.0.bias"]], 1)
    return state | {"features.0.weight": mirrored, "features.0.bias": both[:, 1]}


def of_old_versions(state):
    """From before BatchNorm counted its batches."""
    return {n: t for n, t in state.items() if not n.endswith("num_batches_tracked")}


@pytest.mark.parametrize("save", [torch.save, legacy])
@pytest.mark.parametrize(
    "wrapped",
    [
        of_a_training_script,
        in_parallel,
        of_a_model,
        of_parameters,
        of_views,
        of_old_versions,
    ],
)
def test_every_wrapping(wrapped, save, state, expected, tmp_path):
    save(wrapped(state), tmp_path / "model.pth.tar")
    assert_same(load_checkpoint(tmp_path / "model.pth.tar").params, expected)


@pytest.mark.parametrize("number", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("ending", ["pth", "safetensors"])
def test_every_float_becomes_float32(number, ending, state, expected, tmp_path):
    file = tmp_path / f"model.{ending}"
    rounded = {n: t.to(number) for n, t in state.items()}
    (torch.save if ending == "pth" else save_file)(rounded, file)
    precision = 0 if number is torch.float64 else torch.finfo(number).eps
    params = load_checkpoint(file).params
    assert {leaf.dtype for leaf in jax.tree.leaves(params)} == {np.dtype(np.float32)}
    close = partial(np.testing.assert_allclose, rtol=precision, atol=1e-6)
    jax.tree.map(close, params, expected)
