"""Paired tests and intervals by their definitions: loops over images and sums."""

import math
import random


def mcnemar(lost, gained):
    """Exact two-sided McNemar p-value: every outcome of the fair coin counted.

    Args:
        lost: int, images right before and wrong after.
        gained: int, images wrong before and right after.

    Returns:
        float in [0, 1].
    """
    flips = lost + gained
    outcomes = sum(math.comb(flips, heads) for heads in range(min(lost, gained) + 1))
    return min(1.0, 2 * outcomes / 2**flips)


def false_discovery(p_values):
    """Benjamini-Hochberg: the least p_j n / j of the ranks j from one's own upwards.

    Args:
        p_values: list of floats in [0, 1].

    Returns:
        list of floats, adjusted, in the order given.
    """
    ordered = sorted(p_values)
    adjusted = []
    for p in p_values:
        ranked = enumerate(ordered, start=1)
        scaled = [other * len(ordered) / rank for rank, other in ranked if other >= p]
        adjusted.append(min(1.0, *scaled))
    return adjusted


def change_draws(strata, weights, num_draws, seed):
    """Changes in accuracy of data sets of images drawn with replacement.

    Args:
        strata: for each stratum, a list with +1 (gained), -1 (lost) or 0 per image.
        weights: one float per stratum.
        num_draws: number of data sets.
        seed: int.

    Returns:
        list of num_draws floats.
    """
    generator = random.Random(seed)
    draws = []
    for _ in range(num_draws):
        change = 0.0
        for images, weight in zip(strata, weights, strict=True):
            drawn = generator.choices(images, k=len(images))
            change += weight * sum(drawn) / len(images)
        draws.append(change)
    return draws


def rank_correlation(x, y):
    """Pearson's correlation of average ranks; 0 where one of them is constant.

    Args:
        x: list of floats.
        y: list of floats, as long.

    Returns:
        float in [-1, 1].
    """
    if len(set(x)) == 1 or len(set(y)) == 1:
        return 0.0
    x, y = _ranks(x), _ranks(y)
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    covariance = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True))
    variance_x = sum((a - mean_x) ** 2 for a in x)
    variance_y = sum((b - mean_y) ** 2 for b in y)
    return covariance / math.sqrt(variance_x * variance_y)


def _ranks(values):
    """1 + how many are smaller, plus half of how many others are equal."""
    return [
        1 + sum(v < value for v in values) + (values.count(value) - 1) / 2
        for value in values
    ]
