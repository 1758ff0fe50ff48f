"""Which network a state dictionary is of, from its names and shapes."""

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

from jaxdissect.checkpoints import naming as names
from jaxdissect.checkpoints.naming import (
    BUILDERS,
    RECIPE,
    Naming,
    Shapes,
    check_kernel,
    listed,
    names_in,
    unknown,
)
from jaxdissect.errors import BadInput
from jaxdissect.layer_names import BLOCKS, CIFAR_DEPTHS, CONVOLUTIONS
from jaxdissect.networks import Network
from jaxdissect.networks.resnet import (
    BOTTLENECKS,
    CIFAR_FEATURES,
    FEATURES,
)

Normalization = tuple[tuple[float, ...], tuple[float, ...]]
"""Mean and standard deviation, channel by channel, of images in [0, 1]."""
IMAGENET: Normalization = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
CIFAR10: Normalization = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
CIFAR100: Normalization = (0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762)


class Recognised(NamedTuple):
    """The network a state dictionary is of.

    Attributes:
        architecture: `vgg16`, `alexnet`, `caffe_alexnet`, `resnet18`, `resnet20`, ...
        build: (num_classes, **options) -> its table of stages.
        num_classes: K.
        options: keywords of `build` that the shapes tell: width, hidden, ...
        naming: what its tensors are called, after `prefix`.
        prefix: what all names of the network begin with.
        channels: of the images it takes: 3, or 1 for grey ones.
        image_size: usual height and width of its images, in pixels.
        normalization: usual mean and standard deviation; None where none is usual.
        assumed: what neither names nor shapes tell, in words.
    """

    architecture: str
    build: Callable[..., Network]
    num_classes: int
    options: Mapping[str, Any]
    naming: Naming
    prefix: str = ""
    channels: int = 3
    image_size: int = 224
    normalization: Normalization | None = IMAGENET
    assumed: tuple[str, ...] = ()


Kind = Callable[[Shapes], Recognised]


def recognise(shapes: Shapes) -> Recognised:
    """The network whose names and shapes these are.

    Known are VGG-11, 13, 16 and 19 (also with BatchNorm), AlexNet and ResNets by the
    names of torchvision, for images of any number of channels; ResNets of CIFAR and
    ResNets with a 3 x 3 stem by the names most of them have; VGG-16 with the names of
    timm (up to 224 pixels the same network) or of the Places365 network of Bau et al.
    (PNAS 2020), AlexNet as in Caffe, and ResNets from Lua. Names may all begin with
    the same words.

    Args:
        shapes: {name: shape} of a state dictionary.

    Raises:
        BadInput: none of these, something missing, or more than one network.

    >>> recognise({"embedding.weight": (10, 4)})
    Traceback (most recent call last):
    ...
    jaxdissect.errors.BadInput: the checkpoint is of no known network: it has ...
    """
    found: dict[str, Kind] = {}
    for prefix in _prefixes(shapes):
        kind = _kind(shapes, prefix)
        if kind is not None and not any(prefix.startswith(outer) for outer in found):
            found[prefix] = kind
    if not found:
        raise BadInput(f"the checkpoint is of no known network: {unknown(shapes)}")
    if len(found) > 1:
        parts = ", ".join(prefix.rstrip(".") for prefix in found)
        raise BadInput(
            f"the checkpoint holds several networks, {parts}; `part` says which one is "
            "meant"
        )
    ((prefix, kind),) = found.items()
    inside = {
        name.removeprefix(prefix): shape
        for name, shape in shapes.items()
        if name.startswith(prefix)
    }
    outside = [
        name
        for name in shapes
        if not name.startswith(prefix) and not names.is_counter(name)
    ]
    if outside:
        raise BadInput(
            f"the checkpoint holds a network under {prefix.rstrip('.')} and, outside "
            f"it, {listed(outside)}; `part` takes what is under {prefix.rstrip('.')} "
            f"alone, and {RECIPE}"
        )
    try:
        return kind(inside)._replace(prefix=prefix)
    except BadInput as error:
        where = f", all under {prefix.rstrip('.')}" if prefix else ""
        raise BadInput(f"{error}{where}; {RECIPE}") from None


