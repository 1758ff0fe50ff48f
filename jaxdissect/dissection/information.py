"""The level at which a unit says most about a concept, as in GAN Dissection.

Measured in the 2 x 2 table of pixels: unit on or off by concept present or absent.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Float, Int, Integer
from scipy.special import entr, rel_entr

from jaxdissect.base import AnyArray
from jaxdissect.dissection.batches import checked_pairs
from jaxdissect.dissection.counts import Overlap, check_categories, present
from jaxdissect.dissection.labels import NO_LABEL
from jaxdissect.dissection.protocol import Protocol
from jaxdissect.errors import BadInput
from jaxdissect.quantiles import tail_count
from jaxdissect.streaming import accumulate, total
from jaxdissect.upsampling import upsample

MIN_SHARE = 1e-3
"""Of the pixels; a rarer concept is too small a sample to choose a level by."""

MIN_AGREEMENT = 0.8
"""Of the pixels; a unit that agrees on no more may answer to the concept's absence."""


class Levels(NamedTuple):
    """Thresholds at which the units say most about their concepts.

    Attributes:
        thresholds: [U] the level of the unit's best concept; the upper quantile at the
            protocol's `tail_mass` where no concept has a positive IQR.
        concept: [U] that concept, the first of equals; `NO_LABEL` where there is none.
        iqr: [U C] the ratio at each pair's best level, in [0, 1]; 0 without such.
    """

    thresholds: Float[np.ndarray, "U"]
    concept: Int[np.ndarray, "U"]
    iqr: Float[np.ndarray, "U C"]


def information_quality(
    counts: Overlap, categories: Sequence[int]
) -> Float[np.ndarray, "U C"]:
    """Information quality ratio: mutual information over joint entropy.

    IQR_uc = I(M_u; L_c) / H(M_u, L_c) over the pixels of the images that carry the
    concept's category: 1 where either mask tells the other, 0 where they are
    independent.

    Args:
        counts: from `overlap`.
        categories: [C] category number of every concept.

    Returns:
        In [0, 1]; 0 where the joint entropy is 0.

    Reference:
        Bau et al., GAN Dissection, ICLR 2019, section 3.1.

    >>> counts = Overlap(*map(np.array, ([[2]], [2], [2], [[2]], [4], 4)))
    >>> information_quality(counts, [0]).tolist()
    [[1.0]]
    """
    category = np.asarray(categories)
    on, pixels = counts.unit_in_category[:, category], counts.pixels_in_category
    return _quality(_table(counts.intersection, on, counts.concept, pixels[category]))


def tail_masses(num: int = 100) -> Float[np.ndarray, "Q"]:
    """The tail masses to choose from: from .001 to 1, in equal ratios.

    Args:
        num: how many, at least 1.

    Reference:
        Bau et al., GAN Dissection, ICLR 2019, published code.

    >>> tail_masses(4).tolist()
    [0.001, 0.01, 0.1, 1.0]
    """
    if num < 1:
        raise BadInput(f"`num` is {num}; at least 1 tail mass is needed")
    return np.logspace(-3, 0, num)


def choose_levels(
    batches: Callable[[], Iterable[tuple[AnyArray, AnyArray]]],
    categories: Sequence[int],
    rows: Float[AnyArray, "h H"],
    columns: Float[AnyArray, "w W"],
    *,
    protocol: Protocol,
    num_levels: int = 100,
    memory_bytes: int = 2**32,
) -> Levels:
    """The level of every unit at which its IQR with some concept is largest.

    The levels of a unit are its upper quantiles at `tail_masses`, taken in a first
    pass; a second counts the 2 x 2 tables of all levels. A pair has IQR 0 where the
    concept has less than `MIN_SHARE` of the pixels of its category's images, where
    the unit is on as the concept is present on no more than `MIN_AGREEMENT` of them,
    and where the level is not positive. Of equal levels the highest is taken.

    Departs from the published code, which estimates quantiles and tables from random
    sketches of upsampled values (here exact, on the protocol's grid), takes concepts'
    shares of all pixels but units' of their category's (here both of the latter),
    drops the level of tail mass 1 (here one of many) and gives a unit without any
    positive IQR the first concept and the highest level.

    Args:
        batches: () -> batches of (acts [B H W U], label maps [B h w L]) of images
            kept for choosing, the same at every call.
        categories: [C] category number of every concept.
        rows: `bilinear_matrix` of the vertical axis.
        columns: `bilinear_matrix` of the horizontal axis.
        protocol: `quantile_grid` and `tail_mass` matter here.
        num_levels: how many levels to choose from.
        memory_bytes: room for the values of the first pass.

    Returns:
        Levels to dissect other images at; they flatter those they were chosen on.

    Raises:
        BadInput: no batches, no levels, no concepts, activations that are not finite,
            label maps that are not, or more values than `memory_bytes`.

    Reference:
        Bau et al., GAN Dissection, ICLR 2019, section 3.1.

    >>> from jaxdissect.dissection.protocol import GAN19
    >>> acts, same = np.arange(16, dtype=np.float32).reshape(1, 4, 4, 1), np.eye(4)
    >>> batch = (acts, (acts >= 12).astype(int))
    >>> levels = choose_levels(lambda: [batch], [0], same, same, protocol=GAN19)
    >>> levels.thresholds.tolist(), levels.concept.tolist(), levels.iqr.tolist()
    ([11.0], [0], [[1.0]])
    """
    check_categories(categories)
    grid = jax.jit(upsample)
    native = protocol.quantile_grid == "native"
    *levels, otherwise = _upper_quantiles(
        (
            acts if native else grid(acts, rows, columns)
            for acts, _ in checked_pairs(batches())
        ),
        [*tail_masses(num_levels).tolist(), protocol.tail_mass],
        memory_bytes,
    )

    def measure(acts, labels):
        cells = _cells(np.asarray(grid(acts, rows, columns)), np.array(levels))
        return _histograms(cells, labels, num_levels, categories)

    counted = accumulate(total(measure), batches())
    return _best(np.array(levels), counted, categories, otherwise)


