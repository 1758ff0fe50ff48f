"""Covariances of masks beyond those of their longest waves, as sketches.

The sums over images hold a sketch of the products of every two cells. Less that of the
mean mask and that of the longest waves, whose covariances are known exactly, it is a
sketch of all the others: of short waves with each other, of long ones with short ones.
"""

import functools

import numpy as np
from jaxtyping import Float

from jaxdissect.dissection.moments import in_cells, low_waves
from jaxdissect.dissection.sketches import as_real, folded


def remainder(
    sketch: Float[np.ndarray, "M K"],
    on: Float[np.ndarray, "y x K"],
    long: Float[np.ndarray, "Q K"],
    *,
    number: float,
    pixels: float,
    rows: float,
    num_waves: int,
    num_long: int,
) -> Float[np.ndarray, "M K"]:
    """Sketch of what is not the covariances of the longest waves.

    Args:
        sketch: sum over images of the products of every two cells.
        on: pixels of the masks in each cell, of all images.
        long: covariances of the longest waves times the number of images: each with
            itself, then those of `triu_indices`.
        number: of images.
        pixels: of all images.
        rows: of all images.
        num_waves: F of the moments.
        num_long: how many of them are the longest.
    """
    height, width = round(rows / number), round(pixels / rows)
    size = len(sketch)
    down, across = in_cells(height, width, *on.shape[:2])
    # In cells of n pixels a mean mask is on / sqrt(n).
    whole = np.outer((down > 0).sum(1), (across > 0).sum(1))
    mean = on / np.sqrt(whole)[..., None] / number
    flat = mean.reshape(1, -1, on.shape[-1])
    first, second = folded(flat, _bins(size))
    of_mean = as_real(first * second, _bins(size))[0].T
    of_waves = _products(height, width, on.shape[:2], num_waves, num_long, size)
    return sketch - number * of_mean - of_waves.T @ long


@functools.lru_cache(maxsize=4)
def _products(height, width, grid, num_waves, num_long, size):
    # [Q M] sketches of the products of every two of the longest waves.
    most = next(
        n
        for n in range(1, num_waves + 1)
        if min(n, height) * min(n, width) == num_waves
    )
    waves = low_waves(height, width, most, num_long)
    down, across = in_cells(height, width, *grid)
    shown = np.einsum("yh,lhw,xw->yxl", down, waves, across, optimize=True)
    flat = shown.reshape(1, -1, num_long).astype(np.float64)
    first, second = (part[0] for part in folded(flat, _bins(size)))
    one, other = np.triu_indices(num_long, 1)
    mixed = first[one] * second[other] + first[other] * second[one]
    return as_real(np.concatenate([first * second, mixed]), _bins(size))


def _bins(size):
    # M = 2 (bins // 2 + 1) real numbers stand for that many bins.
    return size - 2
