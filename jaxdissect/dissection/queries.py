"""Questions to a dissection: images that show a concept, units that fire on an image.

The units of a concept answer together: a pixel is said to show it where at least one of
them is on.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float, Int, Integer

from jaxdissect.base import AnyArray, Statistic
from jaxdissect.dissection.labels import Detectors
from jaxdissect.dissection.layers import Layer, in_slices, masks, unit_regions
from jaxdissect.errors import BadInput
from jaxdissect.intervals import Interval


class ConceptImages(NamedTuple):
    """Pixel counts of N images for each of Q concepts asked for.

    Attributes:
        on: [N Q] pixels where at least one of the concept's units is on.
        shown: [N Q] pixels that show the concept, by the label maps.
        both: [N Q] pixels of both.
        pixels: [N] all pixels of the image.
    """

    on: Integer[AnyArray, "N Q"]
    shown: Integer[AnyArray, "N Q"]
    both: Integer[AnyArray, "N Q"]
    pixels: Integer[AnyArray, "N"]


class FiringUnits(NamedTuple):
    """Units that are on somewhere on an image, in the order asked for.

    Attributes:
        units: [M] their numbers.
        area: [M] share of the image's pixels where the unit is on, in (0, 1].
        peak: [M] highest value of the unit's activation map.
        strength: [M] how far the peak lies in the unit's own tail: 0 is the threshold,
            1 the level of its top images; 0 for a unit without a tail.
        regions: [M h w] where it is on.
    """

    units: Int[np.ndarray, "M"]
    area: Float[np.ndarray, "M"]
    peak: Float[np.ndarray, "M"]
    strength: Float[np.ndarray, "M"]
    regions: Bool[np.ndarray, "M h w"]


def detectors_of(detectors: Detectors, concept: int) -> Int[np.ndarray, "M"]:
    """The units that detect a concept, the best first; empty where none does.

    Args:
        detectors: every unit's label.
        concept: 0-based number.

    >>> from jaxdissect.dissection import label_units
    >>> detectors_of(label_units(np.array([[0.1], [0.0], [0.3]])), 0).tolist()
    [2, 0]
    """
    found = np.flatnonzero(detectors.is_detector & (detectors.concept == concept))
    return found[np.argsort(-detectors.iou[found], kind="stable")]


def concept_images(
    layer: Layer,
    thresholds: Float[AnyArray, "U"],
    units: Sequence[Sequence[int]],
    concepts: Sequence[int],
) -> Statistic:
    """Look for concepts on images with their units, all concepts in one pass.

    Args:
        layer: where the units are seen.
        thresholds: [U] activation above which a unit is on.
        units: for each concept, the units that speak for it, such as `detectors_of`.
        concepts: their 0-based numbers in the label maps.

    Returns:
        A Statistic: batches are (acts [B H W U], label maps [B h w L]), where label
        maps without layers (L = 0) are those of images that nobody labelled; the value
        is `ConceptImages` in the order of the images.

    Raises:
        BadInput: as many sets of units as concepts are needed, each with a unit.

    >>> from jaxdissect.streaming import accumulate
    >>> layer = Layer(2, np.eye(2, dtype=np.float32), np.eye(2, dtype=np.float32))
    >>> acts = np.zeros((1, 2, 2, 2), np.float32)
    >>> acts[0, 0, 0, 0] = acts[0, 0, 1, 1] = 9
    >>> labels = np.array([[[[5], [0]], [[5], [0]]]])
    >>> looked = concept_images(layer, np.ones(2, np.float32), [[0, 1]], [4])
    >>> images = accumulate(looked, [(acts, labels)])
    >>> evidence(images).tolist(), region_iou(images).round(2).tolist()
    ([[0.5]], [[0.33]])
    """
    if len(units) != len(concepts) or not all(len(each) for each in units):
        raise BadInput(
            f"`units` are {list(map(list, units))} for {len(concepts)} concepts; each "
            "concept needs one unit or more"
        )
    asked = np.unique(np.concatenate([np.asarray(each) for each in units]))
    speaks = np.stack([np.isin(asked, each) for each in units], axis=1)
    few, numbers = layer._replace(num_units=len(asked)), np.asarray(concepts) + 1

    def measure(acts, labels) -> ConceptImages:
        on = masks(few, np.asarray(acts)[..., asked], np.asarray(thresholds)[asked])
        counts = _count(on, speaks, np.asarray(labels), numbers)
        said, shown, both = map(np.asarray, counts)
        pixels = np.full(len(labels), labels.shape[1] * labels.shape[2])
        return ConceptImages(said, shown, both, pixels)

    return in_slices(few, _by_image(measure))


def unit_peaks(units: Sequence[int]) -> Statistic:
    """The peaks of some units on every image.

    Args:
        units: their numbers.

    Returns:
        A Statistic: batches are (acts [B H W U], ...), the value is [N M], the highest
        value of each unit's map in the order of the images.

    >>> unit_peaks([1]).measure(np.arange(8.0).reshape(1, 2, 2, 2)).tolist()
    [[7.0]]
    """
    chosen = np.asarray(units)
    return _by_image(lambda acts, *_: np.asarray(acts)[..., chosen].max((1, 2)))


def evidence(images: ConceptImages) -> Float[np.ndarray, "N Q"]:
    """Share of each image's pixels on which a unit of the concept is on, in [0, 1]."""
    return np.asarray(images.on / images.pixels[:, None], np.float64)


