"""Networks as tables of named stages, and the kinds of stages there are.

A network is a tuple of `Stage`s; its params are {stage name: Flax variables}. Fully
connected layers keep the shape [B 1 1 U], so that every layer's activations are
[B H W U].
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

Variables = Mapping[str, Any]
"""Flax variables of one stage: {"params": ..., "batch_stats": ...}."""


class Window(NamedTuple):
    """What one position of a stage's output looks at, along one axis, in positions.

    Fractions occur where a map is divided into cells of unequal size, or made finer.

    Attributes:
        size: from the first position seen to the last.
        stride: from what one output position sees to what the next one does.
        padding: how far the first output position looks beyond the beginning.
        known: False for an estimate, where what is seen has no window.
    """

    size: float = 1
    stride: float = 1
    padding: float = 0
    known: bool = True


Windows = Callable[[int, int], tuple[Window, Window]]
"""(height, width) of the input map -> windows along (rows, columns)."""


def alike(window: Callable[[int], Window]) -> Windows:
    """Windows of a stage that treats both axes alike: (length of the map) -> window."""
    return lambda height, width: (window(height), window(width))


def whole_map(length: int) -> Window:
    """The window of a stage with one output position."""
    return Window(size=length, stride=length)


def positions(length: int, window: Window) -> int:
    """How many output positions a map of that length has.

    >>> positions(224, Window(size=11, stride=4, padding=2))
    55
    """
    size, stride, padding, _ = window
    return 1 + int((length + 2 * padding - size) / stride + 1e-9)


class Stage(NamedTuple):
    """One step of a network.

    Attributes:
        name: the layer's usual name; a layer's last stage (after BatchNorm and
            nonlinearity) has the plain name, the earlier ones a suffix
            (`conv5_3.conv`, `conv5_3.bn`, `conv5_3`).
        init: (key, x) -> variables.
        apply: (variables, x) -> x, as in evaluation.
        train: (variables, key, x) -> (x, variables), as in training.
        contributions: (variables, x [B H W U]) -> [B U h w M], each input unit's share
            of this stage's output; None unless the stage is linear.
        unitwise: each output unit depends on the same input unit only.
        windows: (height, width) of the input map -> what an output position looks at,
            along rows and along columns.
        branch: the stages inside a residual block that a connection goes around; their
            variables are in the stage's own, {collection: {name: ...}}.
        join: (variables, x, the branch's output) -> the stage's output; None unless
            there is a branch.
    """

    name: str
    init: Callable[[Array, Array], Variables]
    apply: Callable[[Variables, Array], Array]
    train: Callable[[Variables, Array, Array], tuple[Array, Variables]]
    contributions: Callable[[Variables, Array], Array] | None = None
    unitwise: bool = False
    windows: Windows = alike(lambda length: Window())
    branch: tuple["Stage", ...] = ()
    join: Callable[[Variables, Array, Array], Array] | None = None


Network = tuple[Stage, ...]


class Classifier(NamedTuple):
    """A network ready to be asked, such as a function of one's own gives to scripts.

    Without a last stage called `logits` it can be dissected, and no more.

    Attributes:
        network: the table of stages; images [B S S 3] in [0, 1] to logits [B K].
        params: {stage name: variables}.
        image_size: S, in pixels.
        classes: their names, [K]; numbers stand in for none.
        ends_in: what its outputs are, "logits", "softmax" or "log_softmax"; by default
            scripts find out, and refuse what is ambiguous.
    """

    network: Network
    params: Any
    image_size: int
    classes: tuple[str, ...] = ()
    ends_in: str = ""


def function_stage(
    name: str,
    function: Callable[[Array], Array],
    *,
    unitwise: bool = False,
    window: Callable[[int], Window] = lambda length: Window(),
) -> Stage:
    """A stage without parameters; `window` is that along either axis."""
    return Stage(
        name,
        init=lambda key, x: {},
        apply=lambda variables, x: function(x),
        train=lambda variables, key, x: (function(x), {}),
        unitwise=unitwise,
        windows=alike(window),
    )


def linear_stage(
    name: str,
    module: nn.Module,
    contributions: Callable[[Variables, Array], Array],
    *,
    apply: Callable[[Variables, Array], Array],
    window: Callable[[int], Window],
) -> Stage:
    """A stage that is an affine map of its input, with a Flax module's parameters.

    `window` is that along either axis.
    """
    return Stage(
        name,
        init=module.init,
        apply=apply,
        train=lambda variables, key, x: (apply(variables, x), variables),
        contributions=contributions,
        windows=alike(window),
    )


def normalization_stage(name: str) -> Stage:
    """BatchNorm with PyTorch's momentum and epsilon."""
    module = nn.BatchNorm(momentum=0.9, epsilon=1e-5)

    def apply(variables: Variables, x: Array) -> Array:
        return jnp.asarray(module.apply(variables, x, use_running_average=True))

    def train(variables: Variables, key: Array, x: Array) -> tuple[Array, Variables]:
        del key
        x, updates = module.apply(
            variables, x, use_running_average=False, mutable=["batch_stats"]
        )
        return x, {**variables, **updates}

    return Stage(
        name,
        init=lambda key, x: module.init(key, x, use_running_average=True),
        apply=apply,
        train=train,
        unitwise=True,
    )


def dropout_stage(name: str, rate: float) -> Stage:
    """Dropout: the identity outside training."""
    module = nn.Dropout(rate, deterministic=False)

    def train(variables: Variables, key: Array, x: Array) -> tuple[Array, Variables]:
        return jnp.asarray(module.apply({}, x, rngs={"dropout": key})), variables

    return Stage(
        name,
        init=lambda key, x: {},
        apply=lambda variables, x: x,
        train=train,
        unitwise=True,
    )
