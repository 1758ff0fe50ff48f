"""VGG-11, 13, 16 and 19, with or without BatchNorm, with either head.

Reference:
    Simonyan and Zisserman, Very deep convolutional networks for large-scale image
    recognition, ICLR 2015.
"""

from collections.abc import Sequence
from functools import partial

from jax import lax

from jaxdissect.errors import BadInput
from jaxdissect.layer_names import CONVOLUTIONS
from jaxdissect.networks.layers import (
    Convolution,
    average_pool,
    classifier,
    convolution,
    input_stage,
    max_pool,
    unit_layer,
)
from jaxdissect.networks.stages import Network, Stage

FEATURES = (64, 128, 256, 512, 512)
"""Units of the convolutions of each group; a max-pool follows every group."""


def vgg(
    num_classes: int,
    *,
    depth: int = 16,
    width: float = 1.0,
    batch_norm: bool = False,
    grid: int = 7,
    hidden: Sequence[int] = (4096, 4096),
    dropout: float = 0.5,
    mean: Sequence[float] = (0.5, 0.5, 0.5),
    std: Sequence[float] = (0.25, 0.25, 0.25),
    convolve: Convolution = lax.conv_general_dilated,
) -> Network:
    """The stages conv1_1 .. conv5_3, pool1 .. pool5, fc6 .. and logits.

    Args:
        num_classes: K.
        depth: 11, 13, 16 or 19.
        width: multiplies every convolution's number of units.
        batch_norm: put BatchNorm between each convolution and its ReLU.
        grid: the maps are averaged to grid x grid before the first fully connected
            layer, as torchvision does; 7 leaves images of 224 pixels as they are, 1
            leaves those of 32 (the CIFAR head) and makes the network blind to place.
        hidden: sizes of the hidden fully connected layers; (4096, 4096) is the
            ImageNet and Places head, () the CIFAR head, a single linear map.
        dropout: rate after each hidden fully connected layer.
        mean: per-channel mean of images in [0, 1], subtracted first.
        std: per-channel standard deviation, divided by.
        convolve: computes the convolutions (see `convolution.for_backend`).

    Returns:
        The table of stages.

    Raises:
        BadInput: another depth.

    >>> from jaxdissect import networks
    >>> networks.layer_names(networks.vgg(10, depth=16, grid=1, hidden=()))[-5:]
    ('conv5_3', 'pool5', 'avgpool', 'fc6', 'logits')
    """
    if depth not in CONVOLUTIONS:
        allowed = ", ".join(map(str, CONVOLUTIONS))
        raise BadInput(f"`depth` is {depth}; allowed are {allowed}")
    stages: list[Stage] = [input_stage(mean, std)]
    groups = zip(FEATURES, CONVOLUTIONS[depth], strict=True)
    for group, (features, convolutions) in enumerate(groups, 1):
        units = max(1, round(features * width))
        for number in range(1, convolutions + 1):
            stages += unit_layer(
                partial(convolution, features=units, convolve=convolve),
                f"conv{group}_{number}",
                suffix="conv",
                batch_norm=batch_norm,
            )
        stages.append(max_pool(f"pool{group}"))
    stages.append(average_pool("avgpool", grid))
    return (*stages, *classifier(num_classes, hidden, first=6, dropout=dropout))


vgg11, vgg13, vgg16, vgg19 = (partial(vgg, depth=depth) for depth in CONVOLUTIONS)
