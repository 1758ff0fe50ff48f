"""From the settings of a network to its table of stages."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax

from jaxdissect import networks, weights
from jaxdissect.base import BadInput
from jaxdissect.cli.config import NetworkConfig
from jaxdissect.networks import convolution, layers
from jaxdissect.networks.resnet import CIFAR_DEPTHS
from jaxdissect.networks.vgg import CONVOLUTIONS


def build_network(config: NetworkConfig, num_classes: int) -> networks.Network:
    """The table of stages a config describes.

    Raises:
        BadInput: a value the architecture cannot take.
    """
    if not config.width > 0:
        raise BadInput(f"`network.width` is {config.width}; it must be positive")
    if not 0 <= config.dropout < 1:
        raise BadInput(f"`network.dropout` is {config.dropout}; it must be in [0, 1)")
    if config.grid < 1:
        raise BadInput(f"`network.grid` is {config.grid}; it must be positive")
    if min(config.std) <= 0:
        raise BadInput(f"`network.std` is {config.std}; it must be positive")
    if min(config.hidden, default=1) < 1:
        raise BadInput(f"`network.hidden` is {config.hidden}; sizes must be positive")
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


def _builder(config: NetworkConfig) -> Callable[..., networks.Network]:
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
