"""Initialising, running and training a table of stages.

Running is a fold over a slice of the table, so cutting at a layer is slicing, and
`tail(trunk(x)) == apply(x)` holds by construction.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxdissect.base import AnyArray, Edit, Params, TrainRun
from jaxdissect.errors import BadInput
from jaxdissect.networks.naming import layer_index
from jaxdissect.networks.stages import Network, Stage

NO_EDITS: Mapping[str, Any] = MappingProxyType({})


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
    network: Network,
    params: Params,
    x: AnyArray,
    *,
    edits: Mapping[str, Callable[[Array], Array]] = NO_EDITS,
    taps: tuple[str, ...] = (),
) -> tuple[Array, dict[str, Array]]:
    """Run a (slice of a) network in evaluation mode.

    Args:
        network: the table of stages, or any slice of it.
        params: {stage name: Flax variables}.
        x: [B ...] what the first stage takes.
        edits: {layer: what happens to its activations}; inside residual blocks, too.
        taps: names of layers whose activations, before any edit, to return as well.

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
        variables = params.get(stage.name, {})
        if stage.join and _inside(stage, (*edits, *taps)):
            inner = turned(variables)
            branch, inner_taps = run(stage.branch, inner, acts, edits=edits, taps=taps)
            acts = stage.join(variables, acts, branch)
            tapped.update(inner_taps)
        else:
            acts = _checked(stage, stage.apply(variables, acts))
        if stage.name in taps:
            tapped[stage.name] = acts
        if stage.name in edits:
            acts = edits[stage.name](acts)
    return acts, tapped


def train_run(
    key: Array,
    network: Network,
    params: Params,
    x: Array,
    *,
    edits: Mapping[str, Edit] = NO_EDITS,
    taps: tuple[str, ...] = (),
) -> TrainRun:
    """Run a network in training mode: random edits, batch statistics, dropout.

    Args:
        key: PRNG key for edits and dropout, consumed.
        network: the table of stages.
        params: {stage name: Flax variables}.
        x: images [B H W 3] in [0, 1].
        edits: {layer: what happens to its activations}.
        taps: names of layers whose activations to return as well.

    Returns:
        Outputs, params with updated running statistics, and the taps.

    Raises:
        BadInput: an edit or a tap at a layer the network does not have.

    >>> from jaxdissect import networks
    >>> network = networks.lenet(3, maps=(2, 2, 4))
    >>> params = init(jax.random.key(0), network, (36, 36, 1))
    >>> silence = {"conv3": lambda key, acts: 0 * acts}
    >>> outputs, updated, tapped = train_run(jax.random.key(1), network, params,
    ...     jnp.ones((1, 36, 36, 1)), edits=silence, taps=("pool3",))
    >>> outputs.shape, tapped["pool3"].max().item(), updated.keys() == params.keys()
    ((1, 3), 0.0, True)
    """
    for layer in (*edits, *taps):
        layer_index(network, layer)
    updated, tapped = dict(params), {}
    for number, stage in enumerate(network):
        key_stage, key_edit = jax.random.split(jax.random.fold_in(key, number))
        x, variables = stage.train(params.get(stage.name, {}), key_stage, x)
        x = _checked(stage, x)
        if variables:
            updated[stage.name] = variables
        if stage.name in taps:
            tapped[stage.name] = x
        if stage.name in edits:
            x = edits[stage.name](key_edit, x)
    return TrainRun(x, updated, tapped)


def apply(network: Network, params: Params, x: AnyArray) -> Array:
    """The whole network: images [B H W 3] in [0, 1] -> logits [B K].

    >>> from jaxdissect import networks
    >>> network = networks.lenet(3, maps=(2, 2, 4))
    >>> params = init(jax.random.key(0), network, (36, 36, 1))
    >>> apply(network, params, jnp.zeros((2, 36, 36, 1))).shape
    (2, 3)
    """
    return run(network, params, x)[0]


def turned(nested: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """{a: {b: x}} as {b: {a: x}}: variables by stage or by collection, and back.

    A residual block holds {collection: {stage: arrays}}, as other stages hold
    {collection: arrays}; running what is inside takes {stage: {collection: arrays}}.

    >>> turned({"params": {"a": 1, "b": 2}, "batch_stats": {"b": 3}})
    {'a': {'params': 1}, 'b': {'params': 2, 'batch_stats': 3}}
    """
    found: dict[str, dict[str, Any]] = {}
    for outer, inside in nested.items():
        for inner, value in inside.items():
            found.setdefault(inner, {})[outer] = value
    return found


def _inside(stage: Stage, layers: tuple[str, ...]) -> bool:
    return any(inner.name in layers for inner in stage.branch)


def _checked(stage: Stage, x):
    if not hasattr(x, "shape"):
        kind = type(x).__name__
        raise BadInput(f"the stage {stage.name!r} gives a {kind}, which is no array")
    if 0 in x.shape:
        raise BadInput(f"the images are too small: nothing is left after {stage.name}")
    return x
