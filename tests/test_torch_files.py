"""Files that PyTorch writes, in every form that is about.

Needs PyTorch (the extra `torch`).
"""

import argparse
import pathlib
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


def by_lightning(state):
    """As Lightning leaves it, whatever it was given to remember."""
    settings = argparse.Namespace(lr=0.1, out=pathlib.Path("x"), best=np.float64(3))
    return {
        "state_dict": {f"model._orig_mod.{n}": t for n, t in state.items()},
        "optimizer_states": [{"state": {0: {"exp_avg": torch.zeros(3, 3)}}}],
        "hyper_parameters": settings,
        "dtype": torch.float32,
        "device": torch.device("cpu"),
        "size": torch.Size([1, 2]),
    }


def averaged(state):
    """Stochastic weight averaging counts."""
    return {"net": in_parallel(state) | {"n_averaged": torch.tensor(3)}}


@pytest.mark.parametrize("save", [torch.save, legacy])
@pytest.mark.parametrize("wrapped", [by_lightning, averaged])
def test_what_pytorch_itself_calls_code(wrapped, save, state, expected, tmp_path):
    save(wrapped(state), tmp_path / "model.ckpt")
    assert_same(load_checkpoint(tmp_path / "model.ckpt").params, expected)


def optimizers_and_all(state):
    model = torch.nn.Linear(3, 2)
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    return {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "rng": torch.get_rng_state(),
    }


@pytest.mark.parametrize("save", [torch.save, legacy])
def test_the_same_as_pytorch_reads(save, state, tmp_path):
    """Views, types, empty tensors and scalars, against PyTorch's own reader."""
    base = torch.arange(24.0).reshape(2, 3, 4)
    values = {
        "whole": base,
        "turned": base.permute(2, 0, 1),
        "part": base[1:, ::2],
        "parameter": torch.nn.Parameter(base[0, 0]),
        "half": base.half(),
        "brain": base.bfloat16(),
        "double": base.double(),
        "count": torch.tensor(7),
        "empty": torch.zeros(0, 3),
        "scalar": torch.tensor(2.5),
    }
    save(values, tmp_path / "model.pt")
    read = read_state(tmp_path / "model.pt")
    theirs = torch.load(tmp_path / "model.pt", weights_only=True)
    assert read.shapes.keys() == theirs.keys()
    for name, tensor in theirs.items():
        got = read.read(name)
        assert got.shape == tuple(tensor.shape)
        np.testing.assert_array_equal(got, tensor.detach().float().numpy())
    save(optimizers_and_all(state), tmp_path / "model.pt")
    assert set(read_state(tmp_path / "model.pt").shapes) == {"weight", "bias"}


@pytest.mark.parametrize("number", [torch.float8_e4m3fn, torch.float8_e5m2])
def test_types_that_came_later(number, tmp_path):
    tensor = torch.linspace(-2, 2, 12).reshape(3, 4).to(number)
    torch.save({"weight": tensor}, tmp_path / "model.pt")
    got = read_state(tmp_path / "model.pt").read("weight")
    np.testing.assert_array_equal(got, tensor.float().numpy())


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
