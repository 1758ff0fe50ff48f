"""Whole dissections by each of the four published codes' conventions, in loops.

BAU17: Bau et al., Network Dissection, CVPR 2017, and its second, "lite" code.
BAU19: Bau et al., GAN Dissection, ICLR 2019, with thresholds chosen by information.
BAU20: Bau et al., Understanding the role of individual units in a deep neural
    network, PNAS 2020.
"""

import math

import numpy as np

from . import dissection as steps


def dissect(acts, labels, categories, centre, step, image_size, preset, choosing=None):
    """Thresholds, counts, IoU, labels and detectors of one layer.

    Args:
        acts: [N, H, W, U], activations.
        labels: [N, h, w, L], layers of labels; 0 is none, c + 1 is concept c.
        categories: [C] int, category of each concept, from 0.
        centre: Image coordinate of the receptive-field centre of the first cell.
        step: Image pixels from one receptive-field centre to the next.
        image_size: Height and width of the image in pixels.
        preset: 'pnas20', 'cvpr17', 'lite' or 'gan19'.
        choosing: (acts, labels) of other images, on which 'gan19' chooses levels.

    Returns:
        Dict: thresholds [U]; counts, as `steps.overlap` returns them; iou [U, C]; and
        of every unit its label (concept or None), label_iou and is_detector.
    """
    if preset == "pnas20":
        place = _at_receptive_fields(centre, step, "zeros")
        up = upsample_all(acts, labels, image_size, place)
        thresholds = steps.upper_quantile(_values(up), 0.01)
        counts = _counts(up, thresholds, labels, categories)
        iou = steps.iou_global(counts)
        return _result(
            thresholds, counts, iou, _best(iou), lambda u, c: iou[u, c] > 0.04
        )
    if preset in ("cvpr17", "lite"):
        # The lite code resizes the map as an image, wherever receptive fields lie.
        place = (
            _at_receptive_fields(centre, step, "edge")
            if preset == "cvpr17"
            else tiles(acts, image_size)
        )
        up = upsample_all(acts, labels, image_size, place)
        thresholds = steps.upper_quantile(_values(acts), 0.005)
        counts = _counts(up, thresholds, labels, categories)
        # And it counts a unit's pixels only where the unit meets the category.
        ratio = steps.iou_category if preset == "cvpr17" else steps.iou_met
        iou = ratio(counts, categories)
        return _result(
            thresholds, counts, iou, _best(iou), lambda u, c: iou[u, c] >= 0.04
        )
    if preset == "gan19":
        place = tiles(acts, image_size)
        chosen_acts, chosen_labels = choosing
        up = upsample_all(chosen_acts, chosen_labels, image_size, place)
        thresholds, concepts, _ = choose_levels(
            up, up, chosen_labels, categories, 0.005
        )
        up = upsample_all(acts, labels, image_size, place)
        counts = _counts(up, thresholds, labels, categories)
        iou = steps.iou_category(counts, categories)
        quality = information_quality(counts, categories)
        return _result(
            thresholds,
            counts,
            iou,
            concepts,
            lambda u, c: iou[u, c] > 0.05 and quality[u, c] > 0.01,
        )
    raise ValueError(f"unknown preset {preset!r}")


def _at_receptive_fields(centre, step, padding):
    return ((centre, centre), (step, step), padding)


def tiles(acts, image_size):
    """Cells that tile the image: centre, step and padding for `steps.upsample`.

    A cell is image_size / cells pixels wide, so the centre of the first lies half a
    cell less half a pixel from the centre of the first pixel.

    Args:
        acts: [N, H, W, U].
        image_size: Height and width of the image in pixels.

    Returns:
        (centre, step, padding), the first two as (y, x).
    """
    step = (image_size / acts.shape[1], image_size / acts.shape[2])
    return ((step[0] - 1) / 2, (step[1] - 1) / 2), step, "edge"


def upsample_all(acts, labels, image_size, place):
    """Every image's maps on the grid of its labels.

    Args:
        acts: [N, H, W, U].
        labels: [N, h, w, L].
        image_size: Height and width of the image in pixels.
        place: (centre, step, padding) for `steps.upsample`.

    Returns:
        [N, h, w, U], float64.
    """
    size, pixels = labels.shape[1:3], (image_size, image_size)
    return np.stack([steps.upsample(image, size, pixels, *place) for image in acts])


def concept_masks(labels, concepts):
    """Where any layer of labels carries a concept: bool [N, h, w, C]."""
    masks = np.zeros((*labels.shape[:3], concepts), bool)
    for layer in range(labels.shape[3]):
        for c in range(concepts):
            masks[..., c] |= labels[..., layer] == c + 1
    return masks


