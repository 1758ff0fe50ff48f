"""Which values the pixels of an image may have."""

import jax
import numpy as np

from jaxdissect.base import AnyArray, BadInput

Bounds = tuple[float, float]
"""Lowest and highest value of a pixel."""


def check_bounds(bounds: Bounds) -> None:
    """Refuse bounds that are none.

    Raises:
        BadInput: the low one is not below the high one.
    """
    low, high = bounds
    if not low < high:
        raise BadInput(f"`bounds` is {bounds}; the first must be below the second")


def check_images(images: AnyArray, bounds: Bounds) -> None:
    """Refuse images outside the bounds; while tracing nothing is known of them.

    Raises:
        BadInput: a pixel out of bounds, or not a number.
    """
    if isinstance(images, jax.core.Tracer):
        return
    low, high = np.min(images).item(), np.max(images).item()
    if not (bounds[0] <= low and high <= bounds[1]):
        raise BadInput(
            f"`images` has values from {low:g} to {high:g}; `bounds` allows "
            f"{bounds[0]:g} to {bounds[1]:g}"
        )
