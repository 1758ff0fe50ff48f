"""Which network a state dictionary is of, and what its tensors are called."""

import difflib
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

from jaxdissect.base import BadInput
from jaxdissect.networks import (
    Network,
    alexnet,
    caffe_alexnet,
    layer_index,
    resnet,
    vgg16,
)
from jaxdissect.networks.resnet import BLOCKS, BOTTLENECKS, FEATURES

Shapes = Mapping[str, tuple[int, ...]]
Naming = Callable[[Network, str], str]
"""(network, name of a stage with weights) -> what its tensors' names begin with."""


class Recognised(NamedTuple):
    """The network a state dictionary is of.

    Attributes:
        architecture: `vgg16`, `alexnet`, `caffe_alexnet`, `resnet18`, ...
        build: (num_classes, **options) -> its table of stages.
        num_classes: K.
        options: keywords of `build` that the shapes tell: width, hidden, ...
        naming: what its tensors are called.
    """

    architecture: str
    build: Callable[..., Network]
    num_classes: int
    options: Mapping[str, Any]
    naming: Naming


def recognise(shapes: Shapes) -> Recognised:
    """The network whose names and shapes these are.

    Known are torchvision's VGG-16 (also with BatchNorm), AlexNet and ResNets, VGG-16
    with the names of timm (up to 224 pixels the same network) or of the Places365
    network of Bau et al. (PNAS 2020), AlexNet as in Caffe, and ResNets from Lua.

    Args:
        shapes: {name: shape} of a state dictionary.

    Raises:
        BadInput: none of these.

    >>> recognise({"embedding.weight": (10, 4)})
    Traceback (most recent call last):
    ...
    jaxdissect.base.BadInput: the checkpoint is of no known network: it has embedding...
    """
    first, size = _first_convolution(shapes)
    if first == "features.0" and size == 11:
        return _chain("alexnet", alexnet, shapes, torchvision(ALEXNET_HEADS))
    if first == "conv1" and size == 11:
        return _chain("caffe_alexnet", caffe_alexnet, shapes, flat)
    if first == "features.0" and size == 3:
        heads = TIMM_HEADS if "head.fc.weight" in shapes else VGG_HEADS
        return _chain("vgg16", vgg16, shapes, torchvision(heads))
    if first == "features.conv1_1" and size == 3:
        return _chain("vgg16", vgg16, shapes, csail)
    if first == "conv1" and size == 7:
        return _resnet(shapes, torchvision_resnet)
    if first == "0" and size == 7:
        return _resnet(shapes, lua_resnet)
    found = ", ".join([*list(shapes)[:3], "..."][: len(shapes)]) or "no tensors"
    raise BadInput(
        f"the checkpoint is of no known network: it has {found}; known are VGG-16, "
        "AlexNet and ResNet by the names of torchvision and of the Places365 networks"
    )


def nearest(name: str, allowed: list[str]) -> str:
    """Which name may have been meant, for a message.

    >>> nearest("features.0.weigth", ["features.0.bias", "features.0.weight"])
    ' (did you mean features.0.weight?)'
    """
    close = difflib.get_close_matches(name, allowed, n=1)
    return f" (did you mean {close[0]}?)" if close else ""


VGG_HEADS = ("classifier.0", "classifier.3", "classifier.6")
TIMM_HEADS = ("pre_logits.fc1", "pre_logits.fc2", "head.fc")
ALEXNET_HEADS = ("classifier.1", "classifier.4", "classifier.6")


def torchvision(heads: tuple[str, ...]) -> Naming:
    """Features by their place in the table, where the input stage comes first.

    >>> naming = torchvision(VGG_HEADS)
    >>> naming(vgg16(10), "conv5_3.conv"), naming(vgg16(10), "fc6.dense")
    ('features.28', 'classifier.0')
    """

    def naming(network: Network, stage: str) -> str:
        if stage.startswith("fc"):
            return heads[int(stage[2]) - 6]
        return f"features.{layer_index(network, stage) - 1}"

    return naming


def csail(network: Network, stage: str) -> str:
    """The names of the VGG-16 that Bau et al. published, PNAS 2020."""
    layer = stage.partition(".")[0]
    if layer == "fc8":
        return "classifier.fc8a"
    return f"classifier.{layer}" if layer.startswith("fc") else f"features.{layer}"


def flat(network: Network, stage: str) -> str:
    """Layers by their plain names, as in a network converted from Caffe."""
    return stage.partition(".")[0]


def torchvision_resnet(network: Network, stage: str) -> str:
    """`layer1.0.conv2`, `layer1.0.bn2`, `layer2.0.downsample.0`, ...

    >>> torchvision_resnet((), "layer1.0.conv2.bn")
    'layer1.0.bn2'
    """
    stage = stage.replace("shortcut.conv", "downsample.0")
    stage = stage.replace("shortcut.bn", "downsample.1")
    stage = re.sub(r"conv(\d)\.bn$", r"bn\1", stage)
    return re.sub(r"conv(\d)\.conv$", r"conv\1", stage)


