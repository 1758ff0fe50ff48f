"""What reading a pretrained VGG-16 costs, and whether it then equals PyTorch's."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from os import getloadavg
from pathlib import Path
from statistics import median
from typing import Any

import checkpoint_memory
import jax
import numpy as np
import torch_checkpoints
import tyro
from ablation import machine, markdown

from jaxdissect import caching, checkpoints, networks

MOST_SECONDS, MOST_MEMORY, MOST_ERROR = 10.0, 2.5, 1e-4
"""Aims; memory is over the file's size, and an error over the largest value."""
HEADER = (
    "file|MiB|seconds|lowest|highest|most memory, MiB|over the file|without the file's "
    "own pages|aim|verdict"
)


@dataclass(frozen=True)
class Config:
    """Read a checkpoint of random weights; the defaults are VGG-16 for ImageNet."""

    width: float = 1.0
    """Multiplies every convolution's number of units."""
    hidden: tuple[int, int] = (4096, 4096)
    """Sizes of the hidden fully connected layers."""
    num_classes: int = 1000
    """Classes."""
    repeats: int = 5
    """Fresh processes that read each file, in turns."""
    logits: bool = False
    """Whether to compare the logits with PyTorch's."""
    images: int = 2
    """Images on which they are compared."""
    image_size: int = 224
    """Height and width of these, in pixels."""
    torch_python: Path = Path(sys.executable)
    """A Python that has torch and jaxdissect; without it there is no .pth."""


def main(config: Config) -> None:
    """Measure and print Markdown."""
    caching.use_compilation_cache()
    about: dict[str, Any] = machine() | {"load": f"{getloadavg()[0]:.1f}"}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(config, folder)
        torch = by_torch(config, folder)
        print(markdown(HEADER, cost_rows(config, folder)), flush=True)
        if config.logits and (folder / "logits.npy").exists():
            print("\n" + agreement(folder))
    about |= torch | {"load after": f"{getloadavg()[0]:.1f}"}
    print("\n" + ", ".join(f"{name} {value}" for name, value in about.items()))


def write(config: Config, folder: Path) -> None:
    """He-normal weights with torchvision's names, and images."""
    size = (config.image_size, config.image_size, 3)
    network = networks.vgg16(
        config.num_classes, width=config.width, hidden=config.hidden
    )
    start = partial(networks.init, network=network, image_shape=size)
    generator = np.random.default_rng(0)

    def drawn(leaf: jax.ShapeDtypeStruct) -> np.ndarray:
        array = generator.standard_normal(leaf.shape, np.float32)
        if leaf.ndim > 1:
            array *= (2 / np.prod(leaf.shape[:-1])) ** 0.5
        return array

    params = jax.tree.map(drawn, jax.eval_shape(start, jax.random.key(0)))
    file = folder / "vgg16.safetensors"
    checkpoints.export_torchvision(file, "vgg16", network, params)
    images = generator.uniform(size=(config.images, *size)).astype(np.float32)
    np.save(folder / "images.npy", images)


def by_torch(config: Config, folder: Path) -> dict[str, Any]:
    """Have PyTorch write a .pth, and logits of the images; what it is, or why not."""
    settings = {
        **{"folder": str(folder), "width": config.width, "hidden": config.hidden},
        **{"num_classes": config.num_classes, "logits": config.logits},
        "mean": checkpoints.IMAGENET_MEAN,
        "std": checkpoints.IMAGENET_STD,
    }
    try:
        done = subprocess.run(
            [config.torch_python, torch_checkpoints.__file__],
            input=json.dumps(settings),
            capture_output=True,
            text=True,
        )
    except OSError as error:
        return {"torch": f"left out ({error.strerror})"}
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["it failed"])[-1]
        return {"torch": f"left out ({reason})"}
    return json.loads(done.stdout)


def cost_rows(config: Config, folder: Path) -> Iterator[tuple[Any, ...]]:
    """Lines of the table."""
    pythons = {
        folder / "vgg16.safetensors": Path(sys.executable),
        folder / "vgg16.pth": config.torch_python,
    }
    files = {file: python for file, python in pythons.items() if file.exists()}
    taken: dict[Path, list[checkpoint_memory.Taken]] = {file: [] for file in files}
    for _ in range(config.repeats):
        for file, python in files.items():
            taken[file].append(checkpoint_memory.measured(python, file))
    for file, runs in taken.items():
        size = file.stat().st_size
        seconds = [run.seconds for run in runs]
        peak, own = (max(run[n] for run in runs) for n in (1, 2))
        met = median(seconds) < MOST_SECONDS and peak / size < MOST_MEMORY
        yield (
            *(file.name, size / 2**20, median(seconds), min(seconds), max(seconds)),
            *(peak / 2**20, peak / size, own / size),
            f"< {MOST_SECONDS:g} s, < {MOST_MEMORY:g} x",
            "met" if met else "not met",
        )


def agreement(folder: Path) -> str:
    """How far our logits are from PyTorch's."""
    loaded = checkpoints.load_checkpoint(folder / "vgg16.safetensors")
    apply = jax.jit(partial(networks.apply, loaded.network))
    with jax.default_matmul_precision("highest"):
        ours = np.asarray(apply(loaded.params, np.load(folder / "images.npy")))
    theirs = np.load(folder / "logits.npy")
    error = float(abs(ours - theirs).max() / abs(theirs).max())
    verdict = "met" if error < MOST_ERROR else "not met"
    return (
        f"Logits of {len(ours)} images differ from PyTorch's by at most {error:.2g} of "
        f"the largest (aim: < {MOST_ERROR:g}, {verdict})."
    )


if __name__ == "__main__":
    main(tyro.cli(Config))
