"""Linen and NNX modules as functions of named variables that mark their layers."""

import functools
import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import errors
from flax import linen as nn
from jax import Array

from jaxdissect.adapters.programs import Leaves, Program, key_name, marked, tracing
from jaxdissect.adapters.reading import read_program
from jaxdissect.base import AnyArray
from jaxdissect.errors import BadInput


def map_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape as maps of what a layer returns.

    Dense layers have one position. Tokens stand for the cells of a square, row by row,
    where their number is one, and otherwise (with a class token, say) for a single row.

    Args:
        shape: [B H W U], [B T U] or [B U].

    Returns:
        [B H W U].

    >>> map_shape((2, 9, 8)), map_shape((2, 10, 8)), map_shape((2, 8))
    ((2, 3, 3, 8), (2, 1, 10, 8), (2, 1, 1, 8))
    """
    if len(shape) == 4:
        return shape
    batch, *tokens, units = shape
    number = math.prod(tokens)
    side = math.isqrt(number)
    rows = side if side**2 == number else 1
    return (batch, rows, number // rows, units)


def as_maps(outputs: Array) -> Array:
    """[B H W U], [B T U] or [B U] -> [B H W U], in float32 at least.

    >>> as_maps(jnp.ones((2, 9, 8), jnp.bfloat16)).dtype
    dtype('float32')
    """
    dtype = jnp.promote_types(outputs.dtype, jnp.float32)
    return outputs.reshape(map_shape(outputs.shape)).astype(dtype)


def as_outputs(maps: AnyArray, like: tuple[int, ...], dtype: jnp.dtype) -> Array:
    """Maps as the layer's own code has them.

    Args:
        maps: [B H W U].
        like: shape of the layer's outputs for one image or more.
        dtype: their type.

    >>> as_outputs(jnp.ones((2, 3, 3, 8)), (1, 9, 8), jnp.dtype("bfloat16")).shape
    (2, 9, 8)
    """
    maps = jnp.asarray(maps, dtype)
    return maps if len(like) == 4 else maps.reshape(len(maps), *like[1:])


class Model(NamedTuple):
    """A model of any make.

    Attributes:
        program: (leaves, images) -> its program; arrays or their shapes.
        leaves: (variables) -> {name: array}, for variables as its users hold them.
        variables: its own, or their shapes.
    """

    program: Callable[[Leaves, Any], Program]
    leaves: Callable[[Any], dict[str, Any]]
    variables: Any


def linen_model(module: nn.Module, variables: Any, call: Mapping[str, Any]) -> Model:
    """A Linen module, every `__call__` in it a layer."""

    def run(variables: Any, images: Any) -> Any:
        try:
            with nn.intercept_methods(_marking()):
                return module.apply(variables, images, **call)
        except (errors.ModifyScopeVariableError, errors.InvalidRngError) as error:
            raise BadInput(
                "the model runs as in training; after the example, give what its "
                "`__call__` takes for evaluation, such as train=False"
            ) from error

    return _model(run, variables)


def linen_shapes(module: nn.Module, example: Any, call: Mapping[str, Any]) -> Any:
    """The shapes of a module's variables."""
    check_example(example)
    init = functools.partial(module.init, **call)
    return jax.eval_shape(init, jax.random.key(0), example)


def check_example(example: Any) -> None:
    """Refuse what is no batch of images, before Flax stumbles over it.

    Raises:
        BadInput: one axis only, or whole numbers.
    """
    if example.ndim < 2 or not jnp.issubdtype(example.dtype, jnp.floating):
        raise BadInput(
            f"`example` is {example.dtype} of shape {example.shape}; it must be a "
            "batch of floating-point images"
        )


def nnx_model(model: Any, call: Mapping[str, Any]) -> Model:
    """An NNX module in evaluation mode, every `__call__` in it a layer.

    Layers are marked in copies of the module; itself it stays as it is.
    """
    from flax import nnx  # not every pair of flax and jax can import it

    graph, state = nnx.split(model)

    def run(state: Any, images: Any) -> Any:
        copy = nnx.merge(graph, state)
        copy.eval()
        for path, module in list(nnx.iter_graph(copy)):
            if path and isinstance(module, nnx.Module) and callable(module):
                name = ".".join(map(str, path))
                object.__setattr__(
                    module, "__class__", _marking_class(type(module), name)
                )
        return copy(images, **call)

    return _model(run, state)


def _model(run: Callable[[Any, Any], Any], variables: Any) -> Model:
    named = _leaves(variables)
    tree = jax.tree.structure(variables)

    def by_name(leaves: Leaves, images: Any) -> Any:
        ordered = [leaves[name] for name in named]
        return run(jax.tree.unflatten(tree, ordered), images)

    def leaves(variables: Any) -> dict[str, Any]:
        given = _leaves(variables)
        for name in named:
            if name not in given:
                raise BadInput(f"`variables` lacks {name}, which the model has")
        return {name: given[name] for name in named}

    def trace(leaves: Leaves, images: Any) -> Program:
        return read_program(by_name, leaves, images)

    return Model(tracing(trace), leaves, variables)


def _leaves(variables: Any) -> dict[str, Any]:
    found = jax.tree_util.tree_leaves_with_path(variables)
    # An NNX variable's array is its `value`.
    return {key_name(keys).removesuffix(".value"): leaf for keys, leaf in found}


def _marking() -> Callable[..., Any]:
    """The interceptor that marks what modules return."""
    running: list[str] = []

    def intercept(method: Any, args: Any, kwargs: Any, context: Any) -> Any:
        path = ".".join(context.module.path)
        # A module that calls its parent class, or is wrapped, is still one layer.
        if context.method_name != "__call__" or not path or path in running:
            return method(*args, **kwargs)
        running.append(path)
        outputs = method(*args, **kwargs)
        running.remove(path)
        return marked(path, type(context.module).__name__, outputs)

    return intercept


@functools.cache
def _marking_class(kind: type, path: str) -> type:
    """The class of the module at one place of a model, made to mark its outputs."""

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        return marked(path, kind.__name__, kind.__call__(self, *args, **kwargs))

    return type(kind)(kind.__name__, (kind,), {"__call__": call})