def region_iou(images: ConceptImages) -> Float[np.ndarray, "N Q"]:
    """Intersection over union, image by image; 0 where both are empty.

    The mean of these is not the IoU of a dissection, whose sums are over all images.
    """
    union = np.asarray(images.on + images.shown - images.both)
    return np.where(union > 0, images.both / np.maximum(union, 1), 0.0)


def concept_regions(
    layer: Layer, maps: Float[AnyArray, "M H W"], thresholds: Float[AnyArray, "M"]
) -> Bool[np.ndarray, "h w"]:
    """Where on one image at least one unit of a concept is on.

    Args:
        layer: where the units are seen; of any grid, that of the image's pixels too.
        maps: the activation maps of the concept's units.
        thresholds: of the same units.

    >>> layer = Layer(9, np.eye(2, dtype=np.float32), np.eye(2, dtype=np.float32))
    >>> maps = np.array([[[0, 2], [0, 0]], [[0, 0], [2, 0]]], np.float32)
    >>> concept_regions(layer, maps, np.ones(2, np.float32)).tolist()
    [[False, True], [True, False]]
    """
    return np.asarray(unit_regions(layer, maps, thresholds).any(0))


def firing_units(
    layer: Layer,
    maps: Float[AnyArray, "H W U"],
    thresholds: Float[AnyArray, "U"],
    tails: Float[AnyArray, "U"],
    *,
    rank_by: Literal["strength", "area"] = "strength",
) -> FiringUnits:
    """The units that are on somewhere on one image, and where.

    Units differ in scale, so peaks do not compare; strength = (peak - threshold) / tail
    does.

    Args:
        layer: where the units are seen; of any grid, that of the image's pixels too.
        maps: the layer's activations on the image.
        thresholds: activation above which a unit is on.
        tails: how far the unit rises above its threshold on the images that excite it
            most, such as the mean peak on its top images minus the threshold. A unit
            that never did so has no tail: any value that is not positive.
        rank_by: what decides the order; equal units stay in the order of numbers.

    Raises:
        BadInput: `rank_by` is something else.

    >>> layer = Layer(2, np.eye(2, dtype=np.float32), np.eye(2, dtype=np.float32))
    >>> maps = np.array([[[3, 0], [3, 5]], [[0, 0], [0, 0]]], np.float32)
    >>> tails = np.array([4.0, 8.0], np.float32)
    >>> found = firing_units(layer, maps, np.ones(2, np.float32), tails)
    >>> found.units.tolist(), found.strength.tolist(), found.area.tolist()
    ([0, 1], [0.5, 0.5], [0.5, 0.25])
    """
    if rank_by not in ("strength", "area"):
        raise BadInput(f"`rank_by` is {rank_by!r}; it must be 'strength' or 'area'")
    by_unit = np.moveaxis(np.asarray(maps), -1, 0)
    regions = unit_regions(layer, by_unit, thresholds)
    area, peak = regions.mean((1, 2)), by_unit.max((1, 2))
    tails = np.asarray(tails, np.float64)
    above = peak.astype(np.float64) - np.asarray(thresholds)
    strength = np.where(tails > 0, above / np.where(tails > 0, tails, 1), 0.0)
    on = np.flatnonzero(area)
    decisive = {"strength": strength, "area": area}[rank_by][on]
    on = on[np.argsort(-decisive, kind="stable")]
    return FiringUnits(on, area[on], peak[on], strength[on], regions[on])


def _by_image(measure: Callable[..., Any]) -> Statistic:
    """What is measured of every image, in the order of the images."""

    def merge(a, b):
        return jax.tree.map(lambda *parts: np.concatenate(parts), a, b)

    return Statistic(measure, merge, lambda partial: partial)


@jax.jit
def _count(
    on: Bool[Array, "B h w M"],
    speaks: Bool[AnyArray, "M Q"],
    labels: Integer[AnyArray, "B h w L"],
    numbers: Integer[AnyArray, "Q"],
) -> tuple[Array, Array, Array]:
    said = (on[..., None] & speaks).any(-2)
    shown = (labels[..., None] == numbers).any(-2)
    on, there, both = (
        mask.sum((1, 2), dtype=jnp.int32) for mask in (said, shown, said & shown)
    )
    return on, there, both


class UnitClassifier(NamedTuple):
    """A unit that says "the concept is there" where its peak exceeds its threshold.

    Attributes:
        threshold: of the unit.
        balanced_accuracy: mean of the share of images with the concept above the
            threshold and of images without it that are not, in [0, 1]; 0.5 by chance.
        interval: of the balanced accuracy.
        true_positive_rate: share of the images with the concept above the threshold.
        false_positive_rate: share of the images without it above the threshold.
        auc: chance that an image with the concept peaks higher than one without, in
            [0, 1], whatever the threshold; see `rank_auc`.
        num_with: images with the concept.
        num_without: images without it.
    """

    threshold: float
    balanced_accuracy: float
    interval: Interval
    true_positive_rate: float
    false_positive_rate: float
    auc: float
    num_with: int
    num_without: int


