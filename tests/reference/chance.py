"""Chance levels and intervals of IoU by their definitions: loops over permutations.

Masks are nested [image][row][column] arrays of booleans; strata hold one number for
each image.
"""

import itertools
import math

import numpy as np


def pairings(strata):
    """Every way to give each image the concept mask of an image of its own stratum.

    Args:
        strata: [N] int.

    Returns:
        list of lists of N image numbers.
    """
    groups = [np.flatnonzero(strata == s).tolist() for s in sorted(set(strata))]
    found = []
    for orders in itertools.product(*map(itertools.permutations, groups)):
        donors = [0] * len(strata)
        for group, order in zip(groups, orders, strict=True):
            for image, donor in zip(group, order, strict=True):
                donors[image] = donor
        found.append(donors)
    return found


def intersections(unit, concept, strata):
    """Pixels of both the unit and the concept, in every pairing.

    Args:
        unit: [N, h, w] bool.
        concept: [N, h, w] bool.
        strata: [N] int.

    Returns:
        list of int.
    """
    shared = [[int((m & other).sum()) for other in concept] for m in unit]
    return [
        sum(shared[i][donor] for i, donor in enumerate(donors))
        for donors in pairings(strata)
    ]


def moments(values):
    """Mean, variance and skewness of equally likely values; skewness 0 of a constant.

    Args:
        values: list of numbers.

    Returns:
        three floats.
    """
    mean = math.fsum(values) / len(values)
    variance = math.fsum((v - mean) ** 2 for v in values) / len(values)
    third = math.fsum((v - mean) ** 3 for v in values) / len(values)
    return mean, variance, third / variance**1.5 if variance > 0 else 0.0


def mean_on_cells(unit, concept, strata, cell):
    """Mean intersection where the pixels of a cell may be anywhere in it.

    Args:
        unit: [N, h, w] bool.
        concept: [N, h, w] bool.
        strata: [N] int.
        cell: height and width of the cells, which must divide those of the masks.

    Returns:
        float.
    """
    total = 0.0
    for s in set(strata):
        images = np.flatnonzero(strata == s)
        for i, j in itertools.product(images, images):
            for y in range(0, unit.shape[1], cell):
                for x in range(0, unit.shape[2], cell):
                    m = unit[i, y : y + cell, x : x + cell].sum()
                    c = concept[j, y : y + cell, x : x + cell].sum()
                    total += m * c / cell**2 / len(images)
    return total


def cosine_coefficients(mask):
    """Coefficients of a mask in the orthonormal cosine basis (DCT-II), by its formula.

    Args:
        mask: [h, w] bool.

    Returns:
        [h, w] float, the first of them constant.
    """
    height, width = mask.shape
    coefficients = np.zeros((height, width))
    for f, g in np.ndindex(height, width):
        norm = math.sqrt((2 if f else 1) * (2 if g else 1) / height / width)
        for y, x in np.ndindex(height, width):
            down = math.cos(math.pi * f * (y + 0.5) / height)
            across = math.cos(math.pi * g * (x + 0.5) / width)
            coefficients[f, g] += norm * mask[y, x] * down * across
    return coefficients


def variance_by_waves(unit, concept, low, kept):
    """Variance of the intersection of one stratum, most covariances taken as 0.

    What does not have both waves among the low ones is multiplied by how much more the
    two masks vary in the same places than if each varied everywhere alike.

    Args:
        unit: [N, h, w] bool.
        concept: [N, h, w] bool.
        low: (f, g) of the waves whose covariances all count.
        kept: (f, g) of the waves, those included, whose own variance counts; the
            others are taken as equally strong.

    Returns:
        float.
    """
    number, height, width = unit.shape
    waves = list(np.ndindex(height, width))
    scatter, varying = [], []
    for masks in (unit, concept):
        values = np.stack([cosine_coefficients(mask).ravel() for mask in masks])
        values -= values.mean(0)
        scatter.append(values.T @ values)
        varying.append(masks.var(0))
    same = len(waves) * (varying[0] * varying[1]).sum()
    same /= varying[0].sum() * varying[1].sum()
    total = 0.0
    for p, q in itertools.product(range(len(waves)), repeat=2):
        product = scatter[0][p, q] * scatter[1][p, q]
        if waves[p] in low and waves[q] in low:
            total += product
        elif p == q and waves[p] in kept:
            total += product * same
    others = [p for p, wave in enumerate(waves) if wave not in kept]
    if others:
        strength = [sum(s[p, p] for p in others) for s in scatter]
        total += same * strength[0] * strength[1] / len(others)
    return total / (number - 1)


def resampled_ious(intersection, unit, concept, times):
    """IoU of one unit on data sets in which images occur several times or not at all.

    Args:
        intersection: [N] int, pixels of both on each image.
        unit: [N] int.
        concept: [N] int.
        times: [D, N] int, how often each image occurs in each data set.

    Returns:
        list of D floats; 0 where both are empty.
    """
    ious = []
    for data_set in times:
        both = either = 0
        for i, n in enumerate(data_set):
            both += n * intersection[i]
            either += n * (unit[i] + concept[i] - intersection[i])
        ious.append(both / either if either else 0.0)
    return ious
