"""A small tanh LeNet for faces: three 5 x 5 convolutions of 5, 8 and 10 maps.

Reference:
    LeCun et al., Gradient-based learning applied to document recognition, 1998; this
    variant follows Lo, Cohen and Ding, Prediction gradients, FG 2015.
"""

from collections.abc import Sequence
from functools import partial

import jax.numpy as jnp
from jax import lax

from jaxdissect.networks.layers import (
    Convolution,
    convolution,
    fully_connected,
    input_stage,
    logits,
    max_pool,
    unit_layer,
)
from jaxdissect.networks.stages import Network, Stage


def lenet(
    num_classes: int,
    *,
    maps: Sequence[int] = (5, 8, 10),
    hidden: int = 20,
    mean: Sequence[float] = (0.5,),
    std: Sequence[float] = (0.25,),
    convolve: Convolution = lax.conv_general_dilated,
) -> Network:
    """The stages conv1, pool1, .. conv3, pool3, fc4, fc5 and logits; tanh throughout.

    Args:
        num_classes: K.
        maps: units of the three convolutions.
        hidden: units of the fully connected layer before the logits.
        mean: per-channel mean of images in [0, 1], subtracted first.
        std: per-channel standard deviation, divided by.
        convolve: computes the convolutions (see `convolution.for_backend`).

    Returns:
        The table of stages; 60 x 60 grey images give maps of 28, 12 and 4. For grey
        images with equal channels put `layers.grey_stage()` before it.

    >>> from jaxdissect import networks
    >>> networks.layer_names(networks.lenet(15))[-4:]
    ('fc4.dense', 'fc4', 'fc5', 'logits')
    """
    stages: list[Stage] = [input_stage(mean, std)]
    for number, units in enumerate(maps, 1):
        stages += unit_layer(
            partial(convolution, features=units, size=5, padding=0, convolve=convolve),
            f"conv{number}",
            suffix="conv",
            function=jnp.tanh,
        )
        stages.append(max_pool(f"pool{number}"))
    stages += unit_layer(
        partial(fully_connected, features=hidden),
        "fc4",
        suffix="dense",
        function=jnp.tanh,
    )
    return (*stages, fully_connected("fc5", num_classes), logits())
