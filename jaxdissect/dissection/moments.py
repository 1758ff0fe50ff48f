"""What the chance level needs to know of masks, as sums over images.

The sums take 47 kB for each unit or concept and each stratum, 8 bytes per cell of a
56 x 56 grid and 22 kB besides: 24 MB for 512 units in one stratum, 790 MB for 4224
units in four (470 MB with `cells=28`). Measuring them costs 70,000 multiply-adds for a
mask of 56 x 56, as much as its overlap with 20 concepts, and two Fourier transforms of
1024 numbers.
"""

import functools
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Complex, Float, Int, Integer

from jaxdissect.base import AnyArray
from jaxdissect.checking import check_shape
from jaxdissect.dissection.counts import check_masks
from jaxdissect.errors import BadInput


class Folding(NamedTuple):
    """Where cells go, and with which sign; the same for all masks, or nothing compares.

    Attributes:
        order: [n M] cell at each place of n rounds over M bins, -1 for none.
        signs: [n M] 1 or -1; 0 where there is no cell.
    """

    order: np.ndarray
    signs: np.ndarray


@functools.cache
def foldings(num_cells: int, size: int) -> tuple[Folding, Folding]:
    """Two of them, always the same for as many cells and bins."""
    generator = np.random.default_rng((num_cells, size))
    rounds = -(-num_cells // size)

    def one() -> Folding:
        order = np.full(rounds * size, -1)
        # Cells of a round go to different bins, those of the last to any.
        order[:num_cells] = generator.permutation(num_cells)
        last = generator.permutation(size)
        order[-size:] = order[-size:][last]
        signs = np.where(order < 0, 0, generator.choice([-1.0, 1.0], len(order)))
        return Folding(order.reshape(rounds, size), signs.reshape(rounds, size))

    return one(), one()


def folded(
    values: Float[Array | np.ndarray, "B P K"], size: int
) -> tuple[Complex[Array | np.ndarray, "B K f"], Complex[Array | np.ndarray, "B K f"]]:
    """Fourier transforms of both foldings, on the device or in numpy's doubles.

    >>> rng = np.random.default_rng(0)
    >>> masks = rng.normal(size=(2, 40, 1))  # two of 40 cells
    >>> first, second = folded(masks, 4096)
    >>> sketch = as_real(first * second, 4096)[:, 0]
    >>> bool(abs(sketch[0] @ sketch[1] - (masks[0, :, 0] @ masks[1, :, 0]) ** 2) < 20)
    True
    """
    numpy = np if isinstance(values, np.ndarray) else jnp
    found = []
    for order, signs in foldings(values.shape[1], size):
        places = numpy.take(values, np.maximum(order, 0), axis=1)
        bins = (places * signs[:, :, None].astype(values.dtype)).sum(1)
        found.append(numpy.fft.rfft(numpy.moveaxis(bins, 1, -1)))
    return found[0], found[1]


def as_real(
    transforms: Complex[Array | np.ndarray, "*A f"], size: int
) -> Float[Array | np.ndarray, "*A M"]:
    """Real numbers whose inner products are those of what was transformed."""
    numpy = np if isinstance(transforms, np.ndarray) else jnp
    # All but the first (and the last of an even number) stand for two.
    twice = np.full(transforms.shape[-1], 2.0)
    twice[0] = 1
    if size % 2 == 0:
        twice[-1] = 1
    scale = np.sqrt(twice / size).astype(transforms.real.dtype)
    return numpy.concatenate([transforms.real * scale, transforms.imag * scale], -1)


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


class Moments(NamedTuple):
    """Sums over the images of each stratum; those of batches and shards add up.

    Attributes:
        images: [S] images.
        pixels: [S y x] pixels of all images in each cell of a grid.
        rows: [S] rows of pixels of all images.
        on: [S y x K] those of them that belong to the mask.
        waves: [S F K] coefficients of the mask in the orthonormal cosine basis, longest
            waves first; the very first is constant and measures the area.
        squares: [S F K] their squares.
        products: [S Q K] products of every two of the longest waves.
        cubes: [S K] cube of the first.
        sketch: [S M K] the products of every two cells, folded into M numbers.
    """

    images: Integer[AnyArray, "S"]
    pixels: Integer[AnyArray, "S y x"]
    rows: Integer[AnyArray, "S"]
    on: Integer[AnyArray, "S y x K"]
    waves: Float[AnyArray, "S F K"]
    squares: Float[AnyArray, "S F K"]
    products: Float[AnyArray, "S Q K"]
    cubes: Float[AnyArray, "S K"]
    sketch: Float[AnyArray, "S M K"]


def mask_moments(
    masks: Bool[AnyArray, "B h w K"],
    strata: Integer[np.ndarray, "B"],
    *,
    num_strata: int = 1,
    cells: int = 56,
    num_frequencies: int = 16,
    num_low: int = 49,
    num_folds: int = 1024,
) -> Moments:
    """Measure one batch, of units or of concepts.

    However a data set is cut into batches, the counts add up to the same to the last
    bit, the other sums to the rounding of float32.

    Args:
        masks: from `unit_masks` or `concept_masks`.
        strata: number of each image's stratum, from 0 to S - 1.
        num_strata: S.
        cells: along each axis, at most; positions within a cell are one and the same.
        num_frequencies: along each axis, at most; F is their product.
        num_low: how many of the longest waves are multiplied with each other.
        num_folds: bins into which the products of all cells are folded, an even number;
            M is two more.

    Raises:
        BadInput: an option is below 1, a stratum is out of range, or the batch is too
            large to count in float32.

    >>> masks, strata = np.ones((3, 2, 2, 1), bool), np.array([0, 1, 1])
    >>> moments = mask_moments(masks, strata, num_strata=2)
    >>> moments.images.tolist(), moments.on[1, ..., 0].tolist()
    ([1, 2], [[2, 2], [2, 2]])
    """
    options = {"cells": cells, "num_frequencies": num_frequencies, "num_low": num_low}
    options["num_folds"] = num_folds
    for name, value in options.items():
        if value < 1:
            raise BadInput(f"`{name}` is {value}; it must be at least 1")
    check_masks("masks", masks, "B h w K")
    check_shape("strata", strata, "B", B=len(masks))
    outside = (strata < 0) | (strata >= num_strata)
    if outside.any():
        found = strata[outside][0]
        raise BadInput(f"`strata` has {found}; allowed are 0 to {num_strata - 1}")
    counted = math.prod((len(masks), *(-(-n // cells) for n in masks.shape[1:3])))
    if counted >= 2**24:
        raise BadInput(
            f"a batch has {counted} pixels in a cell; float32 counts exactly below "
            f"{2**24}, so use smaller batches"
        )
    return _measure(masks, strata, num_strata, **options)


def in_columns(moments: Moments, columns: Int[np.ndarray, "K"], num: int) -> Moments:
    """Moments of some concepts among those of all; zero where there are none.

    Args:
        moments: of K masks.
        columns: place of each; those below 0 are left out.
        num: how many there are in all.

    >>> one = mask_moments(np.ones((1, 1, 1, 2), bool), np.zeros(1, int))
    >>> in_columns(one, np.array([2, -1]), 4).on.ravel().tolist()
    [0, 0, 1, 0]
    """

    def spread(part: AnyArray) -> np.ndarray:
        wide = np.zeros((*part.shape[:-1], num), part.dtype)
        wide[..., columns[columns >= 0]] = np.asarray(part)[..., columns >= 0]
        return wide

    images, pixels, rows, *of_masks = moments
    return Moments(images, pixels, rows, *map(spread, of_masks))


@functools.partial(jax.jit, static_argnums=(2, 3, 4, 5, 6))
def _measure(masks, strata, num_strata, cells, num_frequencies, num_low, num_folds):
    height, width = masks.shape[1:3]
    values = masks.astype(jnp.float32)
    waves = _waves(values, num_frequencies)
    low = waves[:, :num_low]
    first, second = np.triu_indices(low.shape[1], 1)
    member = jax.nn.one_hot(strata, num_strata)

    def by_stratum(of_images: Array) -> Array:
        return jnp.einsum("bs,b...->s...", member, of_images, precision="highest")

    def by_cell(maps: Array) -> Array:
        rows, columns = _members(height, cells), _members(width, cells)
        return jnp.einsum("yh,shwk,xw->syxk", rows, maps, columns, precision="highest")

    everywhere = by_stratum(jnp.ones((len(masks), height, width, 1)))
    return Moments(
        images=member.sum(0).astype(jnp.int32),
        rows=(height * member.sum(0)).astype(jnp.int32),
        pixels=by_cell(everywhere)[..., 0].astype(jnp.int32),
        on=by_cell(by_stratum(values)).astype(jnp.int32),
        waves=by_stratum(waves),
        squares=by_stratum(waves**2),
        products=by_stratum(low[:, first] * low[:, second]),
        cubes=by_stratum(waves[:, 0] ** 3),
        sketch=by_stratum(_sketches(values, cells, num_folds)),
    )


def in_cells(
    height: int, width: int, down: int, across: int
) -> tuple[np.ndarray, np.ndarray]:
    """[y height] and [x width] that take a mask to its cells, lengths preserved."""
    both = (_members(height, down), _members(width, across))
    first, second = (each / np.sqrt(each.sum(1, keepdims=True)) for each in both)
    return first, second


def low_waves(
    height: int, width: int, num_frequencies: int, num_low: int
) -> np.ndarray:
    """[num_low height width] the longest waves of the orthonormal cosine basis."""
    down, across = (_cosines(n, min(num_frequencies, n)) for n in (height, width))
    order = _by_length(down, across)[:num_low]
    pairs = zip(*np.divmod(order, len(across)), strict=True)
    return np.stack([np.outer(down[f], across[g]) for f, g in pairs])


def _sketches(values, cells, num_folds):
    # [B M K] of each image.
    down, across = in_cells(*values.shape[1:3], cells, cells)
    if values.shape[1:3] != (len(down), len(across)):
        values = jnp.einsum("yh,bhwk->bywk", down, values, precision="highest")
        values = jnp.einsum("xw,bywk->byxk", across, values, precision="highest")
    flat = values.reshape(len(values), -1, values.shape[-1])
    first, second = folded(flat, num_folds)
    return jnp.moveaxis(as_real(first * second, num_folds), 1, -1)


def _members(length, cells):
    # [cells length] which cell each row of pixels belongs to, as even as possible.
    rows = np.array_split(np.eye(length, dtype=np.float32), min(cells, length))
    return np.stack([of_cell.sum(0) for of_cell in rows])


def _waves(values, num_frequencies):
    # [B F K], sorted by length of the wave in the plane.
    height, width = values.shape[1:3]
    down, across = (_cosines(n, min(num_frequencies, n)) for n in (height, width))
    waves = jnp.einsum("fh,bhwk->bfwk", down, values, precision="highest")
    waves = jnp.einsum("gw,bfwk->bfgk", across, waves, precision="highest")
    order = _by_length(down, across)
    return waves.reshape(len(values), -1, values.shape[-1])[:, order]


def _by_length(down, across):
    rates = (np.arange(len(c)) / c.shape[1] for c in (down, across))
    return np.argsort(np.add.outer(*(r**2 for r in rates)), axis=None, kind="stable")


def _cosines(length, num):
    # The first rows of the orthonormal DCT-II, [num length].
    phase = np.outer(np.arange(num), np.arange(length) + 0.5) * np.pi / length
    scale = np.sqrt(np.where(np.arange(num) > 0, 2, 1) / length)
    return (scale[:, None] * np.cos(phase)).astype(np.float32)
