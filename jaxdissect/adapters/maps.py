"""What a model computes, as maps of units [B H W U], and back."""

import math

import jax.numpy as jnp
from jax import Array

from jaxdissect.base import AnyArray


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
