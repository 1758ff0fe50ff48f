"""From the settings of a network to its table of stages."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax

from jaxdissect import networks, weights
from jaxdissect.base import BadInput
from jaxdissect.cli.config import NetworkConfig
from jaxdissect.networks import convolution, layers


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


def network_config(loaded: weights.Weights) -> NetworkConfig:
    """The settings of the network that weights are of."""
    settings: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in loaded.metadata["config"]["network"].items()
    }
    return NetworkConfig(**settings)


def input_facts(size: int, config: NetworkConfig) -> str:
    """What images become before the first layer, in words."""
    mean, std = (
        ", ".join(f"{x:.4g}" for x in values) for values in (config.mean, config.std)
    )
    return f"{size} x {size} RGB images in [0, 1], minus ({mean}), over ({std})"
