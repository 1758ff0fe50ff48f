"""Residual networks: ResNet-18, 34, 50, 101 and 152, and those of CIFAR.

Reference:
    He et al., Deep residual learning for image recognition, CVPR 2016. The stride of a
    bottleneck is at its 3 x 3 convolution, as in Gross and Wilber, Training and
    investigating residual nets, 2016. Those of CIFAR are of section 4.2.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import jax
import jax.numpy as jnp
from jax import Array, lax

from jaxdissect.errors import BadInput
from jaxdissect.layer_names import BLOCKS, CIFAR_DEPTHS
from jaxdissect.networks import running
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
from jaxdissect.networks.stages import (
    Network,
    Stage,
    Variables,
    Window,
    function_stage,
    normalization_stage,
)
from jaxdissect.networks.windows import composed

FEATURES = (64, 128, 256, 512)
"""Units of the 3 x 3 convolutions in each group of blocks."""
BOTTLENECKS = (50, 101, 152)
"""Depths whose blocks are bottlenecks, with four times as many units at the end."""
CIFAR_FEATURES = (16, 32, 64)


def resnet(
    num_classes: int,
    *,
    depth: int = 50,
    width: float = 1.0,
    stem: str = "usual",
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
        stem: `usual` is a 7 x 7 convolution of stride 2 and max pooling; `small`, for
            images of some 32 pixels, a 3 x 3 convolution of stride 1 and no pooling.
        mean: per-channel mean of images in [0, 1], subtracted first.
        std: per-channel standard deviation, divided by.
        convolve: computes the convolutions (see `convolution.for_backend`).

    Returns:
        The table of stages, for images of any size from 32 x 32.

    Raises:
        BadInput: another depth or stem.

    >>> from jaxdissect import networks
    >>> networks.unit_layers(networks.resnet(10, depth=18))[-2:]
    ('layer4.0', 'layer4.1')
    """
    if depth not in BLOCKS:
        allowed = ", ".join(map(str, BLOCKS))
        raise BadInput(f"`depth` is {depth}; allowed are {allowed}")
    if stem not in ("usual", "small"):
        raise BadInput(f"`stem` is {stem!r}; allowed are 'usual' and 'small'")
    conv = partial(convolution, bias=False, convolve=convolve)
    units = [max(1, round(features * width)) for features in FEATURES]
    bottleneck = depth in BOTTLENECKS
    return (
        input_stage(mean, std),
        *(_small_stem if stem == "small" else _stem)(conv, units[0]),
        *_groups(
            conv,
            units,
            BLOCKS[depth],
            _bottleneck if bottleneck else _basic,
            partial(_projection, conv),
            widens_at_first=bottleneck,
        ),
        average_pool("avgpool", 1),
        fully_connected("fc", num_classes),
        logits(),
    )


