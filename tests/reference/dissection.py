"""Network dissection by its definitions: thresholds, masks, IoU, labels, counts."""

import math

import numpy as np


def upper_quantile(values, tail_mass):
    """Top-quantile threshold of each unit: the k-th largest of its N values.

    k = ceil(tail_mass * N), so that the threshold is the supremum of the t with
    P[value > t] >= tail_mass. A product within 1e-9 (relative) of an integer is that
    integer: 0.07 * 100 is 7, although it is a little more in floating point.
    Source: BAU17 section 2; BAU20, definition of t_u.

    Args:
        values: [N, U], every value of every unit.
        tail_mass: The share q of values above the threshold, 0 < q <= 1.

    Returns:
        [U], thresholds, each of them one of the unit's values.
    """
    product = tail_mass * len(values)
    nearest = round(product)
    k = nearest if abs(product - nearest) <= 1e-9 * product else math.ceil(product)
    if not 1 <= k <= len(values):
        raise ValueError(f"no {k}-th largest of {len(values)} values")
    return np.array([sorted(unit, reverse=True)[k - 1] for unit in values.T])


def _weights(position, length, padding):
    """The one or two cells around a position, with linear weights.

    Args:
        position: Coordinate in cells: 0 is the centre of the first cell.
        length: Number of cells.
        padding: 'zeros' or 'edge'.

    Returns:
        List of (cell, weight); cells outside the map are left out.
    """
    if padding == "edge":
        position = min(max(position, 0), length - 1)
    elif padding != "zeros":
        raise ValueError(f"unknown padding {padding!r}")
    low = math.floor(position)
    both = [(low, low + 1 - position), (low + 1, position - low)]
    return [(cell, weight) for cell, weight in both if 0 <= cell < length]


def upsample(acts, size, image_size, centre, step, padding):
    """Bilinear interpolation that keeps receptive-field centres.

    Cell i sits at image coordinate centre + i * step; the centre of target pixel j
    sits at image coordinate (j + .5) * image_size / size - .5 (pixel 0 of the image
    has its centre at 0). Source: BAU17 section 2 (interpolants anchored at the centre
    of each receptive field); 'zeros' is the padding of BAU20's code, 'edge' that of
    BAU17's.

    Args:
        acts: [H, W, U], activations of one image.
        size: (h, w), the target grid.
        image_size: (ih, iw), the image in pixels.
        centre: (y, x), image coordinate of the centre of cell (0, 0).
        step: (sy, sx), image pixels from one cell to the next.
        padding: Beyond the outermost cells: 'zeros' counts neighbours outside the map
            as 0, so that values fade; 'edge' clamps the coordinate.

    Returns:
        [h, w, U], float64.
    """
    out = np.zeros((*size, acts.shape[2]))
    for y in range(size[0]):
        image_y = (y + 0.5) * image_size[0] / size[0] - 0.5
        position_y = (image_y - centre[0]) / step[0]
        for x in range(size[1]):
            image_x = (x + 0.5) * image_size[1] / size[1] - 0.5
            position_x = (image_x - centre[1]) / step[1]
            for i, weight_y in _weights(position_y, acts.shape[0], padding):
                for j, weight_x in _weights(position_x, acts.shape[1], padding):
                    out[y, x] += weight_y * weight_x * acts[i, j]
    return out


def overlap(unit_masks, concept_masks, category_of_concept):
    """Exact pixel counts of units and concepts over a whole data set.

    Source: BAU17 section 2, equation 1 and the remark on labelled categories.

    Args:
        unit_masks: [N, h, w, U] bool, where each unit is above its threshold.
        concept_masks: [N, h, w, C] bool, where each concept is present.
        category_of_concept: [C] int, from 0.

    Returns:
        Dict of integer counts:
            intersection: [U, C], pixels in both.
            unit: [U], pixels of the unit.
            concept: [C], pixels of the concept.
            unit_in_category: [U, categories], pixels of the unit, counted only over
                images with at least one pixel of any concept of that category.
            pixels_in_category: [categories], all pixels of those images.
            unit_met: [U, categories], pixels of the unit, counted only over images
                where it shares a pixel with a concept of that category.
            pixels: int, all pixels of all images.
    """
    units, concepts = unit_masks.shape[3], concept_masks.shape[3]
    categories = max(category_of_concept) + 1
    counts = {
        "intersection": np.zeros((units, concepts), np.int64),
        "unit": np.zeros(units, np.int64),
        "concept": np.zeros(concepts, np.int64),
        "unit_in_category": np.zeros((units, categories), np.int64),
        "unit_met": np.zeros((units, categories), np.int64),
        "pixels_in_category": np.zeros(categories, np.int64),
        "pixels": int(np.prod(unit_masks.shape[:3])),
    }
    for on, label in zip(unit_masks, concept_masks, strict=True):
        labelled = {
            category_of_concept[c] for c in range(concepts) if label[..., c].any()
        }
        for category in labelled:
            counts["pixels_in_category"][category] += on[..., 0].size
        for u in range(units):
            counts["unit"][u] += on[..., u].sum()
            for category in labelled:
                counts["unit_in_category"][u, category] += on[..., u].sum()
                own = [c for c in range(concepts) if category_of_concept[c] == category]
                if any((on[..., u] & label[..., c]).any() for c in own):
                    counts["unit_met"][u, category] += on[..., u].sum()
            for c in range(concepts):
                counts["intersection"][u, c] += (on[..., u] & label[..., c]).sum()
        for c in range(concepts):
            counts["concept"][c] += label[..., c].sum()
    return counts


