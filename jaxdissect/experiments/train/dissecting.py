"""Dissection while training: unique detectors at given epochs."""

import dataclasses
from collections.abc import Callable
from typing import Any

from jaxdissect import dissection, networks
from jaxdissect.base import Params
from jaxdissect.data import generated
from jaxdissect.data.concepts import Concept
from jaxdissect.experiments.train import objectives
from jaxdissect.experiments.train.settings import TrainSettings
from jaxdissect.runs import probes
from jaxdissect.settings import ProtocolSettings

Watch = Callable[[Params], dict[str, Any]]
"""params -> what is written into the metrics."""


def probe_images(settings: TrainSettings) -> str:
    """The generator of the images a network is dissected with: its own, if labelled."""
    own = {"shapes": "shapes", "squares": "shapes"}
    return own.get(settings.data.name, "scenes")


def probe_concepts(settings: TrainSettings) -> tuple[Concept, ...]:
    """What is labelled on those images."""
    return generated.GENERATORS[probe_images(settings)].concepts


def make_protocol(settings: ProtocolSettings, size: int) -> dissection.Protocol:
    """A protocol whose masks, unless told otherwise, are as fine as the images allow.

    Raises:
        BadInput: a value that is not allowed, or does not fit the images.
    """
    stride = settings.stride or mask_stride(size)
    return probes.make_protocol(dataclasses.replace(settings, stride=stride), size)


def make_dissect(
    settings: TrainSettings,
    network: networks.Network,
    layers: tuple[str, ...],
    protocol: dissection.Protocol,
    num_images: int,
    size: int,
) -> Callable[[Params], dict[str, dissection.Dissection]]:
    """`probing.make_dissect` on the images that go with a training."""
    return probes.make_dissect(
        network,
        layers,
        probe_images(settings),
        protocol,
        seed=settings.data.seed,
        num_images=num_images,
        image_size=size,
    )


def make_watch(settings: TrainSettings, network: networks.Network, size: int) -> Watch:
    """A function that dissects the layers of a network at a point of training.

    Raises:
        BadInput: unknown layer, or more images than there are.
    """
    layers = objectives.layers_of(
        network, settings.watch.layers or networks.unit_layers(network)[-1:]
    )
    generated.split_indices("probe", settings.watch.num_images)
    protocol = make_protocol(ProtocolSettings(), size)
    concepts = probe_concepts(settings)
    dissect = make_dissect(
        settings, network, layers, protocol, settings.watch.num_images, size
    )

    def watch(params: Params) -> dict[str, Any]:
        seen = {
            layer: dissection.headline(result, concepts, protocol)
            for layer, result in dissect(params).items()
        }
        by_layer = {f"unique_labels_{n}": h.unique_labels for n, h in seen.items()}
        return {
            "unique_labels": sum(by_layer.values()),
            "unique_by_category": sum(h.unique_by_category for h in seen.values()),
            **by_layer,
        }

    return watch


def mask_stride(size: int) -> int:
    """Pixels per cell of the concept masks: 28 cells along an axis, or a few more.

    >>> [mask_stride(size) for size in (32, 64, 112, 224)]
    [1, 2, 4, 8]
    """
    strides = range(1, max(1, size // 28) + 1)
    return max(stride for stride in strides if size % stride == 0)