def lua_resnet(network: Network, stage: str) -> str:
    """Places in nested sequences: group, block, (branch, shortcut), layer.

    >>> lua_resnet((), "layer1.0.conv2.bn"), lua_resnet((), "layer2.0.shortcut.conv")
    ('4.0.0.0.4', '5.0.0.1.0')
    """
    fixed = {"conv1.conv": "0", "conv1.bn": "1", "fc": "10.1"}
    if stage in fixed:
        return fixed[stage]
    group, block, layer, kind = stage.split(".")
    place = f"{int(group[-1]) + 3}.{block}.0"
    norm = int(kind == "bn")
    if layer == "shortcut":
        return f"{place}.1.{norm}"
    return f"{place}.0.{3 * (int(layer[-1]) - 1) + norm}"


def _first_convolution(shapes: Shapes) -> tuple[str, int]:
    for name, shape in shapes.items():
        if len(shape) == 4 and shape[1] == 3:
            return name.removesuffix(".weight"), shape[-1]
    return "", 0


def _chain(architecture: str, build, shapes: Shapes, naming: Naming) -> Recognised:
    """VGG and AlexNet: width, BatchNorm and the fully connected layers from shapes."""
    usual = build(1)
    batch_norm = architecture == "vgg16" and "features.1.running_mean" in shapes
    if batch_norm:
        usual = build(1, batch_norm=True)
    convolutions = [s.name for s in usual if s.name.endswith(".conv")]
    names = [naming(usual, name) for name in (convolutions[0], convolutions[-1])]
    heads = [naming(usual, stage) for stage in ("fc6", "fc7", "fc8")]
    while len(heads) > 1 and f"{heads[-1]}.weight" not in shapes:
        heads.pop()
    for name in (*names, *heads):
        check_kernel(shapes, f"{name}.weight", lambda: names_in(usual, naming))
    first, last = (shapes[f"{name}.weight"][0] for name in names)
    kernels = [shapes[f"{name}.weight"] for name in heads]
    # timm keeps the first fully connected layer as a convolution.
    cells = kernels[0][-1] ** 2 if len(kernels[0]) == 4 else kernels[0][1] / last
    options = {
        "width": first / FIRST_UNITS[architecture],
        "grid": round(cells**0.5),
        "hidden": tuple(kernel[0] for kernel in kernels[:-1]),
    }
    if batch_norm:
        options["batch_norm"] = True
    return Recognised(architecture, build, kernels[-1][0], options, naming)


FIRST_UNITS = {"vgg16": 64, "alexnet": 64, "caffe_alexnet": 96}
"""Units of the first convolution at full width."""


def _resnet(shapes: Shapes, naming: Naming) -> Recognised:
    numbers = []
    for group in range(1, 5):
        blocks = 0
        while f"{naming((), f'layer{group}.{blocks}.conv1.conv')}.weight" in shapes:
            blocks += 1
        numbers.append(blocks)
    bottleneck = f"{naming((), 'layer1.0.conv3.conv')}.weight" in shapes
    depths = [
        depth
        for depth, blocks in BLOCKS.items()
        if blocks == tuple(numbers) and (depth in BOTTLENECKS) == bottleneck
    ]
    if not depths:
        raise BadInput(
            f"the checkpoint is of a ResNet with {numbers} blocks; known are the "
            f"depths {', '.join(map(str, BLOCKS))}"
        )
    (depth,), fc = depths, f"{naming((), 'fc')}.weight"
    build = partial(resnet, depth=depth)
    check_kernel(shapes, fc, lambda: names_in(build(1), naming))
    first = shapes[f"{naming((), 'conv1.conv')}.weight"][0]
    options = {"width": first / FEATURES[0]}
    return Recognised(f"resnet{depth}", build, shapes[fc][0], options, naming)


def names_in(network: Network, naming: Naming) -> set[str]:
    """What tensors of a network may be called.

    >>> "features.28.weight" in names_in(vgg16(10), torchvision(VGG_HEADS))
    True
    """
    stages = [inner.name for stage in network for inner in (*stage.branch, stage)]
    blocks = [stage.name for stage in network if stage.branch]
    stages += [
        f"{block}.shortcut.{part}" for block in blocks for part in ("conv", "bn")
    ]
    weighted = [n for n in stages if re.search(r"\.(conv|bn|dense)$|^fc\d?$", n)]
    kinds = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    return {f"{naming(network, stage)}.{kind}" for stage in weighted for kind in kinds}


def check_kernel(shapes: Shapes, name: str, usual: Callable[[], set[str]]) -> None:
    """Refuse a state dictionary without a kernel that tells the network's size.

    Args:
        shapes: of the state dictionary.
        name: of the kernel.
        usual: () -> names that are no misspelling of it.

    Raises:
        BadInput: naming what may have been meant, or the shape.
    """
    if name not in shapes:
        known = usual()
        unusual = [other for other in shapes if other not in known]
        raise BadInput(f"the checkpoint lacks {name}{nearest(name, unusual)}")
    if len(shapes[name]) not in (2, 4) or 0 in shapes[name]:
        raise BadInput(
            f"{name} has shape {list(shapes[name])}; a kernel has 2 or 4 axes, none of "
            "them empty"
        )
