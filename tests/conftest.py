"""Shared fixtures: every network in a size that compiles in seconds."""

import fcntl
import os
from collections.abc import Callable
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from fuzzing import world as tiny_world

from jaxdissect import networks
from jaxdissect.base import Params
from jaxdissect.cli import main

# XLA compiles slowly on small machines: a second run of the tests finds the programs,
# and so do the commands that tests start, which look in this folder.
cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
jax.config.update("jax_compilation_cache_dir", str(cache / "jaxdissect" / "xla"))
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


ROOT = Path(__file__).parents[1]
QUICKLY = {
    "xla_backend_optimization_level": 0,
    "xla_llvm_disable_expensive_passes": True,
}
"""Options of `jax.jit` for a large program that runs once: XLA's passes are the same,
the machine code is not made fast."""


@contextmanager
def compiling_quickly():
    """The same, for whole commands; no other test meets their programs."""
    jax.clear_caches()
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)
    jax.clear_caches()


class Example(NamedTuple):
    """A network with parameters and images it can take."""

    network: networks.Network
    params: Params
    images: jax.Array


# Networks of one kind share sizes where they can, and with these compiled programs.
SMALL = {"width": 1 / 16, "hidden": (12, 10)}
NETWORKS = {
    "vgg16": (lambda: networks.vgg16(5, grid=2, **SMALL), (64, 64, 3)),
    "vgg16_bn": (
        lambda: networks.vgg16(5, batch_norm=True, grid=2, **SMALL),
        (48, 48, 3),
    ),
    "vgg16_cifar": (
        lambda: networks.vgg16(5, width=1 / 16, batch_norm=True, grid=1, hidden=()),
        (48, 48, 3),
    ),
    "alexnet": (lambda: networks.alexnet(5, grid=1, **SMALL), (96, 96, 3)),
    "alexnet_b": (
        lambda: networks.alexnet(5, batch_norm=True, grid=2, **SMALL),
        (96, 96, 3),
    ),
    "caffe_alexnet": (lambda: networks.caffe_alexnet(5, grid=1, **SMALL), (67, 67, 3)),
    "resnet18": (lambda: networks.resnet(5, depth=18, width=1 / 16), (48, 48, 3)),
    "cifar_resnet": (
        lambda: networks.cifar_resnet(5, depth=8, width=1 / 4),
        (16, 16, 3),
    ),
    "lenet": (lambda: networks.lenet(5), (60, 60, 1)),
    "shapesnet": (lambda: networks.shapesnet(5, width=1 / 16), (20, 20, 3)),
}


REPRESENTATIVE = ("shapesnet",)
"""Networks on which laws hold in the fast tests; `pytest -m slow` tries the others."""


def of_network(name: str, *values, only_slow: bool = False):
    """One case of a law over networks: of a network, and of a layer, say."""
    slow = only_slow or name not in REPRESENTATIVE
    marks = [pytest.mark.slow] if slow else []
    return pytest.param(name, *values, marks=marks, id="-".join([name, *values]))


every_network = pytest.mark.parametrize("name", list(map(of_network, NETWORKS)))


def make_example(name: str) -> Example:
    """A network of `NETWORKS` with random parameters, BatchNorm statistics included."""
    build, shape = NETWORKS[name]
    network = build()
    images = np.random.default_rng(0).random((3, *shape), np.float32)
    return Example(network, random_params(network, shape), jnp.asarray(images))


def random_params(network: networks.Network, shape: tuple[int, int, int]) -> Params:
    """As `networks.init`, but of numpy: XLA compiles random numbers for a second."""
    init = partial(networks.init, network=network, image_shape=shape)
    params = jax.eval_shape(init, jax.random.key(0))
    draw = partial(_random, np.random.default_rng(2))
    return jax.tree_util.tree_map_with_path(draw, params)


def _random(rng: np.random.Generator, path, leaf) -> jax.Array:
    """He's kernels; all else about its first value, and never at it.

    Fresh statistics (mean 0, variance 1) would hide a BatchNorm left out.
    """
    if leaf.ndim > 1:
        drawn = rng.normal(0, np.sqrt(2 / np.prod(leaf.shape[:-1])), leaf.shape)
    else:
        first = path[-1].key in ("scale", "var")
        drawn = first + 0.1 * rng.random(leaf.shape)
    return jnp.asarray(drawn, leaf.dtype)


@pytest.fixture(scope="session", params=list(map(of_network, NETWORKS)))
def example(request) -> Example:
    """Every network in turn."""
    return make_example(request.param)


@pytest.fixture
def key() -> jax.Array:
    """A PRNG key."""
    return jax.random.key(7)


def shared(tmp_path_factory, name: str, make: Callable[[Path], None]) -> Path:
    """A folder that whichever process of the test run asks first makes for all."""
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent
    folder, made = base / "shared" / name, base / "shared" / f"{name}.made"
    folder.parent.mkdir(exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            make(folder)
            made.touch()
    return folder


TINY = [
    *("--network.width", "0.0625", "--network.hidden", "8"),
    *("--data.num-train", "56", "--data.num-test", "28"),
    *("--optim.batch-size", "14", "--schedule", "48", "2"),
]


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A run of `train` on a tiny network."""

    def make(out: Path) -> None:
        with compiling_quickly():
            main(["train", *TINY, "--out", str(out)])

    return shared(tmp_path_factory, "tiny", make)


@pytest.fixture(scope="session")
def dissected(trained, tmp_path_factory):
    """Its dissection, at the last convolutional layer."""
    weights = ["--weights", str(trained / "weights.safetensors")]
    few = ["--num-images", "28", "--batch-size", "14"]

    def make(out: Path) -> None:
        with compiling_quickly():
            main(["dissect", *weights, *few, "--out", str(out)])

    return shared(tmp_path_factory, "dissected", make)


@pytest.fixture(scope="session")
def world(tmp_path_factory):
    """The smallest network, pictures and results there can be, for the fuzz suite."""
    return shared(tmp_path_factory, "world", tiny_world.make)


def fails(capsys, *arguments):
    """Run a command that must end with exit code 2; its message."""
    with pytest.raises(SystemExit) as stop:
        main(list(arguments))
    assert stop.value.code == 2
    return capsys.readouterr().err