def information_quality_of_table(table):
    """Mutual information over joint entropy of a 2 x 2 table of counts.

    Source: BAU19 section 3.1.

    Args:
        table: [2][2], counts; rows are one variable, columns the other.

    Returns:
        float, 0 where the joint entropy is 0 or the table is empty.
    """
    total = sum(table[0]) + sum(table[1])
    information = entropy = 0.0
    for i in range(2):
        for j in range(2):
            if table[i][j] > 0:
                p = table[i][j] / total
                row = (table[i][0] + table[i][1]) / total
                column = (table[0][j] + table[1][j]) / total
                information += p * math.log(p / (row * column))
                entropy -= p * math.log(p)
    return information / entropy if entropy > 0 else 0.0


def _tables(counts, categories):
    # (u, c) -> its table, on the images that have the concept's category.
    for u, c in np.ndindex(counts["intersection"].shape):
        both = int(counts["intersection"][u, c])
        unit = int(counts["unit_in_category"][u, categories[c]])
        concept = int(counts["concept"][c])
        pixels = int(counts["pixels_in_category"][categories[c]])
        neither = pixels - unit - concept + both
        yield u, c, [[both, unit - both], [concept - both, neither]]


def information_quality(counts, categories):
    """Information quality ratio of every unit with every concept.

    Source: BAU19: the table of a pair counts the pixels of the images that have at
    least one label of the concept's category.

    Args:
        counts: Dict as `steps.overlap` returns it.
        categories: [C] int, from 0.

    Returns:
        [U, C].
    """
    quality = np.zeros(counts["intersection"].shape)
    for u, c, table in _tables(counts, categories):
        quality[u, c] = information_quality_of_table(table)
    return quality


def choose_levels(values, up, labels, categories, tail_mass, num_levels=100):
    """The threshold at which each unit says most about a concept.

    Source: BAU19's code: tail masses from .001 to 1 in equal ratios; no information
    from a concept on less than .001 of the pixels, a level at which unit and concept
    agree on no more than .8 of them, or a level that is not positive.

    Args:
        values: [N, H, W, U], on the grid of which the levels are quantiles.
        up: [N, h, w, U], the maps on the grid of the labels.
        labels: [N, h, w, L].
        categories: [C] int, from 0.
        tail_mass: Gives the threshold of a unit that says nothing about any concept.
        num_levels: How many tail masses.

    Returns:
        Thresholds [U], list of U concepts (None: no information), IQR [U, C] at the
        best level.
    """
    units = up.shape[3]
    thresholds = steps.upper_quantile(_values(values), tail_mass)
    concepts, most = [None] * units, np.zeros(units)
    iqr = np.zeros((units, len(categories)))
    at = np.zeros((units, len(categories)))
    for mass in 10 ** np.linspace(-3, 0, num_levels):
        level = steps.upper_quantile(_values(values), mass)
        counts = _counts(up, level, labels, categories)
        for u, c, table in _tables(counts, categories):
            pixels = sum(table[0]) + sum(table[1])
            if pixels == 0 or level[u] <= 0:
                continue
            share = (table[0][0] + table[1][0]) / pixels
            agreement = (table[0][0] + table[1][1]) / pixels
            quality = information_quality_of_table(table)
            if share >= 1e-3 and agreement > 0.8 and quality > iqr[u, c]:
                iqr[u, c], at[u, c] = quality, level[u]
    for u, c in np.ndindex(iqr.shape):
        if iqr[u, c] > most[u]:
            concepts[u], most[u], thresholds[u] = c, iqr[u, c], at[u, c]
    return thresholds, concepts, iqr


def _values(acts):
    return acts.reshape(-1, acts.shape[3])


def _counts(up, thresholds, labels, categories):
    masks = concept_masks(labels, len(categories))
    return steps.overlap(up > thresholds, masks, categories)


def _best(iou):
    # The concept of the highest IoU, the first of equals; none where all are 0.
    best = []
    for row in iou:
        c = max(range(len(row)), key=lambda c: (row[c], -c))
        best.append(c if row[c] > 0 else None)
    return best


def _result(thresholds, counts, iou, concepts, passes):
    labelled = [(u, c) for u, c in enumerate(concepts)]
    return {
        "thresholds": thresholds,
        "counts": counts,
        "iou": iou,
        "label": concepts,
        "label_iou": [0.0 if c is None else float(iou[u, c]) for u, c in labelled],
        "is_detector": [c is not None and bool(passes(u, c)) for u, c in labelled],
    }
