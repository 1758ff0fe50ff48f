"""Flax models as tables of stages, as every tool and script takes them."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array
from jaxtyping import Float

from jaxdissect.adapters.layers import (
    cut_value,
    mark_of,
    model_program,
    program_layers,
)
from jaxdissect.adapters.models import Model, linen_model, nnx_model
from jaxdissect.adapters.picking import Which, with_output
from jaxdissect.adapters.programs import Mark, Program, compute, needed
from jaxdissect.adapters.splits import LAST, StageFunction, chain
from jaxdissect.base import AnyArray, Params
from jaxdissect.errors import BadInput
from jaxdissect.networks.stages import Network

IMAGES = ""
"""No layer's name: where the first stage begins."""

MAPS = "outputs"
"""The name of the last stage, where what comes out are maps and no logits."""

ENDS = (LAST, MAPS)


def linen_network(
    module: nn.Module,
    variables: Params,
    example: Float[AnyArray, "B H W c"],
    *,
    layers: Sequence[str] = (),
    outputs: Which = None,
    **call: Any,
) -> tuple[Network, Params]:
    """A Linen module as a table of stages, cut wherever it can be.

    Args:
        module: a classifier of images, or anything that makes maps of them.
        variables: its variables, as `module.apply` takes them.
        example: images; only shape and type matter. The table takes batches of any
            length, of images of this size.
        layers: where to cut, as `list_layers` names it; empty for all clean cuts. Of
            names of one array the shortest is kept.
        outputs: which of its outputs is meant, where it returns several: the key or
            the number; nested ones are joined by dots (`"head.logits"`).
        **call: further arguments of `module.apply`, such as `train=False`.

    Returns:
        The network and its params: {stage: {name of a variable: array}}. It can be
        run, cut and asked, but not trained. The last stage is `logits` where outputs
        are [B K]; where they are maps or tokens, their layer, or `outputs` if they are
        of none; and else the last clean cut. Without logits a network can be dissected,
        and no more.

    Raises:
        BadInput: unknown layer, no clean cut, or several outputs of which none is
            picked.

    >>> import jax.numpy as jnp
    >>> from jaxdissect import networks
    >>> net = nn.Sequential([nn.Conv(4, (3, 3)), nn.relu, lambda x: x.mean((1, 2))])
    >>> images = jnp.ones((2, 8, 8, 3))
    >>> variables = net.init(jax.random.key(0), images)
    >>> network, params = linen_network(net, variables, images)
    >>> networks.layer_names(network)
    ('layers_0', 'layers_0.relu', 'logits')
    >>> networks.apply(network, params, images).shape
    (2, 4)
    """
    return _network(linen_model(module, variables, call), example, layers, outputs)


def nnx_network(
    model: Any,
    example: Float[AnyArray, "B H W c"],
    *,
    layers: Sequence[str] = (),
    outputs: Which = None,
    **call: Any,
) -> tuple[Network, Params]:
    """An NNX module, in evaluation mode, as a table of stages.

    Args:
        model: as the `module` of `linen_network`, with its variables; it stays as it
            is.
        example: as in `linen_network`.
        layers: as in `linen_network`.
        outputs: as in `linen_network`.
        **call: further arguments of the module's `__call__`.

    Returns:
        As `linen_network`.

    Raises:
        BadInput: as `linen_network`.

    >>> import jax.numpy as jnp
    >>> from flax import nnx
    >>> from jaxdissect import networks
    >>> net = nnx.Sequential(
    ...     nnx.Conv(3, 4, (3, 3), rngs=nnx.Rngs(0)), lambda x: x.mean((1, 2)))
    >>> network, params = nnx_network(net, jnp.ones((1, 8, 8, 3)))
    >>> networks.layer_names(network), sorted(params["layers.0"])
    (('layers.0', 'logits'), ['layers.0.bias', 'layers.0.kernel'])
    """
    return _network(nnx_model(model, call), example, layers, outputs)


def _network(
    model: Model, example: Any, layers: Sequence[str], outputs: Which
) -> tuple[Network, Params]:
    program = with_output(model_program(model, example), outputs)
    end = _end(program)
    chosen = {path: cut_value(program, path) for path in layers if path not in ENDS}
    cuts = chosen if layers else _cuts(program)
    if end == (MAPS,) and program.outputs[0] in cuts.values():
        end = ()  # the last layer's maps are the outputs
    names = [IMAGES, *sorted(cuts, key=lambda path: cuts[path]), *end]
    if len(names) < 2:
        shape = list(program.results.shape)
        raise BadInput(
            f"the model returns shape {shape}, and has no layer where it can be cut"
        )
    leaves = model.leaves(model.variables)
    shapes = jax.eval_shape(lambda leaves: leaves, leaves)

    def programs(length: int) -> Program:
        like = jax.ShapeDtypeStruct((length, *example.shape[1:]), example.dtype)
        return with_output(model.program(shapes, like), outputs)

    functions, params = {}, {}
    for before, name in itertools.pairwise(names):
        start, target = _place(program, before).value, _place(program, name).value
        _, others = needed(program, [target], frozenset([start]))
        used = {leaf: leaves[leaf] for leaf in leaves if program.leaves[leaf] in others}
        functions[name] = _segment(programs, before, name)
        if used:
            params[name] = used
    return chain(functions, params, example)


def _end(program: Program) -> tuple[str, ...]:
    """What the last stage is called, if outputs are one for each image."""
    like = program.results
    batch = like.shape[:1] == program.like.shape[:1]
    if not batch or not jnp.issubdtype(like.dtype, jnp.floating):
        return ()
    return {2: (LAST,), 3: (MAPS,), 4: (MAPS,)}.get(len(like.shape), ())


def _cuts(program: Program) -> dict[str, int]:
    """{layer: value} of all clean cuts, each array once."""
    cuts: dict[int, str] = {}
    for layer in program_layers(program):
        value = mark_of(program, layer.path).value
        if not layer.cut or value == program.images or layer.path in ENDS:
            continue
        # A module that ends with another gives its name to what both return.
        if cuts.setdefault(value, layer.path).startswith(f"{layer.path}."):
            cuts[value] = layer.path
    return {path: value for value, path in cuts.items()}


def _place(program: Program, name: str) -> Mark:
    """Where a segment begins or ends."""
    if name == IMAGES:
        return Mark(name, "", program.like, program.images)
    if name in ENDS:
        return Mark(name, "", program.results, program.outputs[0])
    return mark_of(program, name)


def _segment(
    programs: Callable[[int], Program], before: str, name: str
) -> StageFunction:
    """The part of a model from one layer to another."""

    def function(variables: Mapping[str, Any], acts: Array) -> Array:
        program = programs(len(acts))
        start = _place(program, before)
        if acts.shape != start.like.shape:
            raise BadInput(
                f"the images have another size than the example: {name!r} gets "
                f"{acts.shape[1:]}, not {start.like.shape[1:]}"
            )
        given = {program.leaves[leaf]: array for leaf, array in variables.items()}
        given[start.value] = acts
        return compute(program, [_place(program, name).value], given)[0]

    return function
