"""How a layer's activation maps lie on the grid of the concept masks."""

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Bool, Float

from jaxdissect.base import AnyArray, Statistic
from jaxdissect.dissection.counts import unit_masks
from jaxdissect.dissection.protocol import Protocol
from jaxdissect.errors import BadInput
from jaxdissect.upsampling import (
    Axis,
    Centres,
    bilinear_matrix,
    upsample_units,
)

SLICE = 2**25
"""Upsampled values in memory at a time, for each layer: 128 MiB of float32."""


class Layer(NamedTuple):
    """Where a layer's units are seen.

    Attributes:
        num_units: U.
        rows: [h H] interpolation onto the masks' grid along the vertical axis.
        columns: [w W] the same along the horizontal axis.
    """

    num_units: int
    rows: Float[np.ndarray, "h H"]
    columns: Float[np.ndarray, "w W"]

    def values_per_image(self, protocol: Protocol) -> int:
        """Values of a unit on one image, on the protocol's quantile grid."""
        side = 1 if protocol.quantile_grid == "native" else 0
        return self.rows.shape[side] * self.columns.shape[side]


def make_layers(
    acts: Mapping[str, AnyArray],
    labels: AnyArray,
    centres: Mapping[str, Centres],
    image_size: int,
    protocol: Protocol,
) -> dict[str, Layer]:
    """Lay each layer's maps over the grid of the masks.

    Args:
        acts: {layer: [B H W U]}, any batch of them.
        labels: [B h w L], the label maps of the same images.
        centres: {layer: where the cells of its maps sit on the image}.
        image_size: height and width of the images, in pixels.
        protocol: the conventions to follow.

    Raises:
        BadInput: a layer without centres, or of activations that are no maps; centres
            that do not say where along both axes.
    """
    layers = {}
    for name, maps in acts.items():
        if name not in centres:
            raise BadInput(f"`centres` has no {name!r}; it has {', '.join(centres)}")
        if maps.ndim != 4:
            raise BadInput(f"{name!r} is {maps.shape}; activations are [B H W U]")
        where, padding = _checked(name, centres[name]), protocol.padding
        if protocol.alignment == "tiles":
            where = Centres(*(_tiles(cells, image_size) for cells in maps.shape[1:3]))
        lengths = zip(maps.shape[1:3], labels.shape[1:3], where, strict=True)
        matrices = (
            bilinear_matrix(cells, targets, image_size, axis, padding=padding)
            for cells, targets, axis in lengths
        )
        layers[name] = Layer(maps.shape[-1], *matrices)
    return layers


def _checked(name: str, where: Centres) -> Centres:
    """The centres themselves, if they say where along both axes."""
    is_axis = [
        isinstance(axis, Axis) and bool(np.isfinite(axis[:2]).all()) and axis.step > 0
        for axis in where
    ]
    if is_axis != [True, True]:
        raise BadInput(
            f"`centres[{name!r}]` is {tuple(where)}; it must be a finite Axis(offset, "
            "step) for rows and one for columns, with steps above 0 (Centres.square)"
        )
    return where


def _tiles(cells: int, pixels: int) -> Axis:
    """Cells that divide an axis of the image evenly."""
    step = pixels / cells
    return Axis((step - 1) / 2, step)


def masks(
    layer: Layer, acts: Float[AnyArray, "B H W U"], thresholds: Float[AnyArray, "U"]
) -> Bool[Array, "B h w U"]:
    """Where each unit is on, on the masks' grid.

    >>> layer = Layer(1, np.eye(2, dtype=np.float32), np.eye(2, dtype=np.float32))
    >>> acts = np.array([[[[0.0], [1.0]], [[2.0], [3.0]]]], np.float32)
    >>> masks(layer, acts, np.ones(1, np.float32))[0, ..., 0].tolist()
    [[False, False], [True, True]]
    """
    return _masks(acts, layer.rows, layer.columns, thresholds)


def unit_regions(
    layer: Layer, maps: Float[AnyArray, "N H W"], thresholds: Float[AnyArray, "N"]
) -> Bool[np.ndarray, "N h w"]:
    """Where single maps exceed their units' thresholds, on the masks' grid.

    >>> layer = Layer(9, np.eye(2, dtype=np.float32), np.eye(2, dtype=np.float32))
    >>> maps = np.array([[[0.0, 1.0], [2.0, 3.0]]], np.float32)
    >>> unit_regions(layer, maps, np.ones(1, np.float32)).tolist()
    [[[False, False], [True, True]]]
    """
    # numpy, as the number of maps is another every time.
    fine = np.einsum("hH,nHW,wW->nhw", layer.rows, maps, layer.columns, optimize=True)
    return fine > np.asarray(thresholds)[:, None, None]


def unit_values(
    layer: Layer, acts: Float[AnyArray, "B H W U"], protocol: Protocol
) -> Float[np.ndarray, "M U"]:
    """All values of each unit on the quantile grid, each unit's together in memory."""
    if protocol.quantile_grid == "native":
        flat = np.asarray(acts).reshape(-1, acts.shape[-1])
        return np.asfortranarray(flat)
    return np.asarray(_by_unit(acts, layer.rows, layer.columns)).T


def in_slices(
    layer: Layer, statistic: Statistic, values_per_image: int | None = None
) -> Statistic:
    """The same statistic, of a bounded number of images of a layer at a time.

    Args:
        layer: decides how many images at a time.
        statistic: of batches whose elements have images along their first axis.
        values_per_image: of a unit; by default those on the masks' grid.
    """
    finer = len(layer.rows) * len(layer.columns)
    size = max(1, SLICE // ((values_per_image or finer) * layer.num_units))

    def parts(batch: tuple[Any, ...]) -> Iterator[Any]:
        for start in range(0, len(batch[0]), size):
            cut = slice(start, start + size)
            yield statistic.measure(*(element[cut] for element in batch))

    measure: Callable[..., Any]
    measure = lambda *batch: functools.reduce(statistic.merge, parts(batch))  # noqa: E731
    return statistic._replace(measure=measure)


@jax.jit
def _masks(acts, rows, columns, thresholds):
    finer = _by_image(acts, rows, columns)
    return unit_masks(jnp.moveaxis(finer, 1, -1), thresholds)


@jax.jit
def _by_unit(acts, rows, columns):
    finer = _by_image(acts, rows, columns)
    return jnp.moveaxis(finer, 1, 0).reshape(acts.shape[-1], -1)


def _by_image(acts, rows, columns):
    # An image at a time stays in the cache of a CPU.
    return lax.map(lambda maps: upsample_units(maps, rows, columns), acts)
