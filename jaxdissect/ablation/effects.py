"""What edits do to a classifier's answers, image by image against the unedited network.

Everything is counted on the same images with and without the edit, so changes are
paired: images whose answer stays the same cancel, whatever the answer is.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, Int64, UInt64

from jaxdissect import metrics
from jaxdissect.base import AnyArray
from jaxdissect.errors import BadInput
from jaxdissect.metrics import ClassCounts
from jaxdissect.streaming import add

PerClass = Int64[np.ndarray, "N K"]


class Answers(NamedTuple):
    """What the network says about images.

    Attributes:
        predictions: [...] the class with the highest logit.
        log_probability: [...] of the true class, in nats.
    """

    predictions: Int[AnyArray, "..."]
    log_probability: Float[AnyArray, "..."]


class Effects(NamedTuple):
    """What N edits change in the answers about K classes; sums over images.

    Attributes:
        base: counts of the unedited network, [K] each.
        lost: images of the class that were right before the edit and wrong after it.
        gained: images of the class that were wrong before and right after.
        intruding: images of other classes that only the edit takes for the class.
        withdrawn: images of other classes that only the unedited network takes for it.
        drop: log-probability the class's images lose, summed, in nats.
        drop_squared: the same squared before summing.
        evaluated: (edit, image) pairs in which something could change.
        images: numbers that tell images apart; silent images have none.
    """

    base: ClassCounts
    lost: PerClass
    gained: PerClass
    intruding: PerClass
    withdrawn: PerClass
    drop: Float[np.ndarray, "N K"]
    drop_squared: Float[np.ndarray, "N K"]
    evaluated: Int64[np.ndarray, ""]
    images: UInt64[np.ndarray, "I"]


class Drops(NamedTuple):
    """What edits cost; positive is a loss.

    Attributes:
        top1: [N] accuracy over all classes, a fraction.
        recall: [N K] share of the class's images answered rightly.
        balanced: [N K] balanced accuracy of the class.
        log_probability: [N K] mean over the class's images, in nats.
    """

    top1: Float[np.ndarray, "N"]
    recall: Float[np.ndarray, "N K"]
    balanced: Float[np.ndarray, "N K"]
    log_probability: Float[np.ndarray, "N K"]


def edited_counts(effects: Effects) -> ClassCounts:
    """Exact counts of predictions under every edit, [N K] each.

    >>> effects = tally(
    ...     Answers(np.array([0, 1]), np.zeros(2)), np.array([0, 1]),
    ...     np.array([0]), np.array([1]), Answers(np.array([0]), np.array([-1.0])),
    ...     num_edits=1, num_classes=2)
    >>> edited_counts(effects).predicted.tolist()
    [[2, 0]]
    """
    correct = effects.base.correct - effects.lost + effects.gained
    mistaken = effects.base.predicted - effects.base.correct
    predicted = correct + mistaken + effects.intruding - effects.withdrawn
    return ClassCounts(
        correct, predicted, np.broadcast_to(effects.base.true, correct.shape)
    )


def drops(effects: Effects) -> Drops:
    """What every edit costs, overall and class by class.

    >>> effects = tally(
    ...     Answers(np.array([0, 1]), np.zeros(2)), np.array([0, 1]),
    ...     np.array([0]), np.array([1]), Answers(np.array([0]), np.array([-1.0])),
    ...     num_edits=1, num_classes=2)
    >>> cost = drops(effects)
    >>> cost.top1.tolist(), cost.balanced.tolist(), cost.log_probability.tolist()
    ([0.5], [[0.5, 0.5]], [[0.0, 1.0]])
    """
    number = np.maximum(effects.base.true, 1)
    after = edited_counts(effects)
    return Drops(
        top1=(effects.lost - effects.gained).sum(-1) / number.sum(),
        recall=(effects.lost - effects.gained) / number,
        balanced=metrics.balanced_accuracy(effects.base)
        - metrics.balanced_accuracy(after),
        log_probability=effects.drop / number,
    )


def of_classes(effects: Effects, classes: Int[np.ndarray, "C"]) -> Effects:
    """The effects on some of the classes, [N C].

    Overall figures stay as they are if all images are of these classes: what the edit
    makes the network take for another class is lost in its own.

    Args:
        effects: on all classes.
        classes: which ones, such as those that occur.

    >>> effects = tally(
    ...     Answers(np.array([0, 2]), np.zeros(2)), np.array([0, 2]),
    ...     np.array([0]), np.array([1]), Answers(np.array([1]), np.array([-1.0])),
    ...     num_edits=1, num_classes=3)
    >>> occurring = of_classes(effects, np.array([0, 2]))
    >>> occurring.lost.tolist(), drops(occurring).top1.tolist()
    ([[0, 1]], [0.5])
    """
    whole = ("evaluated", "images")
    chosen = {
        name: np.take(value, classes, axis=-1)
        for name, value in effects._asdict().items()
        if name not in (*whole, "base")
    }
    base = ClassCounts(*(np.take(c, classes, axis=-1) for c in effects.base))
    return effects._replace(base=base, **chosen)


def merge_effects(a: Effects, b: Effects) -> Effects:
    """The effects on both sets of images together."""
    none = np.zeros((), np.uint64)
    summed = add(a._replace(images=none), b._replace(images=none))
    return summed._replace(images=np.concatenate([a.images, b.images]))


def check_different_images(ranked: Effects, reported: Effects) -> None:
    """Refuse to report on images that units were ranked on.

    Images on which the layer does the same as on another of the same set say nothing
    about being shared, and are left out.

    Raises:
        BadInput: the two share images.
    """
    shared = len(np.intersect1d(_telling(ranked.images), _telling(reported.images)))
    if shared:
        raise BadInput(
            f"{shared} of the {len(reported.images)} images reported on were also "
            "ranked on; units chosen because they matter on some images must be judged "
            "on others"
        )


def tally(
    before: Answers,
    targets: Int[np.ndarray, "B"],
    edits: Int[np.ndarray, "P"],
    images: Int[np.ndarray, "P"],
    after: Answers,
    *,
    num_edits: int,
    num_classes: int,
    images_seen: UInt64[np.ndarray, "S"] | None = None,
) -> Effects:
    """Count what changed in one batch; pairs that are not listed changed nothing.

    Args:
        before: [B] answers without edits.
        targets: true classes.
        edits: which edit each pair belongs to.
        images: which image.
        after: [P] answers of the pairs.
        num_edits: N.
        num_classes: K.
        images_seen: signatures of the images; none by default.
    """
    true, was = targets[images], np.asarray(before.predictions)[images]
    now = np.asarray(after.predictions)
    log_probability = np.asarray(before.log_probability, np.float64)
    drop = log_probability[images] - np.asarray(after.log_probability)

    def count(classes, chosen) -> PerClass:
        return _per_cell(edits[chosen], classes[chosen], num_edits, num_classes)

    def total(values) -> Float[np.ndarray, "N K"]:
        return _per_cell(edits, true, num_edits, num_classes, values)

    moved = was != now
    return Effects(
        base=_counts(before.predictions, targets, num_classes),
        lost=count(true, moved & (was == true)),
        gained=count(true, moved & (now == true)),
        intruding=count(now, moved & (now != true)),
        withdrawn=count(was, moved & (was != true)),
        drop=total(drop),
        drop_squared=total(drop**2),
        evaluated=np.asarray(len(edits), np.int64),
        images=np.zeros(0, np.uint64) if images_seen is None else images_seen,
    )


def _telling(signatures):
    values, times = np.unique(signatures, return_counts=True)
    return values[times == 1]


def _counts(predictions, targets, num_classes: int) -> ClassCounts:
    def count(classes):
        return np.bincount(classes, minlength=num_classes).astype(np.int64)

    right = predictions == targets
    return ClassCounts(count(targets[right]), count(predictions), count(targets))


def _per_cell(edits, classes, num_edits: int, num_classes: int, values=None):
    cells = edits.astype(np.int64) * num_classes + classes
    sums = np.bincount(cells, values, minlength=num_edits * num_classes)
    wide = sums.astype(np.int64 if values is None else np.float64)
    return wide.reshape(num_edits, num_classes)
