"""What units and concepts would share if they had nothing to do with each other.

The null: units meet the concept masks of other images, in a uniformly random
permutation of the images of each stratum. Where in an image things usually are stays
the same, so a unit that only follows position and a concept that is everywhere are
nothing but chance. No permutation is drawn: mean, variance and skewness of all
intersections follow from sums over single images, in one pass.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Integer
from scipy.special import gammainc, gammaincc

from jaxdissect.base import AnyArray
from jaxdissect.dissection.counts import Overlap
from jaxdissect.dissection.moments import Moments, remainder
from jaxdissect.dissection.protocol import Union
from jaxdissect.errors import BadInput


class Chance(NamedTuple):
    """Intersections under the null, in pixels.

    Attributes:
        mean: [U C].
        variance: [U C].
        skewness: [U C] what masks of very unequal areas make of it.
    """

    mean: Float[np.ndarray, "U C"]
    variance: Float[np.ndarray, "U C"]
    skewness: Float[np.ndarray, "U C"]


def chance_level(units: Moments, concepts: Moments) -> Chance:
    """Mean, variance and skewness of every intersection under the null, in closed form.

    With K_ij the pixels that image i's unit mask and image j's concept mask share, and
    D = K less its row and column means, the intersection sum_i K_i,permutation(i) has

        mean                  sum_ij K_ij / N
        variance              sum_ij D_ij^2 / (N - 1)
        third central moment  sum_ij D_ij^3 N / ((N - 1) (N - 2))

    and independent strata add up. The mean is exact, as far as positions are told
    apart. In any orthonormal basis of the pixels, sum_ij D_ij^2 is the sum of the
    products of the unit's and the concept's covariances. Here it is the cosine basis,
    with all covariances of the longest waves. What the others come to is the larger of
    two estimates. One takes each shorter wave's own variance only, and one variance for
    all beyond `num_frequencies`, which count as much more as unit and concept vary in
    the same places: shapes that may be anywhere are nearly uncorrelated there. The
    other is the inner product of sketches of all those covariances, without bias, with
    a standard error of their norms' product times sqrt(8 / M) at most: shapes that vary
    in one narrow band only have most of their covariances there. The variance is exact
    if all waves are among the longest. The third moment is that of the areas.

    Args:
        units: sums over all images.
        concepts: of the same images.

    Raises:
        BadInput: the two are of different images or grids, or of none.

    References:
        Hoeffding, A combinatorial central limit theorem, Annals of Mathematical
        Statistics 1951, theorem 2, for the mean and the variance; Ahmed, Natarajan and
        Rao, Discrete cosine transform, IEEE Transactions on Computers 1974.

    >>> from jaxdissect.dissection.moments import mask_moments
    >>> masks = np.array([True, True, False]).reshape(3, 1, 1, 1)
    >>> moments = mask_moments(masks, np.zeros(3, int))
    >>> [values.round(3).item() for values in chance_level(moments, moments)]
    [1.333, 0.222, 0.707]
    """
    for name in ("images", "pixels"):
        if not np.array_equal(getattr(units, name), getattr(concepts, name)):
            raise BadInput(f"`units` and `concepts` differ in `{name}`; use the same")
    mean, variance, third = np.zeros((3, units.on.shape[-1], concepts.on.shape[-1]))
    for stratum, number in enumerate(np.asarray(units.images).tolist()):
        u, c = (_spread(moments, stratum) for moments in (units, concepts))
        mean += u.mean.T @ c.mean * number
        # One image has nothing to be exchanged with, and two have no skewness.
        pairs, triples = max(number - 1, 1), max(number - 2, 1)
        together = u.places.T @ c.places
        # The larger of two estimates of the rest, so as to be on the safe side.
        apart = np.maximum(together * (u.short.T @ c.short), u.rest.T @ c.rest)
        variance += (u.long.T @ c.long + apart) / pairs
        third += np.outer(u.areas, c.areas) * number / pairs / triples
    variance = np.maximum(variance, 0)
    scale = np.where(variance > 0, variance, np.inf) ** 1.5
    return Chance(mean, variance, third / scale)


def p_values(
    intersection: Integer[AnyArray, "U C"], null: Chance
) -> Float[np.ndarray, "U C"]:
    """Probability under the null of an intersection at least as large as observed.

    The larger of two tails with the null's mean and variance. For many overlaps of all
    sizes a gamma distribution, shifted where areas make the null more skewed than that.
    For a few overlaps of about the same size, as with a concept of three images, a
    Poisson number of overlaps of variance / mean pixels each.

    Args:
        intersection: from `Overlap`.
        null: of the same images.

    Returns:
        In [0, 1]; 1 where nothing intersects, or no permutation changes anything.

    >>> null = Chance(*map(np.array, ([[4.0, 4.0]], [[8.0, 0.0]], [[0.0, 0.0]])))
    >>> p_values(np.array([[12, 12]]), null).round(3).tolist()
    [[0.017, 1.0]]
    """
    seen = np.asarray(intersection, np.float64)
    varies = (seen > 0) & (null.mean > 0) & (null.variance > 0)
    seen, mean, variance = (np.where(varies, x, 1) for x in (seen, *null[:2]))
    deviation = np.sqrt(variance)
    skewness = np.maximum(null.skewness, 2 * deviation / mean)
    shape = 4 / skewness**2
    place = shape + 2 * (seen - mean) / (deviation * skewness)
    many = gammaincc(shape, np.maximum(place, 0))
    few = gammainc(seen * mean / variance, mean**2 / variance)
    return np.where(varies, np.maximum(many, few), 1.0)


def iou_by_chance(
    counts: Overlap,
    mean: Float[np.ndarray, "U C"],
    categories: Sequence[int],
    *,
    union: Union = "global",
) -> Float[np.ndarray, "U C"]:
    """IoU at the mean intersection: mean / (A + G - mean).

    Under the union "met" A depends on which images a unit meets, and is at least the
    mean intersection itself: there it is the upper bound mean / G.

    Args:
        counts: pixels A of the units and G of the concepts.
        mean: from `chance_level`.
        categories: [C] category number of every concept.
        union: of a protocol: whether A counts all images, or those that carry the
            concept's category, or only those where the unit meets it.

    Returns:
        In [0, 1]; 0 where both are empty.

    >>> counts = Overlap(*map(np.array, ([[2]], [3], [4], [[2]], [9], 9)))
    >>> iou_by_chance(counts, np.array([[1.0]]), [0]).round(3).tolist()
    [[0.167]]
    """
    if union == "global":
        unit = counts.unit[:, None]
    elif union == "met":
        unit = mean
    else:
        unit = counts.unit_in_category[:, np.asarray(categories)]
    either = np.asarray(unit + counts.concept - mean, np.float64)
    ratio = np.where(either > 0, mean, 0) / np.where(either > 0, either, 1)
    return np.minimum(ratio, 1)


class _Spread(NamedTuple):
    # Of the masks on the images of a stratum. The closed forms are made of products of
    # a unit's and a concept's.
    mean: np.ndarray  # [y x, K] mean mask
    long: np.ndarray  # [Q, K] covariances of the longest waves
    short: np.ndarray  # [F, K] variances of the others
    places: np.ndarray  # [y x, K] where the mask varies
    areas: np.ndarray  # [K] third moment of the areas
    rest: np.ndarray  # [m, K] sketch of all covariances but those of the longest


def _spread(moments, stratum):
    images, pixels, height, on, waves, squares, products, cubes, sketch = (
        np.asarray(part[stratum], np.float64) for part in moments
    )
    number, pixels = max(images, 1), pixels.reshape(-1, 1)
    share = on.reshape(len(pixels), -1) / np.maximum(pixels, 1)
    # All waves together vary as much as all pixels do, which is counted exactly.
    varying = pixels * share * (1 - share)
    total = varying.sum(0)
    some = np.where(total > 0, total, 1)
    each = np.maximum(squares - waves**2 / number, 0)
    own = each * total / np.maximum(each.sum(0), some)
    others = pixels.sum() / number - len(own)
    rest = np.maximum(total - own.sum(0), 0) / np.sqrt(max(others, 1)) * (others > 0)
    # n (n - 1) / 2 products of n waves.
    num_long = (1 + math.isqrt(1 + 8 * len(products))) // 2
    first, second = np.triu_indices(num_long, 1)
    mixed = products - waves[first] * waves[second] / number
    most = np.sqrt(own[first] * own[second])
    area = waves[0] / number
    beyond = np.zeros_like(sketch)
    if images:
        beyond = remainder(
            sketch,
            on,
            np.concatenate([each[:num_long], mixed]),
            number=float(images),
            pixels=float(pixels.sum()),
            rows=float(height),
            num_waves=len(waves),
            num_long=num_long,
        )
    return _Spread(
        mean=share * np.sqrt(pixels / number),
        # A covariance stands for itself and its mirror image.
        long=np.concatenate([own[:num_long], np.sqrt(2) * np.clip(mixed, -most, most)]),
        short=np.concatenate([own[num_long:], rest[None]]),
        places=varying / some * np.sqrt(pixels.sum() / np.maximum(pixels, 1)),
        areas=cubes - 3 * area * squares[0] + 2 * number * area**3,
        # What never varies leaves rounding errors only.
        rest=beyond * (total > 0),
    )
