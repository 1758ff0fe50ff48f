"""AlexNet: torchvision's, with or without BatchNorm, and Caffe's, of two groups.

Reference:
    Krizhevsky, Sutskever and Hinton, ImageNet classification with deep convolutional
    neural networks, NeurIPS 2012; Krizhevsky, One weird trick for parallelizing
    convolutional neural networks, 2014.
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
    # features, size, stride, padding, pooled afterwards
    (64, 11, 4, 2, True),
    (192, 5, 1, 2, True),
    (384, 3, 1, 1, False),
    (256, 3, 1, 1, False),
    (256, 3, 1, 1, True),
)


def alexnet(
    num_classes: int,
    *,
    width: float = 1.0,
    batch_norm: bool = False,
    grid: int = 6,
    hidden: Sequence[int] = (4096, 4096),
    dropout: float = 0.5,
    mean: Sequence[float] = (0.5, 0.5, 0.5),
    std: Sequence[float] = (0.25, 0.25, 0.25),
    convolve: Convolution = lax.conv_general_dilated,
) -> Network:
    """The stages conv1 .. conv5, pool1, pool2, pool5, fc6 .. and logits.

    Args:
        num_classes: K.
        width: multiplies every convolution's number of units.
        batch_norm: put BatchNorm between each convolution and its ReLU.
        grid: the maps are averaged to grid x grid before the first fully connected
            layer, as torchvision does; 6 leaves images of 224 pixels as they are.
        hidden: sizes of the hidden fully connected layers.
        dropout: rate after each hidden fully connected layer.
        mean: per-channel mean of images in [0, 1], subtracted first.
        std: per-channel standard deviation, divided by.
        convolve: computes the convolutions (see `convolution.for_backend`).

    Returns:
        The table of stages.

    >>> from jaxdissect import networks
    >>> networks.layer_names(networks.alexnet(10))[:4]
    ('input', 'conv1.conv', 'conv1', 'pool1')
    """
    stages: list[Stage] = [input_stage(mean, std)]
    for number, (features, size, stride, padding, pooled) in enumerate(LAYERS, 1):
        stages += unit_layer(
            partial(
                convolution,
                features=max(1, round(features * width)),
                size=size,
                stride=stride,
                padding=padding,
                convolve=convolve,
            ),
            f"conv{number}",
            suffix="conv",
            batch_norm=batch_norm,
        )
        if pooled:
            stages.append(max_pool(f"pool{number}", size=3))
    stages.append(average_pool("avgpool", grid))
    return (*stages, *classifier(num_classes, hidden, first=6, dropout=dropout))


CAFFE_LAYERS = (
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
        CAFFE_LAYERS, 1
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
