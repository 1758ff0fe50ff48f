"""What is dissected: any function from images to the activations of layers."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from jaxdissect import networks
from jaxdissect.base import BadInput
from jaxdissect.cli import build
from jaxdissect.upsampling import Centres


class Subject(NamedTuple):
    """A network as a dissection sees it.

    Attributes:
        forward: uint8 RGB images [B S S 3] -> {layer: acts [B H W U]}.
        centres: {layer: where the cells of its maps sit on the image}.
        image_size: S, in pixels.
        facts: {name: value} to say about the network, such as its name and accuracy.
        digest: what tells it from any other, a hash of its weights.
    """

    forward: Callable[[np.ndarray], Mapping[str, Any]]
    centres: Mapping[str, Centres]
    image_size: int
    facts: Mapping[str, str]
    digest: str


def of_trained(
    trained: build.Trained, layers: tuple[str, ...], facts: Mapping[str, str]
) -> Subject:
    """Layers of a network that `train` wrote.

    Raises:
        BadInput: unknown layer, one without units, or whose units are not laid out as
            the image is.
    """
    for layer, (height, width, _) in build.unit_shapes(trained, layers).items():
        if height == 1 < width:
            raise BadInput(
                f"`layer` is {layer!r}, a row of {width} positions, of which it is not "
                "known where they lie on the image"
            )
    return Subject(
        partial(build.forward_to(trained.network, layers), trained.weights.params),
        centres_of(trained.network, layers, trained.image_size),
        trained.image_size,
        facts,
        trained.weights.digest,
    )


def centres_of(
    network: networks.Network, layers: tuple[str, ...], image_size: int
) -> dict[str, Centres]:
    """Where the cells of each layer's maps sit on the image."""
    return {layer: networks.centres(network, layer, image_size) for layer in layers}