def _prefixes(shapes: Shapes) -> list[str]:
    """Everything that names begin with, up to a dot; the shortest first."""
    found = {""}
    for name in shapes:
        found |= {name[: dot.end()] for dot in re.finditer(r"\.", name)}
    return sorted(found, key=lambda prefix: (len(prefix), prefix))


def _kind(shapes: Shapes, prefix: str) -> Kind | None:
    """How to read a network that begins with a prefix, if one does."""

    def size(*places: str) -> int:
        kernels = [shapes.get(f"{prefix}{place}.weight", ()) for place in places]
        return max(shape[-1] if len(shape) == 4 else 0 for shape in kernels)

    if size("features.0") == 11:
        return partial(_chain, "alexnet", names.torchvision(names.ALEXNET_HEADS))
    if size("features.0") == 3 == size("features.2", "features.3", "features.4"):
        return _vgg
    if size("features.conv1_1") == 3:
        return partial(_chain, "vgg16", names.csail)
    if size("conv1") == 11:
        return partial(_chain, "caffe_alexnet", names.flat)
    if size("conv1") and size("layer1.0.conv1"):
        return _torchvision_resnet
    if size("conv1.0") and size("conv2_x.0.residual_function.0"):
        return partial(_resnet, names.function_resnet)
    if size("0") and size("4.0.0.0.0"):
        return partial(_resnet, names.lua_resnet)
    return None


def _vgg(shapes: Shapes) -> Recognised:
    """Which VGG it is: the one whose convolutions are where these are."""
    batch_norm = "features.1.running_mean" in shapes
    usual = names.torchvision(names.VGG_HEADS)
    places = {
        name
        for name, shape in shapes.items()
        if re.fullmatch(r"features\.\d+\.weight", name) and len(shape) == 4
    }

    def differences(architecture: str) -> int:
        network = BUILDERS[architecture](1, batch_norm=batch_norm)
        wanted = {f"{usual(network, stage)}.weight" for stage in _convolutions(network)}
        return len(places ^ wanted)

    nearest = min((f"vgg{depth}" for depth in CONVOLUTIONS), key=differences)
    return _chain(nearest, names.torchvision(_heads(shapes)), shapes)


def _heads(shapes: Shapes) -> tuple[str, ...]:
    """What VGG's fully connected layers are called."""
    if "head.fc.weight" in shapes:
        return names.TIMM_HEADS
    if "classifier.weight" in shapes:
        return ("classifier",)
    last = f"{names.CIFAR_VGG_HEADS[-1]}.weight"
    return names.CIFAR_VGG_HEADS if last in shapes else names.VGG_HEADS


def _convolutions(network: Network) -> list[str]:
    return [stage.name for stage in network if stage.name.endswith(".conv")]


def _chain(architecture: str, naming: Naming, shapes: Shapes) -> Recognised:
    """VGG and AlexNet: width, BatchNorm and the fully connected layers from shapes."""
    build = BUILDERS[architecture]
    batch_norm = "features.1.running_mean" in shapes and architecture != "caffe_alexnet"
    usual = build(1, batch_norm=True) if batch_norm else build(1)
    convolutions = _convolutions(usual)
    places = [naming(usual, stage) for stage in (convolutions[0], convolutions[-1])]
    heads = list(dict.fromkeys(naming(usual, stage) for stage in ("fc6", "fc7", "fc8")))
    while len(heads) > 1 and f"{heads[-1]}.weight" not in shapes:
        heads.pop()
    for name in (*places, *heads):
        check_kernel(shapes, f"{name}.weight", lambda: names_in(usual, naming))
    first, last = (shapes[f"{name}.weight"] for name in places)
    kernels = [shapes[f"{name}.weight"] for name in heads]
    # timm keeps the first fully connected layer as a convolution.
    cells = kernels[0][-1] ** 2 if len(kernels[0]) == 4 else kernels[0][1] / last[0]
    options: dict[str, Any] = {
        "width": first[0] / (96 if architecture == "caffe_alexnet" else 64),
        "grid": round(cells**0.5),
        "hidden": tuple(kernel[0] for kernel in kernels[:-1]),
    }
    if batch_norm:
        options["batch_norm"] = True
    found = Recognised(architecture, build, kernels[-1][0], options, naming)
    small = architecture.startswith("vgg") and options["grid"] == 1
    found = _prepared(found, first[1], small=small)
    return found._replace(image_size=227) if "caffe" in architecture else found


