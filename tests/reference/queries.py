"""Questions to a dissection by their definitions."""

import numpy as np


def concept_image(fine, thresholds, units, labels, label):
    """What a concept's units say of one image.

    Args:
        fine: [h w U], activations on the grid of the masks.
        thresholds: [U].
        units: that speak for the concept.
        labels: [h w L], 0 for none.
        label: the concept's number in them.

    Returns:
        share of pixels on, IoU of these pixels and the labelled ones (0 of nothing).
    """
    on = shown = both = 0
    height, width = fine.shape[:2]
    for y in range(height):
        for x in range(width):
            is_on = any(fine[y, x, u] > thresholds[u] for u in units)
            is_shown = label in labels[y, x]
            on, shown, both = on + is_on, shown + is_shown, both + (is_on and is_shown)
    union = on + shown - both
    return on / (height * width), both / union if union else 0.0


def classifier(peaks, has_concept, threshold):
    """A unit as a classifier of images.

    Args:
        peaks: [N].
        has_concept: [N] bool.
        threshold: above which the unit says that the concept is there.

    Returns:
        balanced accuracy, true positive rate, false positive rate, area under the ROC
        curve (all pairs of an image with and one without, ties half).
    """
    positive = [p for p, has in zip(peaks, has_concept, strict=True) if has]
    negative = [p for p, has in zip(peaks, has_concept, strict=True) if not has]
    found = sum(p > threshold for p in positive) / len(positive)
    alarms = sum(p > threshold for p in negative) / len(negative)
    won = sum((p > n) + (p == n) / 2 for p in positive for n in negative)
    accuracy = (found + (1 - alarms)) / 2
    return accuracy, found, alarms, won / (len(positive) * len(negative))


def firing(fine, coarse, thresholds, tails):
    """Units that are on somewhere on an image.

    Args:
        fine: [h w U], activations on the grid of the masks.
        coarse: [H W U], activations as the network has them.
        thresholds: [U].
        tails: [U], what strength is measured in; not positive for none.

    Returns:
        {unit: (area, peak, strength)}.
    """
    found = {}
    for u, (threshold, tail) in enumerate(zip(thresholds, tails, strict=True)):
        area = np.mean(fine[..., u] > threshold)
        if area > 0:
            peak = max(coarse[..., u].ravel())
            found[u] = (area, peak, (peak - threshold) / tail if tail > 0 else 0.0)
    return found
