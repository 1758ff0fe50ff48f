"""State dictionaries of PyTorch to parameters of our networks, and back.

PyTorch's kernels are [out in height width], ours [height width in out]; its first fully
connected layer reads maps flattened as [units height width], ours as they are.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import jax
import numpy as np

from jaxdissect.base import BadInput, Params
from jaxdissect.checkpoints.naming import (
    ALEXNET_HEADS,
    VGG_HEADS,
    Naming,
    Recognised,
    flat,
    nearest,
    recognise,
    torchvision,
    torchvision_resnet,
)
from jaxdissect.checkpoints.reading import State, read_state
from jaxdissect.networks import Network, init
from jaxdissect.networks.resnet import BLOCKS
from jaxdissect.weights import flattened, nested, write_arrays

LEAVES = {
    "kernel": "weight",
    "scale": "weight",
    "bias": "bias",
    "mean": "running_mean",
    "var": "running_var",
}
"""{our name: PyTorch's}."""
EXPORTS: Mapping[str, Naming] = {
    "vgg16": torchvision(VGG_HEADS),
    "alexnet": torchvision(ALEXNET_HEADS),
    "caffe_alexnet": flat,
    **{f"resnet{depth}": torchvision_resnet for depth in BLOCKS},
}
"""{architecture: the names that others expect}."""
IMAGE = (227, 227, 3)
"""Large enough for every known network; parameters do not depend on it."""

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
"""Of images in [0, 1], red, green, blue; nearly every published network uses them."""


class Checkpoint(NamedTuple):
    """A network read from a file of another framework; it takes RGB images.

    Attributes:
        recognised: which network it is.
        network: its table of stages.
        params: {stage name: Flax variables}, float32 numpy arrays.
        mean: subtracted by the network's input stage.
        std: divided by there.
    """

    recognised: Recognised
    network: Network
    params: Params
    mean: tuple[float, ...]
    std: tuple[float, ...]


def load_checkpoint(
    path: Path,
    *,
    mean: Sequence[float] = IMAGENET_MEAN,
    std: Sequence[float] = IMAGENET_STD,
    channels: Literal["rgb", "bgr"] = "rgb",
) -> Checkpoint:
    """A known network with the parameters of a checkpoint.

    Args:
        path: .safetensors, or PyTorch's .pth, .pt or .pth.tar.
        mean: what was subtracted from images in [0, 1], channel by channel.
        std: what they were divided by.
        channels: the order in which the checkpoint takes them, also in `mean` and
            `std`. A network for BGR is turned into one for RGB.

    Raises:
        BadInput: the file cannot be read, is of no known network, or has tensors too
            many, too few, or of other shapes.

    >>> load_checkpoint(Path("vgg16.pth"))
    Traceback (most recent call last):
    ...
    jaxdissect.base.BadInput: there is no checkpoint vgg16.pth
    """
    state = read_state(path)
    order = slice(None, None, -1 if channels == "bgr" else 1)
    mean, std = tuple(mean)[order], tuple(std)[order]
    try:
        recognised = recognise(state.shapes)
        options = {**recognised.options, "mean": mean, "std": std}
        network = recognised.build(recognised.num_classes, **options)
        params = convert(state, network, recognised)
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from None
    first = params["conv1_1.conv" if "conv1_1.conv" in params else "conv1.conv"]
    first["params"]["kernel"] = first["params"]["kernel"][:, :, order]
    return Checkpoint(recognised, network, params, mean, std)


def convert(state: State, network: Network, recognised: Recognised) -> Params:
    """The network's parameters from a state dictionary.

    Args:
        state: of the network, by the names of `recognised.naming`.
        network: the table of stages.
        recognised: what the state was recognised as.

    Raises:
        BadInput: listing tensors that are missing, unknown or of another shape.
    """
    expected = jax.eval_shape(lambda key: init(key, network, IMAGE), jax.random.key(0))
    wanted = {
        ours: (pytorch_name(ours, network, recognised.naming), leaf.shape)
        for ours, leaf in flattened(expected).items()
    }
    _check_names(state.shapes, [name for name, _ in wanted.values()])
    for name, shape in wanted.values():
        if not _fits(state.shapes[name], shape):
            raise BadInput(
                f"{name} has shape {list(state.shapes[name])}, which does not fit the "
                f"rest of the {recognised.architecture}"
            )
    arrays = {}
    # The largest first, so that it never comes on top of all others.
    for ours in sorted(wanted, key=lambda ours: -np.prod(wanted[ours][1])):
        name, shape = wanted[ours]
        arrays[ours] = from_pytorch(state.read(name), shape)
    return nested(arrays)


def export_torchvision(
    path: Path, architecture: str, network: Network, params: Params
) -> None:
    """Write parameters to a .safetensors file under the names of torchvision.

    `load_state_dict` of the same network in PyTorch takes what
    `safetensors.torch.load_file` reads from it. The file appears whole or not at all.

    Args:
        path: the file to write.
        architecture: `vgg16`, `alexnet`, `caffe_alexnet`, `resnet18`, ...
        network: the table of stages.
        params: {stage name: Flax variables}.

    Raises:
        BadInput: an architecture that others do not have.
    """
    if architecture not in EXPORTS:
        raise BadInput(
            f"`architecture` is {architecture!r}; those with names of torchvision are "
            f"{', '.join(EXPORTS)}"
        )
    arrays = {
        pytorch_name(ours, network, EXPORTS[architecture]): to_pytorch(ours, leaf)
        for ours, leaf in flattened(params).items()
    }
    write_arrays(path, arrays, None)


def pytorch_name(ours: str, network: Network, naming: Naming) -> str:
    """What PyTorch calls the array `stage/collection/name` or, inside a residual block,
    `block/collection/stage/name`.

    >>> pytorch_name("layer1.0/params/layer1.0.conv2.bn/scale", (), torchvision_resnet)
    'layer1.0.bn2.weight'
    """
    stage, leaf = _stage_and_leaf(ours)
    return f"{naming(network, stage)}.{LEAVES[leaf]}"


def from_pytorch(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """An array of PyTorch's in our layout.

    Args:
        array: [out in height width], flattened [out in*height*width], or [n].
        shape: [height width in out] or [n].

    >>> from_pytorch(np.arange(6).reshape(1, 6), (1, 3, 2, 1))[..., 0].tolist()
    [[[0, 3], [1, 4], [2, 5]]]
    """
    if len(shape) == 4:
        height, width, units, outputs = shape
        array = array.reshape(outputs, units, height, width).transpose(2, 3, 1, 0)
    return np.ascontiguousarray(array)


def to_pytorch(ours: str, array: Any) -> np.ndarray:
    """The array `ours` in PyTorch's layout."""
    array = np.asarray(array)
    if array.ndim == 4:
        array = array.transpose(3, 2, 0, 1)
    if array.ndim == 4 and _stage_and_leaf(ours)[0].startswith("fc"):
        array = array.reshape(len(array), -1)
    return np.ascontiguousarray(array)


def _stage_and_leaf(ours: str) -> tuple[str, str]:
    stage, _, *inner, leaf = ours.split("/")
    return (inner[0] if inner else stage), leaf


def _fits(theirs: tuple[int, ...], ours: tuple[int, ...]) -> bool:
    if len(ours) < 4:
        return theirs == ours
    height, width, units, outputs = ours
    return theirs in (
        (outputs, units, height, width),
        (outputs, units * height * width),
    )


def _check_names(shapes: Mapping[str, Any], wanted: list[str]) -> None:
    missing = [name for name in wanted if name not in shapes]
    unknown = [
        name
        for name in shapes
        if name not in wanted and not name.endswith("num_batches_tracked")
    ]
    if not missing and not unknown:
        return
    problems = []
    if missing:
        named = (f"{name}{nearest(name, unknown)}" for name in missing)
        problems.append(f"lacks {_listed(named, len(missing))}")
    if unknown:
        named = (f"{name}{nearest(name, missing)}" for name in unknown)
        problems.append(f"has unknown {_listed(named, len(unknown))}")
    raise BadInput(f"the checkpoint {' and '.join(problems)}")


def _listed(names: Iterator[str], number: int, most: int = 4) -> str:
    first = [name for name, _ in zip(names, range(most), strict=False)]
    more = f" and {number - most} more" if number > most else ""
    return ", ".join(first) + more
