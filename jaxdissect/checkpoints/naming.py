"""What tensors of known networks are called in other frameworks."""

import difflib
import re
from collections.abc import Callable, Mapping

from jaxdissect.errors import BadInput
from jaxdissect.networks import Network, layer_index

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
