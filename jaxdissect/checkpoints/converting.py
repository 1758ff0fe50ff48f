"""State dictionaries of PyTorch to parameters of our networks, and back.

PyTorch's kernels are [out in height width], ours [height width in out]; its first fully
connected layer reads maps flattened as [units height width], ours as they are.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import jax
import numpy as np

from jaxdissect.base import Params
from jaxdissect.checkpoints.naming import (
    EXPORTS,
    RECIPE,
    Naming,
    is_counter,
    listed,
    nearest,
)
from jaxdissect.checkpoints.reading import State, read_state
from jaxdissect.checkpoints.recognition import IMAGENET, Recognised, recognise
from jaxdissect.errors import BadInput
from jaxdissect.networks import Network, init
from jaxdissect.networks.layers import luminance_stage
from jaxdissect.weights import flattened, nested, write_arrays

LEAVES = {
    "kernel": "weight",
    "scale": "weight",
    "bias": "bias",
    "mean": "running_mean",
    "var": "running_var",
}
"""{our name: PyTorch's}."""
IMAGE = (227, 227)
"""Large enough for every known network; parameters do not depend on it."""

IMAGENET_MEAN, IMAGENET_STD = IMAGENET
"""Of images in [0, 1], red, green, blue; nearly every published network uses them."""


class Checkpoint(NamedTuple):
    """A network read from a file of another framework.

    It takes RGB images, or those of as many channels as it was trained on. One for grey
    images begins with a stage `grey`, which makes RGB images grey.

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
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    channels: Literal["rgb", "bgr"] = "rgb",
    part: str | None = None,
) -> Checkpoint:
    """A known network with the parameters of a checkpoint.

    Args:
        path: .safetensors, or PyTorch's .pth, .pt, .pth.tar, .th, .ckpt or .bin.
        mean: what was subtracted from images in [0, 1], channel by channel; the usual
            values of such a network, `recognised.normalization`, by default.
        std: what they were divided by.
        channels: the order in which the checkpoint takes them, also in `mean` and
            `std`. A network for BGR is turned into one for RGB.
        part: which network of several in the file, as in `read_state`.

    Raises:
        BadInput: the file cannot be read, is of no known network, or has tensors too
            many, too few, or of other shapes; it takes images of other than three
            channels, and `mean` or `std` are not given or not of as many.

    >>> load_checkpoint(Path("vgg16.pth"))
    Traceback (most recent call last):
    ...
    jaxdissect.errors.BadInput: there is no checkpoint vgg16.pth
    """
    state = read_state(path, part)
    try:
        recognised = recognise(state.shapes)
        order = _order(channels, recognised)
        given = _normalization(mean, std, recognised)
        mean, std = (tuple(values)[order] for values in given)
        options = {**recognised.options, "mean": mean, "std": std}
        network = recognised.build(recognised.num_classes, **options)
        if recognised.channels == 1:
            network = (luminance_stage(), *network)
        params = convert(state, network, recognised)
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from None
    first = params["conv1_1.conv" if "conv1_1.conv" in params else "conv1.conv"]
    first["params"]["kernel"] = first["params"]["kernel"][:, :, order]
    return Checkpoint(recognised, network, params, mean, std)


def _order(channels: str, recognised: Recognised) -> slice:
    if channels == "bgr" and recognised.channels != 3:
        raise BadInput(f"`channels` is 'bgr', but {_kind(recognised)}")
    return slice(None, None, -1 if channels == "bgr" else 1)


def _kind(recognised: Recognised) -> str:
    number = recognised.channels
    channels = "1 channel" if number == 1 else f"{number} channels"
    return f"the {recognised.architecture} takes images of {channels}"


def _normalization(
    mean: Sequence[float] | None, std: Sequence[float] | None, recognised: Recognised
) -> tuple[Sequence[float], Sequence[float]]:
    """What is given, and what is usual for the rest."""
    kind = _kind(recognised)
    usual = recognised.normalization or (None, None)
    found = []
    for name, values, default in zip(("mean", "std"), (mean, std), usual, strict=True):
        values = default if values is None else values
        if values is None:
            raise BadInput(f"{kind}, for which no `{name}` is usual; it must be given")
        if len(values) != recognised.channels:
            raise BadInput(f"`{name}` has {len(values)} values, but {kind}")
        found.append(values)
    if not all(map(math.isfinite, found[0])):
        raise BadInput(f"`mean` is {tuple(found[0])}; it must be finite")
    if not all(0 < value < math.inf for value in found[1]):
        raise BadInput(f"`std` is {tuple(found[1])}; it must be positive")
    return found[0], found[1]


def convert(state: State, network: Network, recognised: Recognised) -> Params:
    """The network's parameters from a state dictionary.

    Args:
        state: of the network, by the names of `recognised.naming`.
        network: the table of stages.
        recognised: what the state was recognised as.

    Raises:
        BadInput: listing tensors that are missing, unknown or of another shape.
    """
    # A grey network's first stage takes colours.
    shape = (*IMAGE, 3 if recognised.channels == 1 else recognised.channels)
    expected = jax.eval_shape(lambda key: init(key, network, shape), jax.random.key(0))
    wanted = {
        ours: (
            recognised.prefix + pytorch_name(ours, network, recognised.naming),
            leaf.shape,
        )
        for ours, leaf in flattened(expected).items()
    }
    other = f"the nearest network known is {recognised.architecture}, and {RECIPE}"
    _check_names(state.shapes, [name for name, _ in wanted.values()], other)
    for name, shape in wanted.values():
        if not _fits(state.shapes[name], shape):
            raise BadInput(
                f"{name} has shape {list(state.shapes[name])} where the rest of the "
                f"{recognised.architecture} has {_pytorch_shape(shape)}; {other}"
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

    >>> from jaxdissect.checkpoints.naming import resnet_names
    >>> pytorch_name("layer1.0/params/layer1.0.conv2.bn/scale", (), resnet_names())
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


def _pytorch_shape(ours: tuple[int, ...]) -> list[int]:
    if len(ours) < 4:
        return list(ours)
    height, width, units, outputs = ours
    return [outputs, units, height, width]


def _check_names(shapes: Mapping[str, Any], wanted: list[str], other: str) -> None:
    missing = [name for name in wanted if name not in shapes]
    unknown = [name for name in shapes if name not in wanted and not is_counter(name)]
    if not missing and not unknown:
        return
    problems = []
    if missing:
        named = [f"{name}{nearest(name, unknown)}" for name in missing[:4]]
        problems.append(f"lacks {listed(named + missing[4:])}")
    if unknown:
        named = [f"{name}{nearest(name, missing)}" for name in unknown[:4]]
        problems.append(f"has unknown {listed(named + unknown[4:])}")
    raise BadInput(f"the checkpoint {' and '.join(problems)}; {other}")