def _torchvision_resnet(shapes: Shapes) -> Recognised:
    """A ResNet by torchvision's names, or nearly so."""
    others = any(".shortcut." in name for name in shapes)
    shortcut = "shortcut" if others else "downsample"
    heads = [
        name.removesuffix(".weight")
        for name, shape in shapes.items()
        if len(shape) == 2 and re.match(r"(fc|linear|classifier|head)\b", name)
    ]
    head = heads[0] if len(heads) == 1 else "fc"
    return _resnet(names.resnet_names(shortcut, head), shapes)


def _resnet(naming: Naming, shapes: Shapes) -> Recognised:
    numbers = _blocks(naming, shapes)
    bottleneck = f"{naming((), 'layer1.0.conv3.conv')}.weight" in shapes
    stem, fc = (f"{naming((), stage)}.weight" for stage in ("conv1.conv", "fc"))
    size = shapes[stem][-1]
    if size not in (3, 7):
        raise BadInput(
            f"{stem} has shape {list(shapes[stem])}; ResNets begin with a convolution "
            "of 7 x 7 or 3 x 3"
        )
    depth = _depth(numbers, bottleneck, size)
    architecture = f"resnet{depth}"
    build = BUILDERS[architecture]
    check_kernel(shapes, fc, lambda: names_in(build(1), naming))
    units, channels, *_ = shapes[stem]
    options: dict[str, Any] = {"width": units / FEATURES[0]}
    assumed = []
    if size == 3:
        assumed.append("a 3 x 3 stem of stride 1 without max pooling")
    if depth in CIFAR_DEPTHS:
        options = {"width": units / CIFAR_FEATURES[0]}
        around = f"{naming((), 'layer2.0.shortcut.conv')}.weight"
        padding = around not in shapes
        options["shortcut"] = "padding" if padding else "projection"
        if padding:
            assumed.append("shortcuts that add units of zeros on both sides")
    elif size == 3:
        options["stem"] = "small"
    found = Recognised(architecture, build, shapes[fc][0], options, naming)
    found = found._replace(assumed=tuple(assumed))
    # The widespread CIFAR ResNets with these names were trained with ImageNet's.
    imagenet = options.get("shortcut") == "padding" and fc == "linear.weight"
    return _prepared(found, channels, small=size == 3, imagenet=imagenet)


def _blocks(naming: Naming, shapes: Shapes) -> tuple[int, ...]:
    """How many blocks each group has."""
    numbers = []
    for group in range(1, 5):
        blocks = 0
        while f"{naming((), f'layer{group}.{blocks}.conv1.conv')}.weight" in shapes:
            blocks += 1
        numbers.append(blocks)
    return tuple(numbers)


def _depth(numbers: tuple[int, ...], bottleneck: bool, stem: int) -> int:
    """Of the ResNet with these blocks.

    Raises:
        BadInput: there is none.
    """
    for depth, blocks in BLOCKS.items():
        if blocks == numbers and (depth in BOTTLENECKS) == bottleneck:
            return depth
    *groups, fourth = numbers
    depth, alike = 6 * groups[0] + 2, len(set(groups)) == 1 and not fourth
    if depth in CIFAR_DEPTHS and alike and stem == 3 and not bottleneck:
        return depth
    kind = "bottleneck" if bottleneck else "basic"
    depths = ", ".join(map(str, sorted((*BLOCKS, *CIFAR_DEPTHS))))
    raise BadInput(
        f"the checkpoint is of a ResNet with {list(numbers)} {kind} blocks and a stem "
        f"of {stem} x {stem}; known are the depths {depths}"
    )


def _prepared(
    found: Recognised, channels: int, *, small: bool, imagenet: bool = False
) -> Recognised:
    """With what images of such a network are usually like."""
    usual: Normalization | None = IMAGENET
    if small and not imagenet:
        usual = CIFAR100 if found.num_classes == 100 else CIFAR10
    return found._replace(
        channels=channels,
        image_size=32 if small else 224,
        normalization=usual if channels == 3 else None,
    )