def unit_as_classifier(
    peaks: Float[AnyArray, "N"],
    has_concept: Bool[AnyArray, "N"],
    threshold: float,
    *,
    level: float = 0.95,
) -> UnitClassifier:
    """Tell images with a concept from others by the peak of one unit.

    An image is said to show the concept where the peak, the highest value of the
    unit's activation map, strictly exceeds the threshold. Choose unit and threshold on
    other images, or the result flatters the unit.

    The interval of the balanced accuracy comes from the Wilson intervals of its two
    rates; unlike the bootstrap it does not shrink to a point where no image errs.

    Args:
        peaks: finite, one for each image.
        has_concept: whether the image shows the concept; some must and some must not.
        threshold: of the unit.
        level: probability the interval aims to cover, in (0, 1).

    Returns:
        Rates from exact counts.

    Raises:
        BadInput: a peak is not finite, all images are of one kind, or `level` is out
            of its range.

    Reference:
        Bau et al., Understanding the role of individual units in a deep neural
        network, PNAS 2020, Fig. 1: unit 150 of conv5_3 peaks above 23.4 on images of
        airplanes with 85.6 % balanced accuracy.

    >>> peaks = np.array([5.0, 1.0, 4.0, 0.0, 2.0])
    >>> has_concept = np.array([True, True, True, False, False])
    >>> found = unit_as_classifier(peaks, has_concept, 3.0)
    >>> round(found.balanced_accuracy, 4), round(found.auc, 4)
    (0.8333, 0.8333)
    """
    if not 0 < level < 1:
        raise BadInput(f"`level` is {level}; it must be in (0, 1)")
    peaks, has_concept = _checked("peaks", peaks, "has_concept", has_concept)
    above = peaks > threshold
    positives, negatives = int(has_concept.sum()), int((~has_concept).sum())
    found, alarms = int(above[has_concept].sum()), int(above[~has_concept].sum())
    return UnitClassifier(
        threshold=float(threshold),
        balanced_accuracy=(found / positives + 1 - alarms / negatives) / 2,
        interval=_mean_of_rates(
            (found, negatives - alarms), (positives, negatives), level
        ),
        true_positive_rate=found / positives,
        false_positive_rate=alarms / negatives,
        auc=rank_auc(peaks, has_concept),
        num_with=positives,
        num_without=negatives,
    )


def rank_auc(scores: Float[AnyArray, "N"], is_positive: Bool[AnyArray, "N"]) -> float:
    """Chance that a positive scores higher than a negative, ties counting half.

    The area under the curve of true against false positive rates; the Mann-Whitney
    statistic over the number of pairs.

    Args:
        scores: finite.
        is_positive: some must be and some must not.

    Raises:
        BadInput: a score is not finite, or all are of one kind.

    Reference:
        Hanley and McNeil, The meaning and use of the area under a receiver operating
        characteristic (ROC) curve, Radiology 1982.

    >>> rank_auc(np.array([2.0, 1.0, 1.0]), np.array([True, True, False]))
    0.75
    """
    from scipy import stats  # slow to import

    scores, is_positive = _checked("scores", scores, "is_positive", is_positive)
    positives = int(is_positive.sum())
    pairs = positives * (len(scores) - positives)
    above = stats.rankdata(scores)[is_positive].sum() - positives * (positives + 1) / 2
    return float(above / pairs)


def _mean_of_rates(
    right: tuple[int, int], number: tuple[int, int], level: float
) -> Interval:
    # Newcombe, Interval estimation for the difference between independent proportions,
    # Statistics in Medicine 1998, method 10, for the mean instead of the difference:
    # the distances of the ends of both Wilson intervals add as standard errors do.
    from scipy import stats  # slow to import

    tests = [stats.binomtest(k, n) for k, n in zip(right, number, strict=True)]
    rates = np.array([test.statistic for test in tests])
    low, high = np.array([test.proportion_ci(level, "wilson") for test in tests]).T
    return Interval(
        np.asarray(rates.mean() - np.hypot(*(rates - low)) / 2),
        np.asarray(rates.mean() + np.hypot(*(high - rates)) / 2),
    )


def _checked(name, scores, kind, is_positive):
    scores, is_positive = np.asarray(scores, np.float64), np.asarray(is_positive)
    if not np.isfinite(scores).all():
        found = scores[~np.isfinite(scores)][0]
        raise BadInput(f"`{name}` holds {found}; it must be finite")
    positives = int(is_positive.sum())
    if not 0 < positives < len(scores):
        raise BadInput(
            f"`{kind}` is true of {positives} images of {len(scores)}; it must be true "
            "of some and false of some"
        )
    return scores, is_positive
