"""How sure a dissection is: which detectors are more than chance, and how good.

Two questions that do not answer each other. Whether a unit meets its concept more often
than chance: p-values of all pairs of units and concepts, and what share of those called
significant is expected to be false. How far its IoU would have been another on other
images like these: a bootstrap over images. The label is taken as given there; that it
was chosen as the best of many makes a low IoU look higher than on fresh images.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Bool, Float, Int, Integer

from jaxdissect.base import AnyArray
from jaxdissect.checking import (
    check_not_empty,
    check_number,
    check_numbers,
    check_real,
    check_shape,
)
from jaxdissect.dissection.counts import Overlap, check_categories
from jaxdissect.dissection.label_pixels import LabelCounts
from jaxdissect.dissection.labels import NO_LABEL, Detectors
from jaxdissect.errors import BadInput
from jaxdissect.intervals import Interval
from jaxdissect.upsampling import upsample_units


def count_images(
    acts: Float[AnyArray, "B H W U"],
    rows: Float[AnyArray, "h H"],
    columns: Float[AnyArray, "w W"],
    thresholds: Float[AnyArray, "U"],
    labels: Integer[AnyArray, "B h w L"],
    categories: Sequence[int],
) -> Overlap:
    """Pixels of units, upsampled onto the grid of the label maps, and of concepts.

    Args:
        acts: activation maps.
        rows: `bilinear_matrix` of the vertical axis.
        columns: `bilinear_matrix` of the horizontal axis.
        thresholds: above which a unit is on.
        labels: layers of label numbers; 0 is no label, c + 1 is concept c.
        categories: [C] category number of every concept, 0-based.

    Returns:
        Counts of the batch, in int64.

    Raises:
        BadInput: no concepts, a label number above C or below 0, activations or
            thresholds that are not finite or do not fit; too many pixels to count.

    >>> acts, same = np.ones((1, 2, 2, 1), np.float32), np.eye(2, dtype=np.float32)
    >>> labels = np.array([[[[2], [0]], [[2], [0]]]])
    >>> counts = count_images(acts, same, same, np.zeros(1), labels, [0, 1])
    >>> counts.intersection.tolist()
    [[0, 2]]
    """
    check_categories(categories)
    check_shape("labels", labels, "B h w L", h=len(rows), w=len(columns))
    sizes = {"B": len(labels), "H": rows.shape[1], "W": columns.shape[1]}
    check_shape("acts", acts, "B H W U", **sizes)
    check_shape("thresholds", thresholds, "U", U=acts.shape[-1])
    for name, values in (("acts", acts), ("thresholds", thresholds)):
        check_not_empty(name, values, "B H W U"[-2 * values.ndim + 1 :])
        check_real(name, values)
    batch, height, width, _ = labels.shape
    if height * width >= 2**24:
        raise BadInput(
            f"label maps have {height * width} pixels; float32 counts exactly below "
            f"{2**24}"
        )
    there = present_by_image(labels, len(categories))
    shown, on, both = map(
        np.asarray, _count(acts, rows, columns, thresholds, labels, there)
    )
    concept = np.zeros(len(categories), np.int64)
    intersection = np.zeros((len(categories), on.shape[1]), np.int64)
    carries = np.zeros((batch, max(categories) + 1), np.int64)
    met = np.zeros((on.shape[1], carries.shape[1]), np.int64)
    for image, numbers in enumerate(there):
        some = numbers[numbers > 0] - 1
        concept[some] += shown[image, : len(some)]
        intersection[some] += both[image, : len(some)]
        own = np.asarray(categories)[some]
        carries[image, own] = 1
        for category in np.unique(own):
            meets = both[image, : len(some)][own == category].any(0)
            met[:, category] += np.where(meets, on[image], 0)
    return Overlap(
        intersection=intersection.T,
        unit=on.sum(0, dtype=np.int64),
        concept=concept,
        unit_in_category=on.T @ carries,
        pixels_in_category=carries.sum(0) * height * width,
        pixels=np.array(batch * height * width),
        unit_met=met,
    )


def present_by_image(
    labels: Integer[AnyArray, "B h w L"], num_concepts: int
) -> Integer[np.ndarray, "B P"]:
    """Each image's label numbers, rising; -1 fills P up to a power of two, so that few
    shapes are ever compiled.

    Raises:
        BadInput: a label number above C or below 0.

    >>> present_by_image(np.array([[[[7, 0]]], [[[2, 7]]]]), 9).tolist()
    [[7, -1], [2, 7]]
    """
    if not np.issubdtype(labels.dtype, np.integer):
        raise BadInput(f"`labels` is {labels.dtype}; it must be of integers")
    found = [np.unique(image) for image in np.asarray(labels)]
    for numbers in found:
        if len(numbers) and not 0 <= numbers[0] <= numbers[-1] <= num_concepts:
            wrong = numbers[0] if numbers[0] < 0 else numbers[-1]
            raise BadInput(
                f"`labels` hold {wrong}; they must be in [0, {num_concepts}]"
            )
    found = [numbers[numbers > 0] for numbers in found]
    most = max(1, *map(len, found))
    filled = np.full((len(found), 2 ** math.ceil(math.log2(most))), -1, np.int32)
    for row, numbers in zip(filled, found, strict=True):
        row[: len(numbers)] = numbers
    return filled


@jax.jit
def _count(acts, rows, columns, thresholds, labels, there) -> tuple[Array, ...]:
    # [B P] pixels of concepts, [B U] of units, [B P U] of both.
    def of_image(image):
        maps, layers, numbers = image
        finer = upsample_units(maps, rows, columns)
        on = (finer > thresholds[:, None, None]).astype(jnp.float32)
        on = on.reshape(len(finer), -1)
        shown = (layers[..., None] == numbers).any(-2).astype(jnp.float32)
        shown = shown.reshape(-1, len(numbers))
        both = jnp.einsum("pc,up->cu", shown, on, precision="highest")
        return shown.sum(0), on.sum(1), both

    counts = lax.map(of_image, (acts, labels, there))
    return jax.tree.map(lambda count: count.astype(jnp.int32), counts)


MAX_Q = 0.05
"""False-discovery rate up to which a unit's label counts as beyond chance."""

