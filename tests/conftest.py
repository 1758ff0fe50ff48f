"""Shared fixtures: every network in a size that compiles in seconds."""

import os
from pathlib import Path
from typing import NamedTuple

import jax
import pytest

from jaxdissect import networks
from jaxdissect.base import Params
from jaxdissect.cli import main

# XLA compiles slowly on small machines: a second run of the tests finds the programs.
cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
jax.config.update("jax_compilation_cache_dir", str(cache / "jaxdissect" / "tests"))
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


class Example(NamedTuple):
    """A network with parameters and images it can take."""

    network: networks.Network
    params: Params
    images: jax.Array


SMALL = {"width": 1 / 16, "hidden": (12, 10)}
NETWORKS = {
    "vgg16": (lambda: networks.vgg16(5, grid=2, **SMALL), (64, 64, 3)),
    "vgg16_bn": (
        lambda: networks.vgg16(5, batch_norm=True, grid=2, **SMALL),
        (48, 48, 3),
    ),
    "vgg16_cifar": (
        lambda: networks.vgg16(5, width=1 / 16, batch_norm=True, grid=1, hidden=()),
        (32, 32, 3),
    ),
    "alexnet": (lambda: networks.alexnet(5, grid=1, **SMALL), (64, 64, 3)),
    "alexnet_b": (
        lambda: networks.alexnet(5, batch_norm=True, grid=2, **SMALL),
        (96, 96, 3),
    ),
    "caffe_alexnet": (lambda: networks.caffe_alexnet(5, grid=1, **SMALL), (67, 67, 3)),
    "resnet18": (lambda: networks.resnet(5, depth=18, width=1 / 16), (48, 48, 3)),
    "lenet": (lambda: networks.lenet(5), (60, 60, 1)),
    "shapesnet": (lambda: networks.shapesnet(5, width=1 / 16), (20, 20, 3)),
}


def make_example(name: str) -> Example:
    """A network of `NETWORKS` with random parameters, BatchNorm statistics included."""
    build, shape = NETWORKS[name]
    network = build()
    key_params, key_images, key_statistics = jax.random.split(jax.random.key(0), 3)
    params = networks.init(key_params, network, shape)
    params = _random_statistics(params, key_statistics)
    return Example(network, params, jax.random.uniform(key_images, (3, *shape)))


def _random_statistics(params: Params, key: jax.Array) -> Params:
    # Fresh statistics (mean 0, variance 1) would hide a BatchNorm left out.
    leaves, tree = jax.tree.flatten(params)
    keys = jax.random.split(key, len(leaves))
    jittered = [
        leaf + 0.1 * jax.random.uniform(k, leaf.shape) if leaf.ndim == 1 else leaf
        for leaf, k in zip(leaves, keys, strict=True)
    ]
    return tree.unflatten(jittered)


@pytest.fixture(scope="session", params=list(NETWORKS))
def example(request) -> Example:
    """Every network in turn."""
    return make_example(request.param)


@pytest.fixture
def key() -> jax.Array:
    """A PRNG key."""
    return jax.random.key(7)


TINY = [
    *("--network.width", "0.0625", "--network.hidden", "8"),
    *("--data.num-train", "56", "--data.num-test", "28"),
    *("--optim.batch-size", "14", "--schedule", "32", "1", "48", "2"),
    *("--checkpoint-every", "2"),
]


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A run of `train` on a tiny network."""
    out = tmp_path_factory.mktemp("runs") / "tiny"
    main(["train", *TINY, "--out", str(out)])
    return out


def fails(capsys, *arguments):
    """Run a command that must end with exit code 2; its message."""
    with pytest.raises(SystemExit) as stop:
        main(list(arguments))
    assert stop.value.code == 2
    return capsys.readouterr().err