def cifar_resnet(
    num_classes: int,
    *,
    depth: int = 20,
    width: float = 1.0,
    shortcut: str = "padding",
    mean: Sequence[float] = (0.5, 0.5, 0.5),
    std: Sequence[float] = (0.25, 0.25, 0.25),
    convolve: Convolution = lax.conv_general_dilated,
) -> Network:
    """The stages conv1, layer1.0 .. layer3.2, avgpool, fc and logits.

    Args:
        num_classes: K.
        depth: 8, 14, 20, 26, 32, 38, 44, 56 or 110.
        width: multiplies every convolution's number of units, 16, 32 and 64.
        shortcut: around a block that halves and widens the maps: every other cell
            with units of zeros, half of them before and half behind (`padding`, option
            A of the paper), or a 1 x 1 convolution (`projection`, option B).
        mean: per-channel mean of images in [0, 1], subtracted first.
        std: per-channel standard deviation, divided by.
        convolve: computes the convolutions (see `convolution.for_backend`).

    Returns:
        The table of stages.

    Raises:
        BadInput: another depth or shortcut.

    >>> from jaxdissect import networks
    >>> networks.unit_layers(networks.cifar_resnet(10, depth=8))
    ('conv1', 'layer1.0', 'layer2.0', 'layer3.0')
    """
    if depth not in CIFAR_DEPTHS:
        allowed = ", ".join(map(str, CIFAR_DEPTHS))
        raise BadInput(f"`depth` is {depth}; allowed are {allowed}")
    if shortcut not in ("padding", "projection"):
        raise BadInput(
            f"`shortcut` is {shortcut!r}; allowed are 'padding' and 'projection'"
        )
    conv = partial(convolution, bias=False, convolve=convolve)
    units = [max(1, round(features * width)) for features in CIFAR_FEATURES]
    around = _padded if shortcut == "padding" else partial(_projection, conv)
    return (
        input_stage(mean, std),
        *_small_stem(conv, units[0]),
        *_groups(conv, units, 3 * ((depth - 2) // 6,), _basic, around),
        average_pool("avgpool", 1),
        fully_connected("fc", num_classes),
        logits(),
    )


def _stem(conv, units: int) -> list[Stage]:
    first = _unit(conv, "conv1", units, size=7, stride=2, padding=3)
    return [*first, max_pool("pool1", size=3, stride=2, padding=1)]


def _small_stem(conv, units: int) -> list[Stage]:
    return _unit(conv, "conv1", units, size=3, stride=1, padding=1)


def _groups(
    conv,
    units: Sequence[int],
    blocks: Sequence[int],
    block: Callable[..., Stage],
    around: Callable[[str, int, int], Network],
    *,
    widens_at_first: bool = False,
) -> Iterator[Stage]:
    """The first block of each group but the first halves the maps and widens them."""
    for group, (features, number) in enumerate(zip(units, blocks, strict=True)):
        for n in range(number):
            stride = 2 if group and not n else 1
            widens = not n and (bool(group) or widens_at_first)
            name = f"layer{group + 1}.{n}"
            yield block(conv, name, features, stride, around if widens else _nothing)


def _basic(conv, name: str, features: int, stride: int, around) -> Stage:
    return residual_stage(
        name,
        (
            *_unit(conv, f"{name}.conv1", features, size=3, stride=stride, padding=1),
            *_linear(conv, f"{name}.conv2", features, size=3, stride=1, padding=1),
        ),
        around(f"{name}.shortcut", features, stride),
    )


def _bottleneck(conv, name: str, features: int, stride: int, around) -> Stage:
    pointwise = partial(_linear, conv, size=1, padding=0)
    return residual_stage(
        name,
        (
            *_unit(conv, f"{name}.conv1", features, size=1, stride=1, padding=0),
            *_unit(conv, f"{name}.conv2", features, size=3, stride=stride, padding=1),
            *pointwise(f"{name}.conv3", 4 * features, stride=1),
        ),
        around(f"{name}.shortcut", 4 * features, stride),
    )


def _nothing(name: str, features: int, stride: int) -> Network:
    return ()


def _projection(conv, name: str, features: int, stride: int) -> Network:
    return _linear(conv, name, features, size=1, stride=stride, padding=0)


def _padded(name: str, features: int, stride: int) -> Network:
    """Every `stride`-th cell, and units of zeros on both sides of those there are."""

    def around(x: Array) -> Array:
        before = (features - x.shape[-1]) // 2
        behind = features - x.shape[-1] - before
        cells = x[:, ::stride, ::stride]
        return jnp.pad(cells, ((0, 0), (0, 0), (0, 0), (before, behind)))

    window = Window(stride=stride)
    return (function_stage(name, around, window=lambda length: window),)


def _unit(conv, name: str, features: int, **shape: int) -> list[Stage]:
    linear = partial(conv, features=features, **shape)
    return unit_layer(linear, name, suffix="conv", batch_norm=True)


def _linear(conv, name: str, features: int, **shape: int) -> Network:
    """Convolution and BatchNorm; what is added has no nonlinearity of its own."""
    linear = conv(f"{name}.conv", features=features, **shape)
    return (linear, normalization_stage(f"{name}.bn"))


def residual_stage(name: str, branch: Network, shortcut: Network) -> Stage:
    """relu(shortcut(x) + branch(x)), a clean cut; the branch can be tapped and edited.

    Args:
        name: of the block.
        branch: the stages that the shortcut goes around.
        shortcut: the stages of the way around; none for the identity.
    """

    def join(variables: Variables, x: Array, residual: Array) -> Array:
        around = running.apply(shortcut, running.turned(variables), x)
        return jax.nn.relu(around + residual)

    def init(key: Array, x: Array) -> Variables:
        halves = jax.random.split(key)
        _, *shape = x.shape
        started = [
            running.init(half, stages, (shape[0], shape[1], shape[2]))
            for half, stages in zip(halves, (branch, shortcut), strict=True)
        ]
        return running.turned({**started[0], **started[1]})

    def apply(variables: Variables, x: Array) -> Array:
        return join(variables, x, running.apply(branch, running.turned(variables), x))

    def train(variables: Variables, key: Array, x: Array) -> tuple[Array, Variables]:
        keys = jax.random.split(key)
        residual, params, _ = running.train_run(
            keys[0], branch, running.turned(variables), x
        )
        around, params, _ = running.train_run(keys[1], shortcut, params, x)
        return jax.nn.relu(around + residual), running.turned(params)

    return Stage(
        name,
        init=init,
        apply=apply,
        train=train,
        windows=lambda height, width: composed(branch, height, width),
        branch=branch,
        join=join,
    )
