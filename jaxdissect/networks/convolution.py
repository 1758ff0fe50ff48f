"""Two ways to compute a convolution, the same to rounding.

XLA's CPU backend runs a 3 x 3 convolution over maps smaller than 3 x 3 about a hundred
times slower than the arithmetic warrants, and those are conv5 of the CIFAR VGG-16. A
sum of shifted matrix products does the same work at full speed.
"""

import functools

import jax.numpy as jnp
from jax import Array, lax

from jaxdissect.networks.layers import Convolution


def for_backend(backend: str) -> Convolution:
    """The convolution to use on a backend ("cpu", "gpu", "tpu").

    >>> for_backend("gpu") is lax.conv_general_dilated
    True
    """
    return shifting_small_maps if backend == "cpu" else lax.conv_general_dilated


def shifting_small_maps(
    lhs: Array, rhs: Array, window_strides, padding, **options
) -> Array:
    """`lax.conv_general_dilated` for NHWC maps, with small maps as shifted products.

    Args:
        lhs: [B H W U] maps.
        rhs: [h w U M] kernel.
        window_strides: (rows, columns).
        padding: ((top, bottom), (left, right)), or a name lax knows.
        **options: the other arguments of `lax.conv_general_dilated`.

    Returns:
        [B H' W' M].

    >>> x, w = jnp.ones((1, 2, 2, 1)), jnp.ones((3, 3, 1, 1))
    >>> shifting_small_maps(x, w, (1, 1), ((1, 1), (1, 1)))[0, :, :, 0].tolist()
    [[4.0, 4.0], [4.0, 4.0]]
    """
    smaller = lhs.shape[1] < rhs.shape[0] or lhs.shape[2] < rhs.shape[1]
    plain = options.get("feature_group_count", 1) == 1 and not isinstance(padding, str)
    if smaller and plain and tuple(window_strides) == (1, 1):
        return _shifted(lhs, rhs, padding)
    return lax.conv_general_dilated(lhs, rhs, window_strides, padding, **options)


def _shifted(lhs: Array, rhs: Array, padding) -> Array:
    padded = jnp.pad(lhs, ((0, 0), *padding, (0, 0)))
    height = padded.shape[1] - rhs.shape[0] + 1
    width = padded.shape[2] - rhs.shape[1] + 1
    products = [
        padded[:, i : i + height, j : j + width] @ rhs[i, j]
        for i in range(rhs.shape[0])
        for j in range(rhs.shape[1])
    ]
    return functools.reduce(jnp.add, products)
