"""What tensors of known networks are called in other frameworks."""

import difflib
import functools
import re
from collections.abc import Callable, Mapping
from functools import partial

from jaxdissect import networks
from jaxdissect.errors import BadInput
from jaxdissect.layer_names import BLOCKS, CIFAR_DEPTHS, CONVOLUTIONS
from jaxdissect.networks import Network, layer_index
from jaxdissect.networks.resnet import BOTTLENECKS

Shapes = Mapping[str, tuple[int, ...]]
Naming = Callable[[Network, str], str]
"""(network, name of a stage with weights) -> what its tensors' names begin with."""


def is_counter(name: str) -> bool:
    """Whether a tensor counts steps of training, which nobody needs.

    >>> is_counter("bn1.num_batches_tracked"), is_counter("bn1.bias")
    (True, False)
    """
    return name.endswith("num_batches_tracked") or name == "n_averaged"


def nearest(name: str, allowed: list[str]) -> str:
    """Which name may have been meant, for a message.

    >>> nearest("features.0.weigth", ["features.0.bias", "features.0.weight"])
    ' (did you mean features.0.weight?)'
    """
    close = difflib.get_close_matches(name, allowed, n=1)
    return f" (did you mean {close[0]}?)" if close else ""


VGG_HEADS = ("classifier.0", "classifier.3", "classifier.6")
CIFAR_VGG_HEADS = ("classifier.0", "classifier.3", "classifier.5")
TIMM_HEADS = ("pre_logits.fc1", "pre_logits.fc2", "head.fc")
ALEXNET_HEADS = ("classifier.1", "classifier.4", "classifier.6")


def torchvision(heads: tuple[str, ...]) -> Naming:
    """Features by their place in the table, where the input stage comes first.

    >>> naming = torchvision(VGG_HEADS)
    >>> from jaxdissect.networks import vgg16
    >>> naming(vgg16(10), "conv5_3.conv"), naming(vgg16(10), "fc6.dense")
    ('features.28', 'classifier.0')
    """

    def naming(network: Network, stage: str) -> str:
        if stage.startswith("fc"):
            return heads[min(int(stage[2]) - 6, len(heads) - 1)]
        first = layer_index(network, "input") + 1
        return f"features.{layer_index(network, stage) - first}"

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


def resnet_names(shortcut: str = "downsample", head: str = "fc") -> Naming:
    """`layer1.0.conv2`, `layer1.0.bn2`, `layer2.0.downsample.0`, ...

    Args:
        shortcut: what the way around a block is called, `downsample` in torchvision.
        head: what the last layer is called, `fc` in torchvision.

    >>> resnet_names()((), "layer1.0.conv2.bn"), resnet_names(head="linear")((), "fc")
    ('layer1.0.bn2', 'linear')
    """

    def naming(network: Network, stage: str) -> str:
        if stage == "fc":
            return head
        stage = stage.replace("shortcut.conv", f"{shortcut}.0")
        stage = stage.replace("shortcut.bn", f"{shortcut}.1")
        stage = re.sub(r"conv(\d)\.bn$", r"bn\1", stage)
        return re.sub(r"conv(\d)\.conv$", r"conv\1", stage)

    return naming


def function_resnet(network: Network, stage: str) -> str:
    """Groups conv2_x to conv5_x, whose blocks are a residual function and a shortcut.

    >>> function_resnet((), "layer1.0.conv2.bn"), function_resnet((), "conv1.bn")
    ('conv2_x.0.residual_function.4', 'conv1.1')
    """
    fixed = {"conv1.conv": "conv1.0", "conv1.bn": "conv1.1", "fc": "fc"}
    if stage in fixed:
        return fixed[stage]
    group, block, layer, kind = stage.split(".")
    place, norm = f"conv{int(group[-1]) + 1}_x.{block}", int(kind == "bn")
    if layer == "shortcut":
        return f"{place}.shortcut.{norm}"
    return f"{place}.residual_function.{3 * (int(layer[-1]) - 1) + norm}"


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


