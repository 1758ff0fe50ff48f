"""From the settings of a network to its table of stages."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import jax
from annotated_types import MinLen

from jaxdissect import networks, range_checks
from jaxdissect.errors import BadInput
from jaxdissect.layer_names import CIFAR_DEPTHS, CONVOLUTIONS
from jaxdissect.networks import convolution, layers
from jaxdissect.ranges import Epochs, Seed, Share, Side
from jaxdissect.settings import NetworkSettings

UNSAID = " does not say which network it is of: "


def build_network(config: NetworkSettings, num_classes: int) -> networks.Network:
    """The table of stages a config describes.

    Raises:
        BadInput: a value the architecture cannot take.
    """
    if len(config.mean) != len(config.std) or len(config.mean) not in (1, 3):
        raise BadInput(
            f"`network.mean` is {config.mean} and `network.std` {config.std}; both "
            "have three values, or one"
        )
    if config.architecture == "lenet":
        return _build_lenet(config, num_classes)
    channels = 1 if config.grey else 3
    stages = _builder(config)(
        num_classes,
        width=config.width,
        mean=config.mean[:channels],
        std=config.std[:channels],
        convolve=convolution.for_backend(jax.default_backend()),
    )
    return (layers.luminance_stage(), *stages) if config.grey else stages


def _builder(config: NetworkSettings) -> Callable[..., networks.Network]:
    """The function of an architecture, with the settings that only some have."""
    name = config.architecture
    if name == "shapesnet":
        return partial(networks.shapesnet, batch_norm=config.batch_norm)
    if name.startswith("resnet"):
        depth = int(name.removeprefix("resnet"))
        if depth in CIFAR_DEPTHS:
            return partial(networks.cifar_resnet, depth=depth, shortcut=config.shortcut)
        return partial(networks.resnet, depth=depth, stem=config.stem)
    build: dict[str, Callable[..., networks.Network]] = {
        "alexnet": partial(networks.alexnet, batch_norm=config.batch_norm),
        "caffe_alexnet": networks.caffe_alexnet,
        **{
            f"vgg{depth}": partial(
                networks.vgg, depth=depth, batch_norm=config.batch_norm
            )
            for depth in CONVOLUTIONS
        },
    }
    return partial(
        build[name], grid=config.grid, hidden=config.hidden, dropout=config.dropout
    )


def _build_lenet(config: NetworkSettings, num_classes: int) -> networks.Network:
    if len(config.hidden) != 1:
        raise BadInput(f"`network.hidden` is {config.hidden}; lenet takes one size")
    channels = 1 if config.grey else 3
    stages = networks.lenet(
        num_classes,
        hidden=config.hidden[0],
        mean=config.mean[:channels],
        std=config.std[:channels],
        convolve=convolution.for_backend(jax.default_backend()),
    )
    return (layers.grey_stage(), *stages) if config.grey else stages


@dataclass(frozen=True)
class Described:
    """What a file of weights must say about the training it is from."""

    schedule: Annotated[tuple[tuple[Side, Epochs], ...], MinLen(1)]
    classes: Annotated[tuple[str, ...], MinLen(1)]
    seed: Seed | None = None
    test_top1: Share | None = None


def described(path: Path, metadata: Mapping[str, Any]) -> Described:
    """The training that a file says it is from.

    Raises:
        BadInput: naming what is missing or cannot be.
    """
    where = f"{path}{UNSAID}"
    config = _section(metadata, "config", where)
    said = {"classes": metadata.get("classes")} | {
        name: config[name] for name in ("schedule", "seed") if name in config
    }
    accuracy = _section({"summary": {}, **metadata}, "summary", where).get("test_top1")
    if accuracy is not None:
        said["test_top1"] = accuracy
    return range_checks.read(Described, said, where, "training")


def network_config(
    metadata: Mapping[str, Any], path: Path = Path("weights")
) -> NetworkSettings:
    """The settings of the network that weights are of; nothing is built.

    Raises:
        BadInput: naming what is missing or cannot be.
    """
    where = f"{path}{UNSAID}"
    config = _section(metadata, "config", where)
    return range_checks.read(NetworkSettings, config.get("network"), where, "network")


def _section(metadata: Mapping[str, Any], name: str, where: str) -> dict[str, Any]:
    found = metadata.get(name)
    if not isinstance(found, dict):
        raise BadInput(f"{where}`{name}` is no object")
    return found


def input_facts(size: int, config: NetworkSettings) -> str:
    """What images become before the first layer, in words."""
    channels = 1 if config.grey else 3
    mean, std = (
        ", ".join(f"{x:.4g}" for x in values[:channels])
        for values in (config.mean, config.std)
    )
    colours = "RGB images in [0, 1]"
    if config.grey:
        way = "mean of channels" if config.architecture == "lenet" else LUMINANCE
        colours = f"{colours}, made grey ({way})"
    return f"{size} x {size} {colours}, minus ({mean}), over ({std})"


RED, GREEN, BLUE = layers.LUMINANCE
LUMINANCE = f"{RED:g} R + {GREEN:g} G + {BLUE:g} B"
