"""A Flax model, unchanged, as the two halves around one of its layers."""

import functools
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import jax
from flax import linen as nn
from jax import Array
from jaxtyping import Float

from jaxdissect.adapters.layers import cut_value, mark_of, model_program
from jaxdissect.adapters.models import (
    Model,
    as_maps,
    as_outputs,
    linen_model,
    linen_shapes,
    map_shape,
    nnx_model,
)
from jaxdissect.adapters.picking import Which, pick
from jaxdissect.adapters.programs import Program, compute
from jaxdissect.base import AnyArray, Params, Split
from jaxdissect.errors import BadInput
from jaxdissect.networks.stages import Network, Stage
from jaxdissect.networks.windows import measured_windows


def split_linen(
    module: nn.Module, path: str, example: Float[AnyArray, "B ..."], **call: Any
) -> Split:
    """Cut a Linen module at a layer.

    Args:
        module: the module.
        path: a layer, as `list_layers` names it.
        example: images [B H W c], or whatever the module takes; only shape and type
            matter. Batches of any length may follow, of images of this size.
        **call: further arguments of `module.apply`, such as `train=False`.

    Returns:
        trunk (variables, x) -> acts [B H W U] and tail (variables, acts) -> outputs,
        where variables are what `module.apply` takes. Activations [B U] are [B 1 1 U]
        in between, tokens [B T U] are cells of a square (`maps.map_shape`), and
        half-precision activations are float32.

    Raises:
        BadInput: unknown layer, or no clean cut.

    >>> import jax.numpy as jnp
    >>> net = nn.Sequential([nn.Conv(4, (3, 3)), nn.relu, nn.Conv(5, (8, 8))])
    >>> images = jnp.ones((2, 8, 8, 3))
    >>> variables = net.init(jax.random.key(0), images)
    >>> trunk, tail = split_linen(net, "layers_0.relu", images)
    >>> acts = trunk(variables, images)
    >>> acts.shape, bool((tail(variables, acts) == net.apply(variables, images)).all())
    ((2, 8, 8, 4), True)
    """
    shapes = linen_shapes(module, example, call)
    return _split(linen_model(module, shapes, call), path, example)


def split_nnx(
    model: Any, path: str, example: Float[AnyArray, "B ..."], **call: Any
) -> Split:
    """Cut an NNX module, in evaluation mode, at a layer.

    Args:
        model: the module; it stays as it is.
        path: a layer, as `list_layers` names it.
        example: as in `split_linen`.
        **call: further arguments of the module's `__call__`.

    Returns:
        trunk and tail, as `split_linen`; their variables are the module's state,
        `nnx.state(model)`.

    Raises:
        BadInput: unknown layer, or no clean cut.

    >>> import jax.numpy as jnp
    >>> from flax import nnx
    >>> rngs = nnx.Rngs(0)
    >>> net = nnx.Sequential(nnx.Linear(3, 4, rngs=rngs), nnx.Linear(4, 2, rngs=rngs))
    >>> trunk, tail = split_nnx(net, "layers.0", jnp.ones((2, 3)))
    >>> acts = trunk(nnx.state(net), jnp.ones((2, 3)))
    >>> acts.shape, tail(nnx.state(net), acts).shape
    ((2, 1, 1, 4), (2, 2))
    """
    return _split(nnx_model(model, call), path, example)


def _split(model: Model, path: str, example: Any) -> Split:
    cut_value(model_program(model, example), path)
    size = example.shape[1:]

    def known(variables: Params, x: Any) -> tuple[Program, dict[int, Any]]:
        leaves = model.leaves(variables)
        program = model.program(leaves, x)
        return program, {program.leaves[name]: leaf for name, leaf in leaves.items()}

    def trunk(variables: Params, x: AnyArray) -> Array:
        if x.shape[1:] != size:
            raise BadInput(f"`x` has shape {x.shape}; the example has {example.shape}")
        program, values = known(variables, x)
        mark = mark_of(program, path)
        (acts,) = compute(program, [mark.value], {**values, program.images: x})
        return as_maps(acts)

    def tail(variables: Params, acts: AnyArray) -> Any:
        x = jax.ShapeDtypeStruct((len(acts), *size), example.dtype)
        program, values = known(variables, x)
        mark = mark_of(program, path)
        if acts.shape != map_shape(mark.like.shape):
            raise BadInput(
                f"`acts` has shape {acts.shape}; images like the example have "
                f"{map_shape(mark.like.shape)} at {path!r}"
            )
        values[mark.value] = as_outputs(acts, mark.like.shape, mark.like.dtype)
        outputs = compute(program, program.outputs, values)
        return jax.tree.unflatten(jax.tree.structure(program.results), outputs)

    return Split(trunk, tail)


