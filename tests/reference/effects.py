"""What editing units does, by its definitions: loops over images, units and classes."""

import math

import numpy as np


def paired_changes(predictions_before, predictions_after, targets, num_classes):
    """Images whose prediction an edit changes, counted for each class.

    Sources: BAU20, accuracy of a class with and without a unit, and its false
    positives; the same images are predicted twice, so the counts are paired.

    Args:
        predictions_before: [B] int, predicted by the intact network.
        predictions_after: [N, B] int, predicted under each of N edits.
        targets: [B] int, true classes.
        num_classes: K.

    Returns:
        lost [N, K], images of class k right before and wrong after;
        gained [N, K], images of class k wrong before and right after;
        intruding [N, K], images of other classes predicted k only after;
        withdrawn [N, K], images of other classes predicted k only before; all int.
    """
    shape = len(predictions_after), num_classes
    lost, gained, intruding, withdrawn = np.zeros((4, *shape), np.int64)
    for n, edited in enumerate(predictions_after):
        for before, after, true in zip(
            predictions_before, edited, targets, strict=True
        ):
            if before == true and after != true:
                lost[n, true] += 1
            if before != true and after == true:
                gained[n, true] += 1
            for k in range(num_classes):
                if k != true and before != k and after == k:
                    intruding[n, k] += 1
                if k != true and before == k and after != k:
                    withdrawn[n, k] += 1
    return lost, gained, intruding, withdrawn


def softmax(logits):
    """Probabilities of one image's classes.

    Args:
        logits: [K].

    Returns:
        list of K floats that sum to 1.
    """
    powers = [math.exp(float(z) - float(max(logits))) for z in logits]
    return [power / math.fsum(powers) for power in powers]


def log_probability_drops(logits_before, logits_after, targets):
    """Log-probability of the true class that an edit costs, summed by true class.

    Args:
        logits_before: [B, K], of the intact network.
        logits_after: [N, B, K], under each of N edits.
        targets: [B] int, true classes.

    Returns:
        [N, K] float64, sums of log p_before - log p_after over the images of class k.
    """
    drops = np.zeros((len(logits_after), np.shape(logits_before)[1]))
    for n, edited in enumerate(logits_after):
        for before, after, true in zip(logits_before, edited, targets, strict=True):
            p_before, p_after = softmax(before)[true], softmax(after)[true]
            drops[n, true] += math.log(p_before) - math.log(p_after)
    return drops


def class_selectivity(acts, targets, num_classes):
    """How much more a unit answers to its favourite class than to the others.

    (mu_max - mu_rest) / (mu_max + mu_rest): mu_k is the mean activation over the
    images of class k and their positions, mu_max the largest and mu_rest the mean of
    the other classes' mu. Classes without images do not take part. A dead unit has
    selectivity 0. Source: MOR18.

    Args:
        acts: [B, H, W, U], not negative.
        targets: [B] int, true classes.
        num_classes: K.

    Returns:
        [U] float64.
    """
    selectivity = np.zeros(acts.shape[3])
    for u in range(acts.shape[3]):
        means = []
        for k in range(num_classes):
            of_class = [
                float(value)
                for image, true in zip(acts[..., u], targets, strict=True)
                if true == k
                for value in image.flatten()
            ]
            if of_class:
                means.append(math.fsum(of_class) / len(of_class))
        means.sort()
        largest, rest = means[-1], sum(means[:-1]) / len(means[:-1])
        if largest + rest > 0:
            selectivity[u] = (largest - rest) / (largest + rest)
    return selectivity


def activation_frequency(acts):
    """Share of the images in which a unit is above 0 somewhere.

    Args:
        acts: [B, H, W, U].

    Returns:
        [U] float64.
    """
    units = range(acts.shape[3])
    active = [sum(bool((image[..., u] > 0).any()) for image in acts) for u in units]
    return np.array(active) / len(acts)


