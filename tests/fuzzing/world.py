"""The smallest network there can be, with pictures, a training and all results."""

from pathlib import Path

import numpy as np
from PIL import Image

from jaxdissect.cli import main

SIZE = 32
CLASSES = ("cat", "dog")
LAYER = "conv2"
PICTURES = 6

OWN = """
import jax.numpy as jnp

from jaxdissect import adapters
from jaxdissect.data import scene_rendering as scenes
from jaxdissect.networks import Classifier

W = jnp.array([[1.0, 0.0, 0.0, 0.3], [0.0, 1.0, 0.0, 0.3], [0.0, 0.0, 1.0, 0.3]])


def units(params, images):
    cells = images.reshape(len(images), 4, 8, 4, 8, 3).mean((2, 4))
    return jnp.maximum(cells @ params - 0.2, 0)


def logits(params, acts):
    return acts.mean((1, 2)) @ params


def network(classes=("cat", "dog"), numbers=W):
    weights = jnp.sin(jnp.arange(4.0 * len(classes))).reshape(4, -1)
    params = {"units": numbers, "logits": 9 * weights}
    functions = {"units": units, "logits": logits}
    table, params = adapters.chain(functions, params, jnp.zeros((1, 32, 32, 3)))
    return Classifier(table, params, 32, classes)


def of_scenes():
    return network(scenes.CLASSES)
"""
"""A network of one's own: four units, and as many classes as asked for."""

CONFIGS = {
    "contrast": "ContrastSettings",
    "query": "QuerySettings",
    "explain": "ExplainSettings",
    "attack": "AttackSettings",
    "gradients": "GradientsSettings",
    "scale": "ScaleSettings",
    "compare": "CompareSettings",
    "agreement": "AgreementSettings",
}


def make(folder: Path) -> None:
    """Everything, into a folder of its own."""
    folder.mkdir()
    (folder / "own.py").write_text(OWN)
    for name, kind in CONFIGS.items():
        text = f"from jaxdissect.experiments import {kind}\n\nconfig = {kind}()\n"
        (folder / f"{name}.py").write_text(text)
    for split in ("train", "test"):
        pictures(folder / "photos" / split)
    segmented(folder / "segmented")
    _run(folder)


def pictures(folder: Path) -> None:
    """A folder of pictures for each class."""
    for number, name in enumerate(CLASSES):
        for k in range(4):
            path = folder / name / f"{k}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            seed = [number, k, len(folder.name)]
            Image.fromarray(_pixels(seed)).save(path)


def segmented(folder: Path) -> None:
    """Pictures of two halves, with their masks and labels."""
    for k in range(PICTURES):
        pixels, mask = _pixels([k]), np.full((SIZE, SIZE), 1, np.uint8)
        mask[:, SIZE // 2 + k - 3 :] = 2
        pixels[mask == 1] //= 3
        for kind, array in (("images", pixels), ("masks", mask)):
            path = folder / kind / f"{k}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(array).save(path)
    table = "index,name,category\n1,ground,object\n2,sky,object\n"
    (folder / "labels.csv").write_text(table)


def _pixels(seed: list[int]) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)


def probed(folder: Path) -> list[object]:
    """Settings of a dissection on the segmented pictures."""
    return [
        *("--images", "segmented", "--path", folder / "segmented"),
        *("--protocol.stride", 2, "--num-draws", 40, "--num-top", 2),
    ]


def training(folder: Path) -> list[object]:
    """Settings of the smallest training there can be."""
    return [
        *("--network.architecture", "shapesnet", "--network.width", 0.02),
        *("--data.name", "folder", "--data.path", folder / "photos"),
        *("--optim.batch-size", 2, "--schedule", SIZE, 1),
    ]


def asked(folder: Path) -> list[object]:
    """Settings of analyses of pictures."""
    return [
        *("--data.name", "pictures", "--data.path", folder / "photos" / "train"),
        *("--batch-size", 2),
    ]


def of_scenes(folder: Path) -> list[object]:
    """Settings that name a network of the scenes' classes."""
    return ["--network", f"{folder / 'own.py'}:of_scenes"]


def trained(folder: Path) -> list[object]:
    """Settings that name the network that was trained."""
    return ["--weights", folder / "training" / "weights.safetensors"]


def _run(folder: Path) -> None:
    weights, layer = trained(folder), ["--layers", LAYER]
    _main("train", *training(folder), "--out", folder / "training")
    for name, extra in (("first", []), ("second", ["--random-weights"])):
        probe = [*weights, *layer, *probed(folder), *extra]
        _main("dissect", *probe, "--out", folder / name)
    analysis = [*weights, *layer, *asked(folder), "--random-draws", 1]
    dissection = ["--dissection", folder / "first"]
    _main("ablate", *analysis, *dissection, "--out", folder / "ablated")
    scenes = of_scenes(folder)
    few = ["--num-draws", 40, "--num-images", 14, "--batch-size", 14]
    probe = [*scenes, "--layers", "units", *few, "--protocol.stride", 4]
    _main("dissect", *probe, "--out", folder / "scenes")
    few = ["--num-rank", 28, "--num-report", 28, "--random-draws", 1]
    analysis = [*scenes, "--layers", "units", *few, "--dissection", folder / "scenes"]
    _main("ablate", *analysis, "--out", folder / "scenes-ablated")


def _main(*arguments: object) -> None:
    main([str(argument) for argument in arguments])