LAST = "logits"
"""The name of the last stage of a classifier, which ablation and gradients ask for."""

StageFunction = Callable[[Any, Array], Array]
"""(variables, acts) -> acts."""


def chain(
    functions: Mapping[str, StageFunction],
    params: Params,
    example: Float[AnyArray, "B H W c"],
    *,
    outputs: Which = None,
) -> tuple[Network, Params]:
    """Functions, one after the other, as a table of stages.

    A trunk and a tail written by hand are a chain of two; a trunk alone is enough for
    a dissection.

    Args:
        functions: {layer: (variables, acts) -> acts} in order; the first takes images,
            the last of a classifier is called `logits` and returns [B K]. The others
            return [B H W U], or dense layers [B U] and tokens [B T U], which are maps
            in the table and themselves again for the next function.
        params: {layer: variables, any pytree of arrays}; functions without any may be
            left out.
        example: images; only shape and type matter.
        outputs: which of its outputs is meant, where the last function returns
            several: its key or its number.

    Returns:
        The network, and its params.

    Raises:
        BadInput: no functions, `logits` before the last one, params of no function, a
            shape that is not one of those, or several outputs of which none is picked.

    >>> import jax.numpy as jnp
    >>> from jaxdissect import networks
    >>> network, params = chain(
    ...     {"scale": lambda v, x: v["a"] * x, "logits": lambda v, x: x.sum((1, 2))},
    ...     {"scale": {"a": 2.0}}, jnp.ones((1, 2, 2, 3)))
    >>> networks.apply(network, params, jnp.ones((1, 2, 2, 3))).tolist()
    [[8.0, 8.0, 8.0]]
    """
    names = list(functions)
    if not names or LAST in names[:-1]:
        raise BadInput(
            f"`functions` has {names}; it needs at least one, and {LAST!r} comes last"
        )
    if unknown := set(params) - set(names):
        raise BadInput(f"`params` has {min(unknown)!r}; `functions` has {names}")
    stages, like = [], jax.ShapeDtypeStruct(example.shape, example.dtype)
    for name, function in functions.items():
        which = outputs if name == names[-1] else None
        alone = _picking(function, which, repr(name))
        before, variables = like, params.get(name, {})
        like = jax.eval_shape(alone, variables, before)
        if len(like.shape) not in ((2,) if name == LAST else (2, 3, 4)):
            allowed = "[B K]" if name == LAST else "[B H W U], [B T U] or [B U]"
            raise BadInput(f"{name!r} returns shape {like.shape}; it must be {allowed}")
        if like.shape[0] != example.shape[0]:
            raise BadInput(
                f"{name!r} returns shape {like.shape} for {example.shape[0]} images; "
                "the first axis must be that of the images"
            )
        stages.append(_stage(name, alone, variables, before))
    return tuple(stages), dict(params)


def _picking(function: StageFunction, outputs: Which, source: str) -> StageFunction:
    """The function with one of its outputs."""
    return lambda variables, acts: pick(function(variables, acts), outputs, source)


def _stage(name: str, function: StageFunction, variables: Any, before: Any) -> Stage:
    """A stage that takes and gives maps, but in the end logits."""

    def apply(variables: Any, maps: Array) -> Array:
        outputs = function(variables, as_outputs(maps, before.shape, before.dtype))
        return outputs if name == LAST else as_maps(outputs)

    @functools.cache
    def windows() -> Any:
        # One size of images makes one size of maps.
        _, height, width, units = map_shape(before.shape)
        of_maps = functools.partial(apply, variables)
        return measured_windows(of_maps, (height, width, units))

    return Stage(
        name,
        init=_refused,
        apply=apply,
        train=_refused,
        windows=lambda height, width: windows(),
    )


def _refused(*arguments: Any) -> NoReturn:
    raise BadInput("an adapted network has its own weights and cannot be trained here")
