"""How good a classifier of a concept a single unit is."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from jaxdissect.base import AnyArray
from jaxdissect.errors import BadInput
from jaxdissect.intervals import Interval


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