def mean_peak(acts):
    """Mean over the images of a unit's largest value.

    Args:
        acts: [B, H, W, U].

    Returns:
        [U] float64.
    """
    units = range(acts.shape[3])
    peaks = [math.fsum(float(image[..., u].max()) for image in acts) for u in units]
    return np.array(peaks) / len(acts)


def class_correlation(acts, logits):
    """Pearson correlation of a unit's activation and a class's probability.

    Over images, between the mean activation over the positions and the softmax
    probability. Source: ZSBT18 (class correlation; by secondary sources).

    Args:
        acts: [B, H, W, U].
        logits: [B, K].

    Returns:
        [U, K] float64, 0 where either does not vary.
    """
    num_units, num_classes = acts.shape[3], logits.shape[1]
    probabilities = [softmax(scores) for scores in logits]
    correlation = np.zeros((num_units, num_classes))
    for u in range(num_units):
        means = [float(image[..., u].astype(np.float64).mean()) for image in acts]
        for k in range(num_classes):
            correlation[u, k] = _pearson(means, [p[k] for p in probabilities])
    return correlation


def _pearson(xs, ys):
    if min(xs) == max(xs) or min(ys) == max(ys):
        return 0.0
    mean_x, mean_y = math.fsum(xs) / len(xs), math.fsum(ys) / len(ys)
    xs, ys = [x - mean_x for x in xs], [y - mean_y for y in ys]
    covariance = math.fsum(x * y for x, y in zip(xs, ys, strict=True))
    return covariance / math.sqrt(
        math.fsum(x * x for x in xs) * math.fsum(y * y for y in ys)
    )


def scale_unit(acts, unit, factor, about=0.0):
    """One unit moved towards or away from a value; the other units as they are.

    Source: S000 experiment 4.1, division of a unit's output.

    Args:
        acts: [B, H, W, U].
        unit: int, the unit.
        factor: 1 leaves the unit as it is, 0 sets it to `about`.
        about: value that stays where it is.

    Returns:
        [B, H, W, U].
    """
    edited = np.array(acts)
    edited[..., unit] = factor * edited[..., unit] + (1 - factor) * about
    return edited


def scale_incoming_weights(kernel, bias, unit, factor, with_bias):
    """Weights of a convolution with those that lead into one unit multiplied.

    Source: S000 experiment 4.1, division of a unit's weights.

    Args:
        kernel: [h, w, in, U].
        bias: [U].
        unit: int, the unit.
        factor: what its weights are multiplied by.
        with_bias: whether its bias is multiplied too.

    Returns:
        kernel [h, w, in, U], bias [U].
    """
    kernel, bias = np.array(kernel), np.array(bias)
    kernel[..., unit] *= factor
    if with_bias:
        bias[unit] *= factor
    return kernel, bias


def remove_units(acts, units, values):
    """Units set to given values at all positions; the other units as they are.

    Sources: BAU20 (0), MOR18 (0 or the unit's mean), or other images' activations.

    Args:
        acts: [B, H, W, U].
        units: list of int.
        values: a number, [U], or [B, H, W, U]; the units' own entries are taken.

    Returns:
        [B, H, W, U].
    """
    edited, filled = np.array(acts), np.broadcast_to(values, acts.shape)
    for unit in units:
        edited[..., unit] = filled[..., unit]
    return edited


def morcos_area(counts, accuracies):
    """Area under the accuracy as units are removed, all of them in the end.

    Trapezoids over the share of the units removed. Source: MOR18.

    Args:
        counts: numbers of units removed, rising from 0 to the number of units.
        accuracies: the accuracy at each of them.

    Returns:
        float, 1 if the accuracy stays 1.
    """
    area = 0.0
    for step in range(1, len(counts)):
        width = (counts[step] - counts[step - 1]) / counts[-1]
        area += width * (accuracies[step] + accuracies[step - 1]) / 2
    return area
