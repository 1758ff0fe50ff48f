"""Bilinear upsampling of activation maps onto the grid of the concept masks.

A cell of an activation map stands for the centre of its receptive field, which for
some networks (AlexNet) is not where a plain resize would put it. Interpolation along
one axis is a fixed linear map, so upsampling is two small matrix products.
"""

from typing import Literal, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from jaxdissect.base import AnyArray

Padding = Literal["zeros", "edge"]
"""Outside the outermost cells: fade to zero (PNAS 2020) or repeat them (2017)."""


class Axis(NamedTuple):
    """Where the cells of a map sit along one axis of the image, in pixels.

    Attributes:
        offset: coordinate of the first cell's receptive-field centre; 0 is the centre
            of the first pixel.
        step: distance between neighbouring centres.
        known: False for an estimate, as where everything sees the whole image.
    """

    offset: float
    step: float
    known: bool = True


class Centres(NamedTuple):
    """Where the cells of a map sit on the image.

    Attributes:
        rows: along the vertical axis.
        columns: along the horizontal axis.
    """

    rows: Axis
    columns: Axis

    @classmethod
    def square(cls, offset: float, step: float) -> "Centres":
        """The same along both axes.

        >>> Centres.square(7.5, 16.0).columns.step
        16.0
        """
        return cls(Axis(offset, step), Axis(offset, step))


def bilinear_matrix(
    cells: int, targets: int, pixels: int, axis: Axis, *, padding: Padding
) -> Float[np.ndarray, "{targets} {cells}"]:
    """The matrix that interpolates `cells` values at `targets` equidistant places.

    Args:
        cells: length of the activation map along this axis.
        targets: length of the grid to interpolate onto.
        pixels: length of the image; the grid's cells divide it into equal parts, of
            a fraction of pixels where their number does not divide it.
        axis: where the map's cells sit along it.
        padding: what lies outside the outermost cells.

    Returns:
        float32 [targets cells]; rows sum to 1, less near the border under "zeros".

    Reference:
        Bau et al., Network Dissection, CVPR 2017, section 2.2 (bilinear interpolation
        anchored at receptive-field centres).

    >>> bilinear_matrix(2, 4, 4, Axis(0.5, 2.0), padding="edge").tolist()
    [[1.0, 0.0], [0.75, 0.25], [0.25, 0.75], [0.0, 1.0]]
    """
    image_coordinate = (np.arange(targets) + 0.5) * pixels / targets - 0.5
    position = (image_coordinate - axis.offset) / axis.step
    if padding == "edge":
        position = np.clip(position, 0, cells - 1)
    distance = np.abs(position[:, None] - np.arange(cells))
    return np.maximum(0, 1 - distance).astype(np.float32)


def upsample(
    acts: Float[AnyArray, "B H W U"],
    rows: Float[AnyArray, "h H"],
    columns: Float[AnyArray, "w W"],
) -> Float[Array, "B h w U"]:
    """Interpolate activation maps onto a finer grid.

    Args:
        acts: activation maps.
        rows: `bilinear_matrix` of the vertical axis.
        columns: `bilinear_matrix` of the horizontal axis.

    Returns:
        The maps on the h x w grid.

    >>> import jax.numpy as jnp
    >>> matrix = bilinear_matrix(1, 2, 2, Axis(0.5, 2.0), padding="edge")
    >>> upsample(jnp.ones((1, 1, 1, 3)), matrix, matrix).shape
    (1, 2, 2, 3)
    """
    # Thresholds compare these values, so they are exact to float32 on every backend.
    taller = jnp.einsum("hH,bHWu->bhWu", rows, acts, precision="highest")
    return jnp.einsum("wW,bhWu->bhwu", columns, taller, precision="highest")


def upsample_units(
    maps: Float[AnyArray, "H W U"],
    rows: Float[AnyArray, "h H"],
    columns: Float[AnyArray, "w W"],
) -> Float[Array, "U h w"]:
    """The same of one image, each unit's values together, which is faster on a CPU.

    >>> maps = np.arange(8, dtype=np.float32).reshape(2, 2, 2)
    >>> upsample_units(maps, np.eye(2), np.ones((1, 2)))[1].tolist()
    [[4.0], [12.0]]
    """
    maps = jnp.moveaxis(jnp.asarray(maps), -1, 0)
    taller = jnp.einsum("uHW,hH->uhW", maps, rows, precision="highest")
    return jnp.einsum("uhW,wW->uhw", taller, columns, precision="highest")
