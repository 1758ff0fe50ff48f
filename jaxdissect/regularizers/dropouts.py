"""The dropouts FocusedDropout is compared with: elements, whole maps, blocks.

All are for training only, and rescale what they keep so that the expectation is the
input; a rate of 0 is the identity. They draw anew for every image and unit.
"""

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Bool, Float

from jaxdissect.base import AnyArray
from jaxdissect.errors import BadInput


def dropout(
    key: Array, acts: Float[AnyArray, "B H W U"], *, rate: float
) -> Float[Array, "B H W U"]:
    """Drop every element by itself; the rest is divided by 1 - rate.

    Args:
        key: PRNG key, consumed.
        acts: activations.
        rate: probability of being dropped, in [0, 1).

    Returns:
        Activations of the same type.

    Raises:
        BadInput: `rate` is out of range.

    Reference:
        Srivastava et al., Dropout, JMLR 2014. There the weights are scaled
        at evaluation; scaling in training instead has the same expectation.

    >>> dropped = dropout(jax.random.key(0), jnp.ones((4, 4, 4, 4)), rate=0.5)
    >>> jnp.unique(dropped).tolist()
    [0.0, 2.0]
    """
    _check_rate(rate)
    if rate == 0:
        return jnp.asarray(acts)
    keep = jax.random.bernoulli(key, 1 - rate, acts.shape)
    return _kept(acts, keep, 1 / (1 - rate))


def spatial_dropout(
    key: Array, acts: Float[AnyArray, "B H W U"], *, rate: float
) -> Float[Array, "B H W U"]:
    """Drop whole maps, a unit of an image at a time; the rest is divided by 1 - rate.

    Args:
        key: PRNG key, consumed.
        acts: activations.
        rate: probability of being dropped, in [0, 1).

    Returns:
        Activations of the same type.

    Raises:
        BadInput: `rate` is out of range.

    Reference:
        Tompson et al., Efficient object localization using convolutional networks,
        CVPR 2015.

    >>> dropped = spatial_dropout(jax.random.key(0), jnp.ones((1, 2, 2, 4)), rate=0.5)
    >>> bool((dropped == dropped[:, :1, :1]).all())
    True
    """
    _check_rate(rate)
    if rate == 0:
        return jnp.asarray(acts)
    batch, _, _, units = acts.shape
    keep = jax.random.bernoulli(key, 1 - rate, (batch, 1, 1, units))
    return _kept(acts, keep, 1 / (1 - rate))


def dropblock(
    key: Array, acts: Float[AnyArray, "B H W U"], *, rate: float, block_size: int
) -> Float[Array, "B H W U"]:
    """Drop square blocks, for each unit of an image by itself.

    A block begins at each place where it fits with probability
    rate / b^2 * H W / ((H - b + 1) (W - b + 1)). Blocks overlap and borders are reached
    by fewer of them, so somewhat less than `rate` is dropped. What is kept is
    multiplied by (elements of the batch) / (elements kept).

    Args:
        key: PRNG key, consumed.
        acts: activations.
        rate: share to be dropped if blocks did not overlap, in [0, 1); one minus the
            paper's keep_prob. The paper raises it from 0 during training.
        block_size: the block's side b, at least 1; cut to the map's height and width
            where it is larger. 1 is dropout but for the scale, and a block as large as
            the map is spatial dropout but for the scale.

    Returns:
        Activations of the same type; zeros where nothing is kept.

    Raises:
        BadInput: `rate` or `block_size` is out of range.

    Reference:
        Ghiasi, Lin, Le, DropBlock, NeurIPS 2018, Algorithm 1 and equation 1. Seeds are
        corners here and centres there, which is the same but defined for even sides.

    >>> ones = jnp.ones((1, 8, 8, 4))
    >>> dropped = dropblock(jax.random.key(0), ones, rate=0.3, block_size=3)
    >>> bool((dropped == 0).any()), dropped.mean().round(3).item()
    (True, 1.0)
    """
    _check_rate(rate)
    if block_size < 1:
        raise BadInput(f"`block_size` is {block_size}; it must be at least 1")
    if rate == 0:
        return jnp.asarray(acts)
    batch, height, width, units = acts.shape
    block = min(block_size, height), min(block_size, width)
    places = height - block[0] + 1, width - block[1] + 1
    # Never above the rate, because b (H - b + 1) >= H.
    probability = rate * height * width / (block[0] * block[1] * places[0] * places[1])
    seeds = jax.random.bernoulli(key, probability, (batch, *places, units))
    keep = ~dropped_blocks(seeds, block)
    return _kept(acts, keep, keep.size / jnp.maximum(keep.sum(), 1))


def dropped_blocks(
    seeds: Bool[AnyArray, "B h w U"], block: tuple[int, int]
) -> Bool[Array, "B H W U"]:
    """The union of the blocks that begin at the seeds.

    Args:
        seeds: True where a block has its upper left corner, over all places where a
            block fits.
        block: height and width of the blocks.

    Returns:
        True where a block lies, on the whole map: H = h + block height - 1.

    >>> seeds = jnp.array([False, True, False]).reshape(1, 1, 3, 1)
    >>> dropped_blocks(seeds, (1, 2)).ravel().tolist()
    [False, True, True, False]
    """
    margins = [(0, 0), *((side - 1, side - 1) for side in block), (0, 0)]
    return lax.reduce_window(
        jnp.asarray(seeds), False, lax.bitwise_or, (1, *block, 1), (1,) * 4, margins
    )


def _check_rate(rate: float) -> None:
    if not 0 <= rate < 1:
        raise BadInput(f"`rate` is {rate}; it must be in [0, 1)")


def _kept(acts: AnyArray, keep: Array, scale: float | Array) -> Array:
    # At least float32: in bfloat16 a scale of 1 / 0.9 would be off by 0.2 % everywhere.
    wide = jnp.asarray(acts, jnp.promote_types(acts.dtype, jnp.float32))
    return jnp.where(keep, wide * scale, 0).astype(acts.dtype)
