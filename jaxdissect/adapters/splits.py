"""A Flax model, unchanged, as the two halves around one of its layers."""

from typing import Any

import jax
from flax import linen as nn
from jax import Array
from jaxtyping import Float

from jaxdissect.adapters.layers import cut_value, mark_of, model_program
from jaxdissect.adapters.maps import as_maps, as_outputs, map_shape
from jaxdissect.adapters.models import Model, linen_model, linen_shapes, nnx_model
from jaxdissect.adapters.programs import Program, compute
from jaxdissect.base import AnyArray, Params, Split
from jaxdissect.errors import BadInput


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
