"""A network of two convolutions for the set of coloured shapes.

Reference:
    Varshneya et al., Learning interpretable concept groups in CNNs, IJCAI 2021.
"""

from collections.abc import Sequence
from functools import partial

from jax import lax

from jaxdissect.networks.layers import (
    Convolution,
    average_pool,
    classifier,
    convolution,
    input_stage,
    max_pool,
    unit_layer,
)
from jaxdissect.networks.stages import Network


def shapesnet(
    num_classes: int,
    *,
    width: float = 1.0,
    batch_norm: bool = False,
    mean: Sequence[float] = (0.5, 0.5, 0.5),
    std: Sequence[float] = (0.25, 0.25, 0.25),
    convolve: Convolution = lax.conv_general_dilated,
) -> Network:
    """The stages conv1, pool1, conv2, avgpool, fc3 and logits.

    Args:
        num_classes: K.
        width: multiplies the units of the convolutions, 128 and 256.
        batch_norm: put BatchNorm between each convolution and its ReLU.
        mean: per-channel mean of images in [0, 1], subtracted first.
        std: per-channel standard deviation, divided by.
        convolve: computes the convolutions (see `convolution.for_backend`).

    Returns:
        The table of stages, for images of any size from 2 x 2.

    >>> from jaxdissect import networks
    >>> networks.layer_names(networks.shapesnet(45))[-5:]
    ('conv2.conv', 'conv2', 'avgpool', 'fc3', 'logits')
    """

    def layer(number: int, features: int):
        units = max(1, round(features * width))
        return unit_layer(
            partial(convolution, features=units, convolve=convolve),
            f"conv{number}",
            suffix="conv",
            batch_norm=batch_norm,
        )

    return (
        input_stage(mean, std),
        *layer(1, 128),
        max_pool("pool1"),
        *layer(2, 256),
        average_pool("avgpool", 1),
        *classifier(num_classes, (), first=3, dropout=0.0),
    )