UNITS_AT_A_TIME = 64
"""In the bootstrap: about 3 MB of resampled IoUs with 1000 draws."""


class Certainty(NamedTuple):
    """How sure a layer's dissection is.

    Attributes:
        low: [U] lower end of the interval of the unit's IoU with its label.
        high: [U] its upper end.
        chance: [U C] IoU by chance, in [0, 1].
        p_values: [U C] of an intersection as large by chance.
        q_values: [U C] the same, adjusted for all pairs looked at.
    """

    low: Float[np.ndarray, "U"]
    high: Float[np.ndarray, "U"]
    chance: Float[np.ndarray, "U C"]
    p_values: Float[np.ndarray, "U C"]
    q_values: Float[np.ndarray, "U C"]


def bootstrap_iou(
    key: Array, counts: LabelCounts, *, level: float = 0.95, num_draws: int = 1000
) -> Interval:
    """Interval of each unit's IoU with its label, over images like these.

    IoU_u = sum_i n_i I_iu / sum_i n_i (A_iu + G_iu - I_iu), where n_i is how often
    image i is drawn when N are drawn with replacement; all units share the draws.
    Blocks of images are drawn as if they were images.

    Args:
        key: PRNG key, consumed.
        counts: of at least 2 images or blocks.
        level: probability that the interval aims to cover, in (0, 1).
        num_draws: at least 2 / (1 - level), so that one falls beyond each end. They
            take 8 bytes for each draw and image, and as many multiply-adds for each
            unit.

    Returns:
        Percentile interval in [0, 1]; too narrow where few images carry the label.

    Raises:
        BadInput: a value is out of its range.

    Reference:
        Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.

    >>> same = np.full((4, 1), 2)
    >>> low, high = bootstrap_iou(jax.random.key(0), LabelCounts(same, 2 * same, same))
    >>> low.tolist(), high.tolist()
    ([0.5], [0.5])
    """
    if not 0 < level < 1:
        raise BadInput(f"`level` is {level}; it must be in (0, 1)")
    if num_draws * (1 - level) < 2 - 1e-9:
        least = np.ceil(2 / (1 - level) - 1e-9).astype(int)
        raise BadInput(f"`num_draws` is {num_draws}; {level=} needs at least {least}")
    check_number("num_draws", num_draws)
    for name, values in counts._asdict().items():
        sizes = dict(zip("NU", counts.unit.shape, strict=True))
        check_shape(f"counts.{name}", values, "N U", **sizes)
        check_numbers(f"counts.{name}", values)
    number, num_units = counts.unit.shape
    if number < 2:
        raise BadInput(f"`counts` has {number} images; a bootstrap needs at least 2")
    drawn = resamples(key, number, num_draws).astype(np.float64)
    ends = np.empty((2, num_units))
    for start in range(0, num_units, UNITS_AT_A_TIME):
        part = slice(start, start + UNITS_AT_A_TIME)
        both, unit, concept = (drawn @ np.asarray(c[:, part]) for c in counts)
        union = unit + concept - both
        iou = both / np.maximum(union, 1)
        ends[:, part] = np.quantile(iou, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return Interval(*ends)


def resamples(key: Array, number: int, num_draws: int) -> Int[np.ndarray, "D N"]:
    """How often each of N images is drawn when N are drawn with replacement.

    Args:
        key: PRNG key, consumed.
        number: N.
        num_draws: D.

    >>> resamples(jax.random.key(0), 5, 3).sum(1).tolist()
    [5, 5, 5]
    """
    # numpy takes no JAX key; its bits as the seed keep the function pure.
    seed = np.asarray(jax.random.key_data(key)).tolist()
    images = np.random.default_rng(seed).integers(number, size=(num_draws, number))
    return np.stack([np.bincount(drawn, minlength=number) for drawn in images])


def significant_detectors(
    detectors: Detectors, certainty: Certainty, *, max_q: float = MAX_Q
) -> Bool[np.ndarray, "U"]:
    """Which units are detectors that meet their concept more often than by chance.

    Args:
        detectors: from `label_units`.
        certainty: of the same units.
        max_q: expected share of false ones among all pairs called significant.

    >>> zero, one = np.zeros(2), np.ones((2, 1))
    >>> certainty = Certainty(zero, zero, one, one, np.array([[0.01], [0.2]]))
    >>> detectors = Detectors(np.array([0, 0]), zero + 0.1, zero < 1)
    >>> significant_detectors(detectors, certainty).tolist()
    [True, False]
    """
    column = np.maximum(detectors.concept, 0)[:, None]
    own = np.take_along_axis(certainty.q_values, column, 1)[:, 0]
    labelled = detectors.concept != NO_LABEL
    return detectors.is_detector & labelled & (own <= max_q)
