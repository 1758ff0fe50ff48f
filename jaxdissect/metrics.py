"""Accuracies of a classifier from exact counts.

Top-1 and balanced accuracy belong together: a unit can matter a great deal to one
class and leave the overall figure where it was. Counting runs on the device; the
ratios are taken once, at the end, in float64 on the host.
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int, Integer

from jaxdissect.base import AnyArray

Counts = Integer[AnyArray, "*N K"]


class ClassCounts(NamedTuple):
    """Exact counts per class; leading axes (edits) are free.

    Attributes:
        correct: [... K] examples of the class predicted as such.
        predicted: [... K] examples predicted as the class.
        true: [... K] examples of the class.
    """

    correct: Counts
    predicted: Counts
    true: Counts


def class_counts(
    predictions: Int[AnyArray, "*N B"], targets: Int[AnyArray, "B"], *, num_classes: int
) -> ClassCounts:
    """Count predictions per class.

    Args:
        predictions: predicted class of every example, under any number of edits.
        targets: true class of every example.
        num_classes: K.

    Returns:
        int32 counts, [*N K] each.

    >>> import jax.numpy as jnp
    >>> counts = class_counts(jnp.array([0, 1, 1]), jnp.array([0, 0, 1]), num_classes=2)
    >>> counts.correct.tolist(), counts.predicted.tolist(), counts.true.tolist()
    ([1, 1], [1, 2], [2, 1])
    """
    classes = jnp.arange(num_classes)
    is_predicted = predictions[..., None] == classes
    is_true = targets[:, None] == classes
    true = jnp.broadcast_to(is_true, is_predicted.shape)
    return ClassCounts(
        correct=(is_predicted & is_true).sum(-2, dtype=jnp.int32),
        predicted=is_predicted.sum(-2, dtype=jnp.int32),
        true=true.sum(-2, dtype=jnp.int32),
    )


def top1(counts: ClassCounts) -> Float[np.ndarray, "*N"]:
    """Share of all examples predicted correctly, in [0, 1].

    >>> top1(ClassCounts(np.array([1, 1]), np.array([1, 2]), np.array([2, 1]))).item()
    0.6666666666666666
    """
    return _ratio(np.sum(counts.correct, -1), np.sum(counts.true, -1))


def recall(counts: ClassCounts) -> Float[np.ndarray, "*N K"]:
    """Share of each class's examples predicted as that class; 0 for an absent class.

    >>> counts = ClassCounts(np.array([1, 1]), np.array([1, 2]), np.array([2, 1]))
    >>> recall(counts).tolist()
    [0.5, 1.0]
    """
    return _ratio(counts.correct, counts.true)


def balanced_accuracy(counts: ClassCounts) -> Float[np.ndarray, "*N K"]:
    """Mean of recall and true-negative rate of each class; chance is 0.5.

    BA_k = (recall_k + TNR_k) / 2 with TNR_k = (N - true_k - (pred_k - correct_k)) /
    (N - true_k), from the K-way argmax.

    Reference:
        Bau et al., Understanding the role of individual units in a deep neural
        network, PNAS 2020.

    >>> counts = ClassCounts(np.array([1, 1]), np.array([1, 2]), np.array([2, 1]))
    >>> balanced_accuracy(counts).tolist()
    [0.75, 0.75]
    """
    total = np.sum(counts.true, -1, keepdims=True)
    negatives = total - np.asarray(counts.true)
    false_positives = np.asarray(counts.predicted) - np.asarray(counts.correct)
    true_negative_rate = _ratio(negatives - false_positives, negatives)
    return (recall(counts) + true_negative_rate) / 2


def _ratio(part, whole):
    part, whole = np.asarray(part, np.float64), np.asarray(whole, np.float64)
    return np.where(whole > 0, part / np.maximum(whole, 1), 0.0)