def iou_global(counts):
    """Intersection over union, the union taken over all images.

    Source: BAU20, definition of IoU_{u,c}.

    Args:
        counts: Dict as `overlap` returns it.

    Returns:
        [U, C], 0 where the union is empty.
    """
    iou = np.zeros(counts["intersection"].shape)
    for u, c in np.ndindex(iou.shape):
        both = counts["intersection"][u, c]
        union = counts["unit"][u] + counts["concept"][c] - both
        iou[u, c] = both / union if union > 0 else 0.0
    return iou


def iou_category(counts, category_of_concept):
    """Intersection over union on the images that have the concept's category.

    Source: BAU17, equation 1: the sums for a concept run over the images with at
    least one label of its category.

    Args:
        counts: Dict as `overlap` returns it.
        category_of_concept: [C] int, from 0.

    Returns:
        [U, C], 0 where the union is empty.
    """
    iou = np.zeros(counts["intersection"].shape)
    for u, c in np.ndindex(iou.shape):
        both = counts["intersection"][u, c]
        unit = counts["unit_in_category"][u, category_of_concept[c]]
        union = unit + counts["concept"][c] - both
        iou[u, c] = both / union if union > 0 else 0.0
    return iou


def iou_met(counts, category_of_concept):
    """The same where a unit's pixels count only on images where it meets the category.

    Source: NetDissect-Lite, whose tally of a unit's pixels for a category adds up those
    of the images on which the unit's mask overlaps with one of its labels.

    Args:
        counts: Dict as `overlap` returns it.
        category_of_concept: [C] int, from 0.

    Returns:
        [U, C], 0 where the union is empty.
    """
    counts = counts | {"unit_in_category": counts["unit_met"]}
    return iou_category(counts, category_of_concept)


def label_units(iou, min_iou, strict):
    """Label of each unit: its best concept, if the unit is a detector.

    Source: BAU17 section 2 (one label per unit, IoU at least .04); BAU20 (IoU above
    .04).

    Args:
        iou: [U, C].
        min_iou: The detector threshold.
        strict: True demands IoU > min_iou, False IoU >= min_iou.

    Returns:
        List of U pairs (best concept or None if no detector, best IoU). A tie goes to
        the lowest concept. A unit with IoU 0 everywhere has no label.
    """
    labels = []
    for row in iou:
        best = max(range(len(row)), key=lambda c: (row[c], -c))
        passes = row[best] > min_iou if strict else row[best] >= min_iou
        detector = passes and row[best] > 0
        labels.append((best if detector else None, float(row[best])))
    return labels


def unique_labels(iou, min_iou, strict):
    """Number of distinct labels of the detectors, each unit in its best concept only.

    Source: BAU17, "unique detectors" as in the text.

    Args:
        iou: [U, C].
        min_iou: The detector threshold.
        strict: True demands IoU > min_iou, False IoU >= min_iou.

    Returns:
        int.
    """
    return len({c for c, _ in label_units(iou, min_iou, strict) if c is not None})


def unique_by_category(iou, category_of_concept, min_iou, strict):
    """Number of distinct labels, each unit labelled once in every category.

    Source: the statistics published with BAU17: for each category the distinct best
    labels within it that pass the threshold, summed over the categories.

    Args:
        iou: [U, C].
        category_of_concept: [C] int.
        min_iou: The detector threshold.
        strict: True demands IoU > min_iou, False IoU >= min_iou.

    Returns:
        int.
    """
    category_of_concept = np.asarray(category_of_concept)
    return sum(
        unique_labels(iou[:, category_of_concept == category], min_iou, strict)
        for category in set(category_of_concept.tolist())
    )
