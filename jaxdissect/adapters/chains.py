"""Functions, one after the other, as a table of stages."""

import functools
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import jax
from jax import Array
from jaxtyping import Float

from jaxdissect.adapters.maps import as_maps, as_outputs, map_shape
from jaxdissect.adapters.picking import Which, pick
from jaxdissect.base import AnyArray, Params
from jaxdissect.errors import BadInput
from jaxdissect.networks.stages import Network, Stage
from jaxdissect.networks.windows import measured_windows

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
