"""Ablation of single units by its definitions: accuracies and importance."""

import numpy as np


def class_counts(predictions, labels, num_classes):
    """Correct, predicted and true numbers of images of each class.

    Args:
        predictions: [N] int, predicted classes.
        labels: [N] int, true classes.
        num_classes: K.

    Returns:
        correct [K], predicted [K], true [K], int.
    """
    correct, predicted, true = np.zeros((3, num_classes), np.int64)
    for prediction, label in zip(predictions, labels, strict=True):
        predicted[prediction] += 1
        true[label] += 1
        if prediction == label:
            correct[label] += 1
    return correct, predicted, true


def top1(correct, true):
    """Share of all images that are classified correctly.

    Args:
        correct: [K], from `class_counts`.
        true: [K], from `class_counts`.

    Returns:
        float.
    """
    return sum(correct) / sum(true)


def recall(correct, true):
    """Share of the images of each class that are classified correctly.

    Args:
        correct: [K], from `class_counts`.
        true: [K], from `class_counts`.

    Returns:
        [K], nan for a class without images.
    """
    return np.array(
        [c / t if t > 0 else np.nan for c, t in zip(correct, true, strict=True)]
    )


def balanced_accuracy(correct, predicted, true):
    """One-vs-rest balanced accuracy of each class, (recall + TNR) / 2.

    The true negative rate TNR is the share of the images of the other classes that
    are not predicted as this class. Source: BAU20, single-class accuracy.

    Args:
        correct: [K], from `class_counts`.
        predicted: [K], from `class_counts`.
        true: [K], from `class_counts`.

    Returns:
        [K], nan for a class without images or without images of other classes.
    """
    recalls, result = recall(correct, true), np.full(len(true), np.nan)
    for k in range(len(true)):
        others = sum(true) - true[k]
        false_positives = predicted[k] - correct[k]
        if others > 0:
            result[k] = (recalls[k] + (others - false_positives) / others) / 2
    return result


def ablate_one_by_one(tail, acts):
    """Predictions with one unit after the other set to 0 at all positions.

    Source: BAU20, removal of single units: the rest intact, no retraining.

    Args:
        tail: Function from activations [N, h, w, U] to class scores [N, K].
        acts: [N, h, w, U].

    Returns:
        [U, N] int, the class of the highest score (the first of equals).
    """
    predictions = []
    for u in range(acts.shape[3]):
        ablated = np.array(acts)
        ablated[..., u] = 0
        predictions.append([int(np.argmax(scores)) for scores in tail(ablated)])
    return np.array(predictions)


def rank_units(balanced_base, balanced_ablated):
    """Units by importance to each class, the largest drop first.

    The importance of a unit to a class is the drop of the class's balanced accuracy
    when the unit is ablated. Of equal drops the lowest unit comes first; drops within
    1e-12 are equal, because different counts can give one balanced accuracy up to
    rounding. An undefined drop (nan) counts as 0. Source: BAU20.

    Args:
        balanced_base: [K], balanced accuracy of the intact network.
        balanced_ablated: [U, K], with each unit ablated.

    Returns:
        [K, U] int, the units, most important first.
    """
    order = []
    for k in range(len(balanced_base)):
        drop = np.nan_to_num(balanced_base[k] - balanced_ablated[:, k])
        left, ranked = list(range(len(drop))), []
        while left:
            largest = max(drop[u] for u in left)
            first = next(u for u in left if drop[u] >= largest - 1e-12)
            ranked.append(first)
            left.remove(first)
        order.append(ranked)
    return np.array(order)
