"""Covariances of whole masks in few numbers, which add up over images.

A mask a has 3136 cells and the products of every two of them ten million numbers. A
tensor sketch folds these into a few hundred: two random foldings of a, with random
signs, are convolved with each other, which is a product of their Fourier transforms.
Sums of sketches are sketches of sums, and the inner product of two estimates that of
what is sketched, without bias, with a standard error of their norms' product times
sqrt(8 / M) at most.

Reference:
    Pham and Pagh, Fast and scalable polynomial kernels via explicit feature maps, KDD
    2013.
"""

import functools
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Complex, Float


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
