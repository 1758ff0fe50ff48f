"""How sure a dissection is: which detectors are more than chance, and how good.

Two questions that do not answer each other. Whether a unit meets its concept more often
than chance: p-values of all pairs of units and concepts, and what share of those called
significant is expected to be false. How far its IoU would have been another on other
images like these: a bootstrap over images. The label is taken as given there; that it
was chosen as the best of many makes a low IoU look higher than on fresh images.
"""

from typing import NamedTuple

import jax
import numpy as np
from jax import Array
from jaxtyping import Bool, Float, Int

from jaxdissect.checking import check_number, check_numbers, check_shape
from jaxdissect.dissection.label_pixels import LabelCounts
from jaxdissect.dissection.labels import NO_LABEL, Detectors
from jaxdissect.errors import BadInput
from jaxdissect.intervals import Interval

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
