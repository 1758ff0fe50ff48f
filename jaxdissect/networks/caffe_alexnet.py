"""AlexNet as Caffe had it: convolutions in groups, local response normalization.

Another network than `alexnet`, although both go by that name; the AlexNets trained on
Places are of this kind.

Reference:
    Krizhevsky, Sutskever and Hinton, ImageNet classification with deep convolutional
    neural networks, NIPS 2012; pooling before normalization as in Caffe's model zoo.
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
    local_response_normalization,
    max_pool,
    unit_layer,
)
from jaxdissect.networks.stages import Network, Stage

LAYERS = (
    # features, size, stride, padding, groups, pooled, normalized
    (96, 11, 4, 0, 1, True, True),
    (256, 5, 1, 2, 2, True, True),
    (384, 3, 1, 1, 1, False, False),
    (384, 3, 1, 1, 2, False, False),
    (256, 3, 1, 1, 2, True, False),
)


def caffe_alexnet(
    num_classes: int,
    *,
    width: float = 1.0,
    grid: int = 6,
    hidden: Sequence[int] = (4096, 4096),
    dropout: float = 0.5,
    mean: Sequence[float] = (0.5, 0.5, 0.5),
    std: Sequence[float] = (0.25, 0.25, 0.25),
    convolve: Convolution = lax.conv_general_dilated,
) -> Network:
    """The stages conv1 .. conv5, pool1, norm1, pool2, norm2, pool5, fc6 .. and logits.

    Args:
        num_classes: K.
        width: multiplies every convolution's number of units, kept even.
        grid: the maps are averaged to grid x grid before the first fully connected
            layer; 6 leaves images of 227 pixels as they are.
        hidden: sizes of the hidden fully connected layers.
        dropout: rate after each hidden fully connected layer.
        mean: per-channel mean of images in [0, 1], subtracted first.
        std: per-channel standard deviation, divided by.
        convolve: computes the convolutions (see `convolution.for_backend`).

    Returns:
        The table of stages.

    >>> from jaxdissect import networks
    >>> networks.layer_names(networks.caffe_alexnet(10))[3:8]
    ('pool1', 'norm1', 'conv2.conv', 'conv2', 'pool2')
    """
    stages: list[Stage] = [input_stage(mean, std)]
    for number, (features, size, stride, padding, groups, *then) in enumerate(
        LAYERS, 1
    ):
        pooled, normalized = then
        stages += unit_layer(
            partial(
                convolution,
                features=2 * max(1, round(features * width / 2)),
                size=size,
                stride=stride,
                padding=padding,
                groups=groups,
                convolve=convolve,
            ),
            f"conv{number}",
            suffix="conv",
        )
        if pooled:
            stages.append(max_pool(f"pool{number}", size=3))
        if normalized:
            stages.append(local_response_normalization(f"norm{number}"))
    stages.append(average_pool("avgpool", grid))
    return (*stages, *classifier(num_classes, hidden, first=6, dropout=dropout))
