"""Names of layers, known without building a network, before JAX starts."""

import difflib
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from jaxdissect.errors import BadInput
from jaxdissect.range_checks import read
from jaxdissect.settings import NetworkSettings, SubjectSettings

CONVOLUTIONS = {
    11: (1, 1, 2, 2, 2),
    13: (2, 2, 2, 2, 2),
    16: (2, 2, 3, 3, 3),
    19: (2, 2, 4, 4, 4),
}
"""{depth: convolutions of each group} of VGG: configurations A, B, D and E."""

BLOCKS = {
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
}
"""{depth: blocks in each group} of ResNets."""

CIFAR_DEPTHS = (8, 14, 20, 26, 32, 38, 44, 56, 110)
"""Depths 6 n + 2, of three groups of n basic blocks."""

BUNDLED = Path(__file__).with_name("pretrained") / "scenes_vgg16.safetensors"


def find(layer: str, names: Sequence[str], inner: Sequence[str] | None = None) -> str:
    """The layer that is meant: of that name, or what torchvision calls so.

    Args:
        layer: a name.
        names: of the network's stages, in order.
        inner: of layers inside residual blocks; where they are not known, any is.

    Raises:
        BadInput: there is none; says which is near.

    >>> find("features.29", stage_names(NetworkSettings(batch_norm=False)))
    'conv5_3'
    >>> find("layer4", stage_names(NetworkSettings("resnet18")))
    'layer4.1'
    """
    block = ".".join(layer.split(".")[:2])
    unknown = inner is None and layer != block and block in names
    if layer in names or layer in (inner or ()) or unknown:
        return layer
    theirs = _torchvision(names)
    if layer in theirs:
        return theirs[layer]
    usual = [name for name in names if name in _usual(names)] or list(names)
    close = difflib.get_close_matches(layer, [*names, *(inner or ()), *theirs], n=1)
    hint = f"did you mean {close[0]}? " if close else ""
    raise BadInput(f"`layer` is {layer!r}; {hint}this network has {', '.join(usual)}")


def stage_names(network: NetworkSettings) -> tuple[str, ...]:
    """Names of a network's stages, in order; as its table has them.

    >>> stage_names(NetworkSettings("shapesnet"))[:4]
    ('input', 'conv1.conv', 'conv1.bn', 'conv1')
    """
    name, norm = network.architecture, network.batch_norm
    depth = int("".join(re.findall(r"\d", name)) or 0)
    grey = ("grey",) if network.grey else ()
    if name.startswith("resnet"):
        return (*grey, "input", *_resnet(depth, network.stem), "fc", "logits")
    if name == "lenet":
        convolutions = [f"{kind}{n}" for n in (1, 2, 3) for kind in ("conv", "pool")]
        units = _units(convolutions, False)
        return (*grey, "input", *units, "fc4.dense", "fc4", "fc5", "logits")
    if name == "shapesnet":
        units = _units(("conv1", "pool1", "conv2"), norm)
        return (*grey, "input", *units, "avgpool", "fc3", "logits")
    units = _units(_convolutions(name, depth), norm and name != "caffe_alexnet")
    return (*grey, "input", *units, "avgpool", *_head(len(network.hidden)), "logits")


def known(subject: SubjectSettings) -> tuple[str, ...] | None:
    """Names of the stages of a network whose file says what it is; None of others."""
    path = BUNDLED if subject.weights is None else subject.weights
    if subject.network is not None or path.suffix != ".safetensors":
        return None
    with suppress(BadInput, OSError, ValueError, KeyError, TypeError, RecursionError):
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(min(length, 2**24)))
        provenance = json.loads(header["__metadata__"]["provenance"])
        network = provenance["config"]["network"]
        return stage_names(read(NetworkSettings, network, "", "network"))
    return None


def _convolutions(name: str, depth: int) -> list[str]:
    if name.startswith("vgg"):
        found = []
        for group, number in enumerate(CONVOLUTIONS[depth], 1):
            found += [f"conv{group}_{n + 1}" for n in range(number)] + [f"pool{group}"]
        return found
    first = ["conv1", "pool1", "conv2", "pool2"]
    if name == "caffe_alexnet":
        first = ["conv1", "pool1", "norm1", "conv2", "pool2", "norm2"]
    return [*first, "conv3", "conv4", "conv5", "pool5"]


def _units(names: Sequence[str], norm: bool) -> Iterator[str]:
    """With each convolution the stages that make its units."""
    for name in names:
        if name.startswith("conv"):
            yield f"{name}.conv"
            if norm:
                yield f"{name}.bn"
        yield name


def _head(hidden: int) -> Iterator[str]:
    for n in range(6, 6 + hidden):
        yield from (f"fc{n}.dense", f"fc{n}", f"drop{n}")
    yield f"fc{6 + hidden}"


def _resnet(depth: int, stem: str) -> Iterator[str]:
    yield from _units(["conv1"], True)
    groups = BLOCKS.get(depth) or 3 * ((depth - 2) // 6,)
    if depth in BLOCKS and stem == "usual":
        yield "pool1"
    for group, number in enumerate(groups, 1):
        yield from (f"layer{group}.{n}" for n in range(number))
    yield "avgpool"


def _usual(names: Sequence[str]) -> set[str]:
    """Layers of convolutions, and outputs of residual blocks."""
    return {
        n for n in names if f"{n}.conv" in names or re.fullmatch(r"layer\d+\.\d+", n)
    }


def _torchvision(names: Sequence[str]) -> dict[str, str]:
    """{torchvision's name: ours} of layers that are called otherwise."""
    if "layer1.0" in names:
        last = {n.partition(".")[0]: n for n in names if n.startswith("layer")}
        stem = {"bn1": "conv1.bn", "relu": "conv1", "maxpool": "pool1"}
        return last | {theirs: n for theirs, n in stem.items() if n in names}
    if "input" not in names or "avgpool" not in names or "fc6.dense" not in names:
        return {}
    start, end = names.index("input") + 1, names.index("avgpool")
    features = {f"features.{n}": name for n, name in enumerate(names[start:end])}
    head = list(names[end + 1 : -1])
    if "conv1_1" not in names:  # AlexNet drops units before a linear map, not after
        head = ["avgpool", *(n for n in head if n != "drop7")]
    return features | {f"classifier.{n}": name for n, name in enumerate(head)}
