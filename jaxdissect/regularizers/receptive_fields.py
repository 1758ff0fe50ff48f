"""Losses on where units look: filters of a group together, every filter in one place.

A unit's soft receptive field psi is its map before the nonlinearity, squashed into
[0, 1]. The group activation loss makes the fields of a group's filters overlap, the
spatial loss makes every field compact. Concept group learning adds both, weighted by
the caller, to the task's loss and the block norm.

Reference:
    Varshneya et al., Learning Interpretable Concept Groups in CNNs, IJCAI 2021.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Int

from jaxdissect.errors import BadInput
from jaxdissect.regularizers.block_norm import groups, vector_norm

ROUNDING = 1e-6
"""A map whose spread is this small a share of its size is constant but for rounding."""

TINY = 1e-30
"""Squares below this count as zero, so that no gradient is infinite."""

LEAST_MASS = 1e-4
"""The epsilon of the paper's code; no field's mass counts for less."""


def soft_receptive_fields(
    acts: Float[Array, "B H W U"], *, scale: float = 1.0, shift: float = 0.0
) -> Float[Array, "B H W U"]:
    """Where each unit looks: psi = sigmoid(scale * a / S + shift).

    S is the unit's standard deviation over the batch and all positions. After a
    BatchNorm a = gamma * a_hat + beta, and a / S is the paper's a_hat + beta / gamma
    for gamma > 0, so one formula serves networks with and without BatchNorm.
    Multiplying a unit by a positive number changes nothing.

    The paper learns scale and shift, its code fixes them at 1 and 0. The code also adds
    5e-3 to S, and divides by running variances after a BatchNorm; we do neither. A
    constant map, where S = 0, takes the limit: for scale > 0 its field is 1 where the
    constant is positive, 0 where it is negative and sigmoid(shift) where it is zero.

    Args:
        acts: maps before the nonlinearity, after the BatchNorm if there is one.
        scale: P1 of the paper.
        shift: P2 of the paper.

    Returns:
        Fields in [0, 1]; gradients are finite everywhere.

    Reference:
        Varshneya et al., IJCAI 2021.

    >>> maps = jnp.array([-1.0, 1.0]).reshape(1, 1, 2, 1)
    >>> fields = soft_receptive_fields(maps)
    >>> round(fields[0, 0, 1, 0].item(), 3)
    0.731
    """
    over = (0, 1, 2)
    variance = acts.var(over) + ROUNDING**2 * (acts**2).mean(over)
    deviation = jnp.sqrt(jnp.where(variance > TINY, variance, 1))
    return jax.nn.sigmoid(scale * acts / deviation + shift)


def soft_distance(
    first: Float[Array, "B H W N"], second: Float[Array, "B H W N"]
) -> Float[Array, "N"]:
    """How little two fields overlap: D = 2|a-b| / (|a| + |b| + |a-b|), |.| the L1 norm.

    1 - IoU for binary fields: 0 for equal fields, 1 for fields that never meet.

    Args:
        first: N fields a, in [0, 1].
        second: N fields b, in [0, 1].

    Returns:
        One distance in [0, 1] for every pair of fields, the norms taken over batch and
        positions together, as in the paper's text; its code takes the mean over images
        of one distance per image. 0 where both fields are empty.

    Reference:
        Varshneya et al., IJCAI 2021.

    >>> diagonal = jnp.eye(2).reshape(1, 2, 2, 1)
    >>> soft_distance(diagonal, jnp.ones((1, 2, 2, 1))).tolist()
    [0.5]
    """
    size = lambda field: vector_norm(field, 1.0, (0, 1, 2))  # noqa: E731
    apart = size(first - second)
    total = size(first) + size(second) + apart
    return 2 * apart / jnp.where(total > 0, total, 1)


class FilterPairs(NamedTuple):
    """Random pairs of different filters of one group.

    Attributes:
        first: filter numbers.
        second: filter numbers, of the same group and never the same filter.
        weight: 1 / r_g, r_g the number of pairs in their group.
    """

    first: Int[Array, "r"]
    second: Int[Array, "r"]
    weight: Float[Array, "r"]


def filter_pairs(
    key: Array, num_filters: int, *, num_groups: int = 5, pairs_per_filter: int = 3
) -> FilterPairs:
    """Draw r_g = pairs_per_filter * N_g pairs from every group of N_g > 1 filters.

    Args:
        key: PRNG key, consumed.
        num_filters: U.
        num_groups: as in `block_norm.groups`; leftovers form further groups.
        pairs_per_filter: 1 or more.

    Returns:
        Pairs, independent of each other, in order of group.

    Raises:
        BadInput: an option is out of range.

    Reference:
        Varshneya et al., IJCAI 2021.

    >>> pairs = filter_pairs(jax.random.key(0), 4, num_groups=2, pairs_per_filter=1)
    >>> pairs.first // 2 == pairs.second // 2, pairs.weight.tolist()
    (Array([ True,  True,  True,  True], dtype=bool), [0.5, 0.5, 0.5, 0.5])
    """
    if pairs_per_filter < 1:
        raise BadInput(
            f"`pairs_per_filter` is {pairs_per_filter}; it must be 1 or more"
        )
    sizes = np.bincount(groups(num_filters, num_groups))
    starts = np.cumsum(sizes) - sizes
    counts = np.where(sizes > 1, pairs_per_filter * sizes, 0)
    size, start, count = (np.repeat(x, counts) for x in (sizes, starts, counts))
    key_first, key_step = jax.random.split(key)
    place = jax.random.randint(key_first, size.shape, 0, size)
    step = jax.random.randint(key_step, size.shape, 1, size)
    second = (place + step) % size + start
    return FilterPairs(place + start, second, 1.0 / jnp.asarray(count))


def group_activation_loss(
    key: Array,
    fields: Float[Array, "B H W U"],
    *,
    num_groups: int = 5,
    pairs_per_filter: int = 3,
) -> Float[Array, ""]:
    """L_g: how little the fields of a group's filters overlap, summed over groups.

    The mean `soft_distance` of random pairs within each group, drawn anew with every
    key. Groups of a single filter contribute nothing.

    Copies of the fields are gathered for both sides of all pairs: each is
    `pairs_per_filter` times as large as `fields`.

    Args:
        key: PRNG key, consumed.
        fields: soft receptive fields of one layer.
        num_groups: as in `block_norm.groups`; leftovers form further groups.
        pairs_per_filter: the paper draws r = 3 N_g pairs from a group of N_g filters.

    Returns:
        Between 0 and the number of groups.

    Raises:
        BadInput: an option is out of range.

    Reference:
        Varshneya et al., IJCAI 2021. Its code draws one set of pairs for
        all groups, we draw one for each.

    >>> overlapping = jnp.ones((1, 2, 2, 6))
    >>> group_activation_loss(jax.random.key(0), overlapping, num_groups=2).item()
    0.0
    """
    first, second, weight = filter_pairs(
        key,
        fields.shape[-1],
        num_groups=num_groups,
        pairs_per_filter=pairs_per_filter,
    )
    return (weight * soft_distance(fields[..., first], fields[..., second])).sum()


def spatial_loss(fields: Float[Array, "B H W U"]) -> Float[Array, ""]:
    """L_s: mean distance of a field from its centroid, in cells of the map.

    For every image and filter, sum_j psi_j ||j - c|| / sum_j psi_j with the centroid
    c = sum_j j psi_j / sum_j psi_j; then the mean over images and filters.

    Args:
        fields: soft receptive fields of one layer, at least 0.

    Returns:
        0 where every field is a single cell or empty; finite gradients.

    Reference:
        Varshneya et al., IJCAI 2021. Its epsilon of 1e-4 is here a lower
        bound on the mass sum_j psi_j, so that it moves no centroid.

    >>> round(spatial_loss(jnp.ones((1, 1, 3, 1))).item(), 3)
    0.667
    """
    _, height, width, _ = fields.shape
    # Counted from the middle of the map, which is then the centroid of empty fields.
    rows = jnp.arange(height) - (height - 1) / 2
    columns = jnp.arange(width) - (width - 1) / 2
    mass = jnp.maximum(fields.sum((1, 2)), LEAST_MASS)
    row = jnp.einsum("bhwu,h->bu", fields, rows, precision="highest") / mass
    column = jnp.einsum("bhwu,w->bu", fields, columns, precision="highest") / mass
    squares = (rows[:, None, None] - row[:, None, None]) ** 2 + (
        columns[:, None] - column[:, None, None]
    ) ** 2
    away = squares > TINY
    distances = jnp.where(away, jnp.sqrt(jnp.where(away, squares, 1)), 0)
    return ((fields * distances).sum((1, 2)) / mass).mean()
