"""The networks there are, and which of them something unknown is nearest to."""

import functools
import re
from collections.abc import Callable, Mapping
from functools import partial

from jaxdissect import networks
from jaxdissect.checkpoints import naming as names
from jaxdissect.checkpoints.naming import Naming, Shapes, names_in
from jaxdissect.layer_names import BLOCKS, CIFAR_DEPTHS, CONVOLUTIONS
from jaxdissect.networks import Network
from jaxdissect.networks.resnet import BOTTLENECKS

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
    **{f"vgg{d}": names.torchvision(names.VGG_HEADS) for d in CONVOLUTIONS},
    "alexnet": names.torchvision(names.ALEXNET_HEADS),
    "caffe_alexnet": names.flat,
    **{f"resnet{depth}": names.resnet_names() for depth in BLOCKS},
    **{
        f"resnet{depth}": names.resnet_names("shortcut", "linear")
        for depth in CIFAR_DEPTHS
    },
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