def names_in(network: Network, naming: Naming) -> set[str]:
    """What tensors of a network may be called.

    >>> from jaxdissect.networks import vgg16
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


BUILDERS: Mapping[str, Callable[..., Network]] = {
    **{f"vgg{depth}": partial(networks.vgg, depth=depth) for depth in CONVOLUTIONS},
    "alexnet": networks.alexnet,
    "caffe_alexnet": networks.caffe_alexnet,
    **{f"resnet{depth}": partial(networks.resnet, depth=depth) for depth in BLOCKS},
    **{
        f"resnet{depth}": partial(networks.cifar_resnet, depth=depth)
        for depth in CIFAR_DEPTHS
    },
}
"""{architecture: (num_classes, **options) -> its table}."""
EXPORTS: Mapping[str, Naming] = {
    **{f"vgg{d}": torchvision(VGG_HEADS) for d in CONVOLUTIONS},
    "alexnet": torchvision(ALEXNET_HEADS),
    "caffe_alexnet": flat,
    **{f"resnet{depth}": resnet_names() for depth in BLOCKS},
    **{f"resnet{depth}": resnet_names("shortcut", "linear") for depth in CIFAR_DEPTHS},
}
"""{architecture: the names that others expect}."""

RECIPE = "docs/own_network.md shows how any other network of PyTorch is read"
KNOWN = (
    "known are VGG-11 to 19, AlexNet and ResNets, those of CIFAR too, by the names of "
    "torchvision, of the Places365 networks and of a few others"
)


def listed(found: list[str], most: int = 4) -> str:
    """The first few names, and how many more there are."""
    more = f" and {len(found) - most} more" if len(found) > most else ""
    return ", ".join(found[:most]) + more


def unknown(shapes: Shapes) -> str:
    """What is there, which known network is nearest, and what does not fit it."""
    if not shapes:
        return f"it has no tensors; {KNOWN}"
    known = _nearest(shapes)
    if known is None:
        found = f"it has {listed(list(shapes), most=2)}"
        if kernels := [name for name, shape in shapes.items() if len(shape) > 1]:
            # Files need not keep the order; what sees the image has few channels.
            first = min(kernels, key=lambda n: (len(shapes[n]) != 4, shapes[n][1]))
            found += f", the first kernel being {first} of shape {list(shapes[first])}"
        return f"{found}; {KNOWN}, and {RECIPE}"
    architecture, wanted, prefix = known
    others = [n for n in shapes if n.removeprefix(prefix) not in wanted]
    missing = sorted(n for n in wanted if f"{prefix}{n}" not in shapes)
    kernels = [n for n in others if len(shapes[n]) > 1] or others
    parts = []
    if kernels:
        parts.append(f"has no {kernels[0]} (here of shape {list(shapes[kernels[0]])})")
    if missing:
        parts.append(f"needs {prefix}{missing[0]}")
    return f"the nearest, {architecture}, {' and '.join(parts)}; {RECIPE}"


def _nearest(shapes: Shapes) -> tuple[str, frozenset[str], str] | None:
    """(architecture, names of its weights, prefix) most of whose names are here."""
    found = {name for name in shapes if name.endswith(".weight")}
    best, most = None, 0.5
    for prefix in _shared_prefixes(found):
        here = {name.removeprefix(prefix) for name in found}
        for architecture in _candidates(here):
            wanted = _weights(architecture)
            alike = len(here & wanted) / len(here | wanted)
            if alike > most:
                best, most = (architecture, wanted, prefix), alike
    return best


def _candidates(here: set[str]) -> list[str]:
    """Architectures worth comparing: of ResNets the one with about as many blocks."""
    if not any(name.startswith("layer1.") for name in here):
        chains = [name for name in BUILDERS if not name.startswith("resnet")]
        return chains if any(n.startswith(("features.", "conv")) for n in here) else []
    numbers = [
        len({n for n in here if re.match(rf"layer{g}\.\d+\.conv1\b", n)})
        for g in range(1, 5)
    ]
    bottleneck = "layer1.0.conv3.weight" in here
    blocks: dict[int, tuple[int, ...]] = {
        d: b for d, b in BLOCKS.items() if (d in BOTTLENECKS) == bottleneck
    }
    if not numbers[3]:
        blocks = {d: (*[(d - 2) // 6] * 3, 0) for d in CIFAR_DEPTHS}

    def difference(depth: int) -> int:
        return sum(abs(a - b) for a, b in zip(blocks[depth], numbers, strict=True))

    return [f"resnet{min(blocks, key=difference)}"]


@functools.cache
def _weights(architecture: str) -> frozenset[str]:
    known = names_in(BUILDERS[architecture](1), EXPORTS[architecture])
    return frozenset(name for name in known if name.endswith(".weight"))


def _shared_prefixes(found: set[str]) -> list[str]:
    """What all names begin with: nothing, the first part, the first two, ..."""
    prefixes = [""]
    for parts in zip(*(name.split(".")[:-1] for name in found), strict=False):
        if len(set(parts)) > 1:
            break
        prefixes.append(f"{prefixes[-1]}{parts[0]}.")
    return prefixes
