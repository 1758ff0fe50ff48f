"""From the settings of a network to its table of stages."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import jax
from annotated_types import MinLen

from jaxdissect import networks
from jaxdissect.base import BadInput
from jaxdissect.cli.config import NetworkConfig, checking
from jaxdissect.cli.config.ranges import Epochs, Seed, Share, Side
from jaxdissect.networks import convolution, layers

UNSAID = " does not say which network it is of: "


def build_network(config: NetworkConfig, num_classes: int) -> networks.Network:
    """The table of stages a config describes.

    Raises:
        BadInput: a value the architecture cannot take.
    """
    convolve = convolution.for_backend(jax.default_backend())
    if config.grey and config.architecture != "lenet":
        raise BadInput(
            f"`network.grey` is for lenet only; `network.architecture` is "
            f"{config.architecture}"
        )
    if config.architecture == "lenet":
        return _build_lenet(config, num_classes)
    if config.architecture == "shapesnet":
        return networks.shapesnet(
            num_classes,
            width=config.width,
            batch_norm=config.batch_norm,
            mean=config.mean,
            std=config.std,
            convolve=convolve,
        )
    if config.architecture.startswith("resnet"):
        return networks.resnet(
            num_classes,
            depth=int(config.architecture.removeprefix("resnet")),
            width=config.width,
            mean=config.mean,
            std=config.std,
            convolve=convolve,
        )
    builders: dict[str, Callable[..., networks.Network]] = {
        "vgg16": partial(networks.vgg16, batch_norm=config.batch_norm),
        "alexnet": partial(networks.alexnet, batch_norm=config.batch_norm),
        "caffe_alexnet": networks.caffe_alexnet,
    }
    return builders[config.architecture](
        num_classes,
        width=config.width,
        grid=config.grid,
        hidden=config.hidden,
        dropout=config.dropout,
        mean=config.mean,
        std=config.std,
        convolve=convolve,
    )


def _build_lenet(config: NetworkConfig, num_classes: int) -> networks.Network:
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
    return checking.read(Described, said, where, "training")


def network_config(
    metadata: Mapping[str, Any], path: Path = Path("weights")
) -> NetworkConfig:
    """The settings of the network that weights are of; nothing is built.

    Raises:
        BadInput: naming what is missing or cannot be.
    """
    where = f"{path}{UNSAID}"
    config = _section(metadata, "config", where)
    return checking.read(NetworkConfig, config.get("network"), where, "network")


def _section(metadata: Mapping[str, Any], name: str, where: str) -> dict[str, Any]:
    found = metadata.get(name)
    if not isinstance(found, dict):
        raise BadInput(f"{where}`{name}` is no object")
    return found


def input_facts(size: int, config: NetworkConfig) -> str:
    """What images become before the first layer, in words."""
    mean, std = (
        ", ".join(f"{x:.4g}" for x in values) for values in (config.mean, config.std)
    )
    return f"{size} x {size} RGB images in [0, 1], minus ({mean}), over ({std})"
