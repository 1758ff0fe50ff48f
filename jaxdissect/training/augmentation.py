"""Random changes of training images, pure functions of a key; run on the device."""

import math
from typing import Literal

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from jaxdissect.errors import BadInput

Border = Literal["edge", "zeros"]
"""What comes in from outside the image: its border repeated, or black."""


def augment(
    key: Array,
    images: Float[Array, "B H W c"],
    *,
    mirror: float = 0.5,
    distance: int = 4,
    border: Border = "zeros",
    degrees: float = 0.0,
    side_light: float = 0.0,
    shadow: float = 0.0,
) -> Float[Array, "B H W c"]:
    """Flip, shift, rotate, light; the defaults are those of CIFAR's standard recipe.

    Args:
        key: PRNG key, consumed.
        images: any range.
        mirror: probability of a flip, in [0, 1].
        distance: largest shift, in pixels.
        border: what a shift brings in.
        degrees: largest rotation either way; 0 rotates nothing and costs nothing.
        side_light: strongest light from a side, see `light`; 0 costs nothing.
        shadow: deepest shadow, see `shade`; 0 costs nothing.

    Raises:
        BadInput: a value outside its range.

    >>> augment(jax.random.key(0), jnp.ones((2, 4, 4, 3)), distance=1).shape
    (2, 4, 4, 3)
    """
    key_flip, key_shift, key_rotate = jax.random.split(key, 3)
    # Not split off, so that what was trained before there was light stays the same.
    key_light, key_shade = (jax.random.fold_in(key, number) for number in (3, 4))
    images = flip(key_flip, images, probability=mirror)
    images = shift(key_shift, images, distance=distance, border=border)
    if degrees:
        images = rotate(key_rotate, images, degrees=degrees)
    if side_light:
        images = light(key_light, images, strength=side_light)
    return shade(key_shade, images, depth=shadow) if shadow else images


def flip(
    key: Array, images: Float[Array, "B H W c"], *, probability: float = 0.5
) -> Float[Array, "B H W c"]:
    """Mirror each image left to right with some probability.

    Args:
        key: PRNG key, consumed.
        images: any range.
        probability: in [0, 1].

    Raises:
        BadInput: `probability` outside [0, 1].

    >>> flip(jax.random.key(0), jnp.ones((2, 4, 4, 3))).shape
    (2, 4, 4, 3)
    """
    if not 0 <= probability <= 1:
        raise BadInput(f"`probability` is {probability}; it must be in [0, 1]")
    mirrored = jax.random.bernoulli(key, probability, (len(images), 1, 1, 1))
    return jnp.where(mirrored, images[:, :, ::-1], images)


def shift(
    key: Array,
    images: Float[Array, "B H W c"],
    *,
    distance: int,
    border: Border = "edge",
) -> Float[Array, "B H W c"]:
    """Move each image by up to `distance` pixels: pad on all sides, crop at random.

    Args:
        key: PRNG key, consumed.
        images: any range.
        distance: largest displacement along each axis, in pixels; 4 for CIFAR.
        border: what comes in.

    Raises:
        BadInput: unknown border, or a negative distance.

    >>> shift(jax.random.key(0), jnp.ones((2, 4, 4, 3)), distance=1).shape
    (2, 4, 4, 3)
    """
    modes = {"edge": "edge", "zeros": "constant"}
    if border not in modes:
        raise BadInput(f"`border` is {border!r}; it must be 'edge' or 'zeros'")
    if distance < 0:
        raise BadInput(f"`distance` is {distance}; it must not be negative")
    pad = ((distance, distance), (distance, distance), (0, 0))
    corners = jax.random.randint(key, (len(images), 2), 0, 2 * distance + 1)

    def crop(image, corner):
        padded = jnp.pad(image, pad, mode=modes[border])
        return jax.lax.dynamic_slice(padded, (*corner, 0), image.shape)

    return jax.vmap(crop)(images, corners)


