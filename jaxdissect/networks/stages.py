"""Networks as tables of named stages: initialising, running, training them.

A network is a tuple of `Stage`s; its params are {stage name: Flax variables}. Running
it is a fold over a slice of the table, so cutting at a layer is slicing, and
`tail(trunk(x)) == apply(x)` holds by construction. Fully connected layers keep the
shape [B 1 1 U], so that every layer's activations are [B H W U].
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxdissect.base import AnyArray, BadInput, Params

Variables = Mapping[str, Any]
"""Flax variables of one stage: {"params": ..., "batch_stats": ...}."""


class Window(NamedTuple):
    """What one position of a stage's output looks at, along one axis, in positions.

    Fractions occur where a map is divided into cells of unequal size.
    """

    size: float = 1
    stride: float = 1
    padding: int = 0


def whole_map(length: int) -> Window:
    """The window of a stage with one output position."""
    return Window(size=length, stride=length)


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
        window: (length of the input map) -> what an output position looks at.
    """

    name: str
    init: Callable[[Array, Array], Variables]
    apply: Callable[[Variables, Array], Array]
    train: Callable[[Variables, Array, Array], tuple[Array, Variables]]
    contributions: Callable[[Variables, Array], Array] | None = None
    unitwise: bool = False
    window: Callable[[int], Window] = lambda length: Window()


Network = tuple[Stage, ...]


def function_stage(
    name: str,
    function: Callable[[Array], Array],
    *,
    unitwise: bool = False,
    window: Callable[[int], Window] = lambda length: Window(),
) -> Stage:
    """A stage without parameters."""
    return Stage(
        name,
        init=lambda key, x: {},
        apply=lambda variables, x: function(x),
        train=lambda variables, key, x: (function(x), {}),
        unitwise=unitwise,
        window=window,
    )


def linear_stage(
    name: str,
    module: nn.Module,
    contributions: Callable[[Variables, Array], Array],
    *,
    apply: Callable[[Variables, Array], Array],
    window: Callable[[int], Window],
) -> Stage:
    """A stage that is an affine map of its input, with a Flax module's parameters."""
    return Stage(
        name,
        init=module.init,
        apply=apply,
        train=lambda variables, key, x: (apply(variables, x), variables),
        contributions=contributions,
        window=window,
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


def init(key: Array, network: Network, image_shape: tuple[int, int, int]) -> Params:
    """Random parameters for images of the given shape.

    Args:
        key: PRNG key, consumed.
        network: the table of stages.
        image_shape: (H, W, channels).

    Returns:
        {stage name: Flax variables}; stages without variables are left out.

    Raises:
        BadInput: the image is too small for the network.

    >>> from jaxdissect import networks
    >>> network = networks.lenet(3, maps=(2, 2, 4))
    >>> params = init(jax.random.key(0), network, (36, 36, 1))
    >>> params["conv1.conv"]["params"]["kernel"].shape
    (5, 5, 1, 2)
    """
    x = jnp.zeros((1, *image_shape))
    params = {}
    for number, stage in enumerate(network):
        variables = stage.init(jax.random.fold_in(key, number), x)
        x = _checked(stage, jax.eval_shape(stage.apply, variables, x))
        x = jnp.zeros(x.shape, x.dtype)
        if variables:
            params[stage.name] = variables
    return params


def run(
    network: Network, params: Params, x: AnyArray, *, taps: tuple[str, ...] = ()
) -> tuple[Array, dict[str, Array]]:
    """Run a (slice of a) network in evaluation mode.

    Args:
        network: the table of stages, or any slice of it.
        params: {stage name: Flax variables}.
        x: [B ...] what the first stage takes.
        taps: names of layers whose activations to return as well.

    Returns:
        The last stage's output, and {layer: activations} of the taps.

    Raises:
        BadInput: `x` does not fit the network's weights.

    >>> from jaxdissect import networks
    >>> network = networks.lenet(3, maps=(2, 2, 4))
    >>> params = init(jax.random.key(0), network, (36, 36, 1))
    >>> outputs, tapped = run(network, params, jnp.zeros((1, 36, 36, 1)), taps=("fc4",))
    >>> outputs.shape, tapped["fc4"].shape
    ((1, 3), (1, 1, 1, 20))
    """
    acts, tapped = jnp.asarray(x), {}
    for stage in network:
        acts = _checked(stage, stage.apply(params.get(stage.name, {}), acts))
        if stage.name in taps:
            tapped[stage.name] = acts
    return acts, tapped


def train_run(
    key: Array, network: Network, params: Params, x: Array
) -> tuple[Array, Params]:
    """Run a network in training mode: dropout active, batch statistics updated.

    Args:
        key: PRNG key for dropout, consumed.
        network: the table of stages.
        params: {stage name: Flax variables}.
        x: images [B H W 3] in [0, 1].

    Returns:
        The outputs, and params with updated running statistics.

    >>> from jaxdissect import networks
    >>> network = networks.lenet(3, maps=(2, 2, 4))
    >>> params = init(jax.random.key(0), network, (36, 36, 1))
    >>> outputs, updated = train_run(
    ...     jax.random.key(1), network, params, jnp.zeros((1, 36, 36, 1)))
    >>> outputs.shape, updated.keys() == params.keys()
    ((1, 3), True)
    """
    updated = dict(params)
    for number, stage in enumerate(network):
        key_stage = jax.random.fold_in(key, number)
        x, variables = stage.train(params.get(stage.name, {}), key_stage, x)
        if variables:
            updated[stage.name] = variables
    return x, updated


def apply(network: Network, params: Params, x: AnyArray) -> Array:
    """The whole network: images [B H W 3] in [0, 1] -> logits [B K].

    >>> from jaxdissect import networks
    >>> network = networks.lenet(3, maps=(2, 2, 4))
    >>> params = init(jax.random.key(0), network, (36, 36, 1))
    >>> apply(network, params, jnp.zeros((2, 36, 36, 1))).shape
    (2, 3)
    """
    return run(network, params, x)[0]


def _checked(stage: Stage, x):
    if 0 in x.shape:
        raise BadInput(f"the images are too small: nothing is left after {stage.name}")
    return x
