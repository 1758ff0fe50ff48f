"""Which values the pixels of an image may have, and what images must be."""

import jax.numpy as jnp
import numpy as np

from jaxdissect.base import AnyArray
from jaxdissect.checking import check_not_empty, check_shape, is_traced
from jaxdissect.errors import BadInput

Bounds = tuple[float, float]
"""Lowest and highest value of a pixel, the same for all channels, in any unit."""


def check_bounds(bounds: Bounds) -> None:
    """Refuse bounds that are none.

    Raises:
        BadInput: not two numbers, or the low one is not below the high one.
    """
    if np.shape(bounds) != (2,):
        raise BadInput(
            f"`bounds` is {bounds}; it must be the lowest and the highest value of a "
            "pixel, the same for all channels"
        )
    low, high = bounds
    if not low < high:
        raise BadInput(f"`bounds` is {bounds}; the first must be below the second")


def check_images(images: AnyArray, bounds: Bounds) -> None:
    """Refuse images outside the bounds; while tracing nothing is known of their values.

    Raises:
        BadInput: not [B H W c], no images, a pixel out of bounds or not a number.
    """
    check_shape("images", images, "B H W c")
    check_not_empty("images", images, "B H W c")
    if is_traced(images):
        return
    low, high = np.min(images).item(), np.max(images).item()
    # A bound is what it is in the type of the images: .7 is a little less in float32.
    kind = images.dtype if jnp.issubdtype(images.dtype, jnp.floating) else np.float64
    least, most = np.asarray(bounds, kind).tolist()
    if not (least <= low and high <= most):
        raise BadInput(
            f"`images` has values from {low:g} to {high:g}; `bounds` allows "
            f"{bounds[0]:g} to {bounds[1]:g}"
        )