def rotate(
    key: Array, images: Float[Array, "B H W c"], *, degrees: float
) -> Float[Array, "B H W c"]:
    """Turn each image about its centre by a random angle; black comes in.

    Each pixel takes the value of the nearest one, as torchvision's default does.

    Args:
        key: PRNG key, consumed.
        images: any range.
        degrees: largest angle, either way, in [0, 180].

    Raises:
        BadInput: `degrees` outside [0, 180].

    >>> rotate(jax.random.key(0), jnp.ones((2, 4, 4, 3)), degrees=15.0).shape
    (2, 4, 4, 3)
    """
    if not 0 <= degrees <= 180:
        raise BadInput(f"`degrees` is {degrees}; it must be in [0, 180]")
    limit = jnp.deg2rad(degrees)
    angles = jax.random.uniform(key, (len(images),), minval=-limit, maxval=limit)
    height, width = images.shape[1:3]
    middle = jnp.array([(height - 1) / 2, (width - 1) / 2])
    grid = jnp.stack(jnp.indices((height, width)), -1) - middle

    def turn(image, angle):
        cos, sin = jnp.cos(angle), jnp.sin(angle)
        matrix = jnp.array([[cos, -sin], [sin, cos]])
        source = jnp.matmul(grid, matrix, precision="highest") + middle
        rows, columns = jnp.moveaxis(jnp.round(source).astype(jnp.int32), -1, 0)
        inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
        taken = image[rows.clip(0, height - 1), columns.clip(0, width - 1)]
        return jnp.where(inside[..., None], taken, 0)

    return jax.vmap(turn)(images, angles)


def light(
    key: Array, images: Float[Array, "B H W c"], *, strength: float
) -> Float[Array, "B H W c"]:
    """Light each image from the left or the right: times exp(a + s u), at most white.

    u runs from -1 at the left edge to 1 at the right one; s is uniform in
    [-strength, strength], a in half of that.

    Args:
        key: PRNG key, consumed.
        images: in [0, 1].
        strength: of the strongest light, not negative; 1 makes an edge at most 2.7
            times as bright as the middle, and the middle 1.6 times what it was.

    Raises:
        BadInput: a negative strength.

    >>> light(jax.random.key(0), jnp.ones((2, 4, 4, 3)), strength=1.0).shape
    (2, 4, 4, 3)
    """
    if not 0 <= strength < math.inf:
        raise BadInput(f"`strength` is {strength}; it must be in [0, infinity)")
    shape = (2, len(images), 1, 1, 1)
    a, s = jax.random.uniform(key, shape, minval=-strength, maxval=strength)
    return jnp.minimum(images * jnp.exp(a / 2 + s * _across(images)), 1)


def shade(
    key: Array, images: Float[Array, "B H W c"], *, depth: float
) -> Float[Array, "B H W c"]:
    """Let a soft shadow fall on the left or the right part of each image.

    Times 1 - d sigmoid(12 (v - e)), where v runs from -1 to 1 towards the shaded side,
    which is either with equal probability, e is uniform in [-0.2, 1.2] (past 1 the
    shadow nearly misses the image) and d in [0, depth].

    Args:
        key: PRNG key, consumed.
        images: any range from 0.
        depth: of the deepest shadow, in [0, 1]; 1 is black.

    Raises:
        BadInput: `depth` outside [0, 1].

    >>> shade(jax.random.key(0), jnp.ones((2, 4, 4, 3)), depth=0.9).shape
    (2, 4, 4, 3)
    """
    if not 0 <= depth <= 1:
        raise BadInput(f"`depth` is {depth}; it must be in [0, 1]")
    key_edge, key_side, key_depth = jax.random.split(key, 3)
    shape = (len(images), 1, 1, 1)
    edge = jax.random.uniform(key_edge, shape, minval=-0.2, maxval=1.2)
    side = jnp.where(jax.random.bernoulli(key_side, 0.5, shape), 1, -1)
    d = jax.random.uniform(key_depth, shape, maxval=depth)
    return images * (1 - d * jax.nn.sigmoid(12 * (side * _across(images) - edge)))


def _across(images: Float[Array, "B H W c"]) -> Float[Array, "W 1"]:
    """-1 at the left edge to 1 at the right one."""
    return jnp.linspace(-1, 1, images.shape[2])[:, None]
