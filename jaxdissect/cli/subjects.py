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
    shapes = build.unit_shapes(trained, layers)
    centres = centres_of(trained.network, layers, trained.image_size)
    for layer, (height, width, _) in shapes.items():
        if height == 1 < width and not centres[layer].columns.known:
            raise BadInput(
                f"`layer` is {layer!r}, a row of {width} positions, of which it is not "
                "known where they lie on the image"
            )
    return Subject(
        partial(build.forward_to(trained.network, layers), trained.weights.params),
        centres,
        trained.image_size,
        facts,
        trained.weights.digest,
    )


def supposed(centres: Centres) -> str:
    """What is to be said of cells whose place on the image is an estimate, if any.

    >>> from jaxdissect.upsampling import Axis
    >>> supposed(Centres(Axis(0.0, 1.0), Axis(0.0, 1.0, known=False)))[:28]
    'where they lie along columns'
    """
    names = [name for name, axis in centres._asdict().items() if not axis.known]
    if not names:
        return ""
    return (
        f"where they lie along {' and '.join(names)} is an estimate, because what they "
        "look at has no measurable borders (as with attention, or norms over the map)"
    )


def centres_of(
    network: networks.Network, layers: tuple[str, ...], image_size: int
) -> dict[str, Centres]:
    """Where the cells of each layer's maps sit on the image."""
    return {layer: networks.centres(network, layer, image_size) for layer in layers}
