"""Dissection while training: unique detectors at given epochs."""

from collections.abc import Callable
from typing import Any

from jaxdissect import dissection, networks
from jaxdissect.base import Params
from jaxdissect.cli import objectives, probing
from jaxdissect.cli.config import ProtocolConfig, TrainConfig

Watch = Callable[[Params], dict[str, Any]]
"""params -> what is written into the metrics."""


def probe_images(config: TrainConfig) -> probing.ConceptImages:
    """The labelled images a network is dissected with: its own, where they have any."""
    own = {"shapes": "shapes", "squares": "shapes"}
    return probing.CONCEPT_IMAGES[own.get(config.data.name, "scenes")]


def make_watch(config: TrainConfig, network: networks.Network, size: int) -> Watch:
    """A function that dissects the layers of a network at a point of training.

    Raises:
        BadInput: unknown layer.
    """
    images = probe_images(config)
    layers = objectives.layers_of(
        network, config.watch.layers or networks.conv_layers(network)[-1:]
    )
    protocol = probing.make_protocol(ProtocolConfig(stride=mask_stride(size)), size)
    dissect = probing.make_dissect(
        network,
        layers,
        images,
        protocol,
        seed=config.data.seed,
        num_images=config.watch.num_images,
        image_size=size,
    )

    def watch(params: Params) -> dict[str, Any]:
        unique = {
            layer: dissection.unique_labels(result.detectors)
            for layer, result in dissect(params).items()
        }
        named = {f"unique_labels_{layer}": number for layer, number in unique.items()}
        return {"unique_labels": sum(unique.values()), **named}

    return watch


def mask_stride(size: int) -> int:
    """Pixels per cell of the concept masks: 28 cells along an axis, or a few more.

    >>> [mask_stride(size) for size in (32, 64, 112, 224)]
    [1, 2, 4, 8]
    """
    strides = range(1, max(1, size // 28) + 1)
    return max(stride for stride in strides if size % stride == 0)
