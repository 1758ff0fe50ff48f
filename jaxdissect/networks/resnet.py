"""Residual networks as torchvision has them: ResNet-18, 34, 50, 101 and 152.

Reference:
    He et al., Deep residual learning for image recognition, CVPR 2016. The stride of a
    bottleneck is at its 3 x 3 convolution, as in Gross and Wilber, Training and
    investigating residual nets, 2016.
"""

from collections.abc import Sequence
from functools import partial

from jax import lax

from jaxdissect.base import BadInput
from jaxdissect.networks.layers import (
    Convolution,
    average_pool,
    convolution,
    fully_connected,
    input_stage,
    logits,
    max_pool,
    unit_layer,
)
from jaxdissect.networks.residual import residual_stage
from jaxdissect.networks.stages import Network, Stage, normalization_stage

FEATURES = (64, 128, 256, 512)
"""Units of the 3 x 3 convolutions in each group of blocks."""
BLOCKS = {
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
}
"""{depth: blocks in each group}."""
BOTTLENECKS = (50, 101, 152)
"""Depths whose blocks are bottlenecks, with four times as many units at the end."""


def resnet(
    num_classes: int,
    *,
    depth: int = 50,
    width: float = 1.0,
    mean: Sequence[float] = (0.5, 0.5, 0.5),
    std: Sequence[float] = (0.25, 0.25, 0.25),
    convolve: Convolution = lax.conv_general_dilated,
) -> Network:
    """The stages conv1, pool1, layer1.0 .. layer4.2, avgpool, fc and logits.

    Blocks have the names of torchvision. Each is one stage, whose output is a clean
    cut; what its branch has inside (`layer1.0.conv1`, ...) can be tapped and edited.

    Args:
        num_classes: K.
        depth: 18, 34, 50, 101 or 152.
        width: multiplies every convolution's number of units.
        mean: per-channel mean of images in [0, 1], subtracted first.
        std: per-channel standard deviation, divided by.
        convolve: computes the convolutions (see `convolution.for_backend`).

    Returns:
        The table of stages, for images of any size from 32 x 32.

    Raises:
        BadInput: another depth.

    >>> from jaxdissect import networks
    >>> networks.unit_layers(networks.resnet(10, depth=18))[-2:]
    ('layer4.0', 'layer4.1')
    """
    if depth not in BLOCKS:
        allowed = ", ".join(map(str, BLOCKS))
        raise BadInput(f"`depth` is {depth}; allowed are {allowed}")
    conv = partial(convolution, bias=False, convolve=convolve)
    units = [max(1, round(features * width)) for features in FEATURES]
    stages: list[Stage] = [
        input_stage(mean, std),
        *unit_layer(
            partial(conv, features=units[0], size=7, stride=2, padding=3),
            "conv1",
            suffix="conv",
            batch_norm=True,
        ),
        max_pool("pool1", size=3, stride=2, padding=1),
    ]
    block = _bottleneck if depth in BOTTLENECKS else _basic
    for group, (features, number) in enumerate(zip(units, BLOCKS[depth], strict=True)):
        for n in range(number):
            # The first block of each group but the first halves the maps, and widens
            # them unless it is basic and its group the first.
            stride = 2 if group and not n else 1
            widens = not n and (bool(group) or depth in BOTTLENECKS)
            name = f"layer{group + 1}.{n}"
            stages.append(block(conv, name, features, stride, widens))
    return (
        *stages,
        average_pool("avgpool", 1),
        fully_connected("fc", num_classes),
        logits(),
    )


def _basic(conv, name: str, features: int, stride: int, widens: bool) -> Stage:
    return residual_stage(
        name,
        (
            *_unit(conv, f"{name}.conv1", features, size=3, stride=stride, padding=1),
            *_linear(conv, f"{name}.conv2", features, size=3, stride=1, padding=1),
        ),
        _shortcut(conv, name, features, stride) if widens else (),
    )


def _bottleneck(conv, name: str, features: int, stride: int, widens: bool) -> Stage:
    pointwise = partial(_linear, conv, size=1, padding=0)
    return residual_stage(
        name,
        (
            *_unit(conv, f"{name}.conv1", features, size=1, stride=1, padding=0),
            *_unit(conv, f"{name}.conv2", features, size=3, stride=stride, padding=1),
            *pointwise(f"{name}.conv3", 4 * features, stride=1),
        ),
        _shortcut(conv, name, 4 * features, stride) if widens else (),
    )


def _shortcut(conv, name: str, features: int, stride: int) -> Network:
    name = f"{name}.shortcut"
    return _linear(conv, name, features, size=1, stride=stride, padding=0)


def _unit(conv, name: str, features: int, **shape: int) -> list[Stage]:
    linear = partial(conv, features=features, **shape)
    return unit_layer(linear, name, suffix="conv", batch_norm=True)


def _linear(conv, name: str, features: int, **shape: int) -> Network:
    """Convolution and BatchNorm; what is added has no nonlinearity of its own."""
    linear = conv(f"{name}.conv", features=features, **shape)
    return (linear, normalization_stage(f"{name}.bn"))