class _Histograms(NamedTuple):
    # Pixels by how many of the Q levels the unit exceeds there, so that one count does
    # for all: on each concept, on the images of each category. E = Q + 1.
    both: Integer[np.ndarray, "C U E"]
    unit: Integer[np.ndarray, "G U E"]
    concept: Integer[np.ndarray, "C"]
    pixels: Integer[np.ndarray, "G"]


def _cells(values, levels):
    # [B h w U] where in a flat [U Q+1] histogram each value belongs.
    cells = np.empty(values.shape, np.int32)
    for unit, rising in enumerate(levels[::-1].T):
        exceeded = np.searchsorted(rising, values[..., unit], side="left")
        cells[..., unit] = exceeded + unit * (len(levels) + 1)
    return cells


def _histograms(cells, labels, num_levels, categories):
    images, height, width, num_units = cells.shape
    shape = num_units, num_levels + 1

    def histogram(part):
        return np.bincount(part.ravel(), minlength=math.prod(shape)).reshape(shape)

    both = np.zeros((len(categories), *shape), np.int64)
    concept = np.zeros(len(categories), np.int64)
    carries = np.zeros((max(categories) + 1, images), bool)
    found = present(labels, len(categories))
    masks = np.moveaxis(np.asarray(found.masks), -1, 0)
    for c, mask in zip(found.concepts, masks, strict=True):
        if c >= 0:
            both[c], concept[c] = histogram(cells[mask]), mask.sum()
            carries[categories[c]] |= mask.any((1, 2))
    unit = np.stack([histogram(cells[of_images]) for of_images in carries])
    return _Histograms(both, unit, concept, carries.sum(1) * height * width)


def _table(both, on, concept, pixels):
    # [2 2 U C] pixels: unit on and off by concept present and absent.
    neither = pixels - on - concept + both
    return np.array([[both, on - both], [concept - both, neither]])


def _quality(table):
    joint = table / np.maximum(table.sum((0, 1)), 1)
    independent = joint.sum(1, keepdims=True) * joint.sum(0, keepdims=True)
    information = rel_entr(joint, independent).sum((0, 1))
    entropy = entr(joint).sum((0, 1))
    ratio = np.where(entropy > 0, information / np.where(entropy > 0, entropy, 1), 0.0)
    # Rounding may carry it over the bounds.
    return np.clip(ratio, 0, 1)


def _qualifies(table):
    pixels = np.maximum(table.sum((0, 1)), 1)
    common = table[:, 0].sum(0) / pixels >= MIN_SHARE
    return common & ((table[0, 0] + table[1, 1]) / pixels > MIN_AGREEMENT)


def _best(levels, counted, categories, otherwise):
    # A unit is on at a level where it exceeds that one and all that are lower.
    both, unit = (np.cumsum(h[..., :0:-1], -1).T for h in (counted.both, counted.unit))
    category = np.asarray(categories)
    iqr = np.zeros(both.shape[1:])
    best = np.broadcast_to(otherwise[:, None], iqr.shape)
    pixels = counted.pixels[category]
    for level, joint, on in zip(levels, both, unit, strict=True):
        table = _table(joint, on[:, category], counted.concept, pixels)
        allowed = _qualifies(table) & (level > 0)[:, None]
        quality = np.where(allowed, _quality(table), 0.0)
        best = np.where(quality > iqr, level[:, None], best)
        iqr = np.maximum(iqr, quality)
    concept = iqr.argmax(1)
    thresholds = np.take_along_axis(best, concept[:, None], 1)[:, 0]
    return Levels(thresholds, np.where(iqr.max(1) > 0, concept, NO_LABEL), iqr)


def _upper_quantiles(batches, masses, memory_bytes):
    # [Q U]; all values are held, unit by unit, because the last rank is the lowest.
    parts, held = [], 0
    for values in map(np.asarray, batches):
        held += values.nbytes
        if held > memory_bytes:
            fit = memory_bytes * len(values) // values.nbytes
            raise BadInput(
                f"`memory_bytes` is {memory_bytes}; all images must fit, but {fit} do"
            )
        parts.append(np.ascontiguousarray(values.reshape(-1, values.shape[-1]).T))
    if not parts:
        raise BadInput("`batches` is empty; at least one batch is needed")
    num_values = sum(part.shape[1] for part in parts)
    places = [num_values - tail_count(mass, num_values) for mass in masses]
    rising = (np.sort(np.concatenate(unit)) for unit in zip(*parts, strict=True))
    return np.stack([unit[places] for unit in rising], axis=1)
