"""The level at which a unit says most about a concept, as in GAN Dissection.

How much a unit's mask and a concept's mask say about each other is measured in their
2 x 2 table of pixel counts: unit on or off, concept present or absent.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Float, Int
from scipy.special import entr, rel_entr

from jaxdissect.base import AnyArray, BadInput
from jaxdissect.dissection.counts import Overlap, concept_masks, overlap, unit_masks
from jaxdissect.dissection.labels import NO_LABEL
from jaxdissect.dissection.protocol import Protocol
from jaxdissect.quantiles import tail_count
from jaxdissect.streaming import accumulate, total
from jaxdissect.upsampling import upsample

MIN_SHARE = 1e-3
"""Of the pixels: a rarer concept is too small a sample to choose a level by."""

MIN_AGREEMENT = 0.8
"""Of the pixels: a unit that agrees on no more may answer to the concept's absence."""


class Levels(NamedTuple):
    """Thresholds at which the units say most about their concepts.

    Attributes:
        thresholds: [U] the level of the unit's best concept; the upper quantile at the
            protocol's `tail_mass` where no concept has a positive IQR.
        concept: [U] that concept, the first of equals; `NO_LABEL` where there is none.
        iqr: [U C] information quality ratio at the best level of each pair, in [0, 1];
            0 where no level qualifies.
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
    table = _table(counts, categories)
    joint = table / np.maximum(table.sum((0, 1)), 1)
    independent = joint.sum(1, keepdims=True) * joint.sum(0, keepdims=True)
    information = rel_entr(joint, independent).sum((0, 1))
    entropy = entr(joint).sum((0, 1))
    ratio = np.where(entropy > 0, information / np.where(entropy > 0, entropy, 1), 0.0)
    # Rounding may carry it over the bounds.
    return np.clip(ratio, 0, 1)


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
    pass; a second pass counts the 2 x 2 tables of all levels. A level does not count
    for a concept on less than `MIN_SHARE` of the pixels of its category's images, nor
    where the unit is on or off as the concept is present or absent on no more than
    `MIN_AGREEMENT` of them, nor where it is not positive. The first of equal levels
    is taken, the highest.

    Departs from the published code, which estimates quantiles and tables from random
    sketches of the upsampled values (here exact, on the protocol's grid), takes a
    concept's share of the pixels of all images but a unit's of its category's (here
    of the latter throughout), leaves out the level of tail mass 1 (here judged like
    the others) and gives a unit without any positive IQR the first concept and the
    highest level.

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
        Levels to dissect other images at: a level chosen as the best looks better on
        the images it was chosen on.

    Raises:
        BadInput: no batches, no levels, or more values than `memory_bytes`.

    Reference:
        Bau et al., GAN Dissection, ICLR 2019, section 3.1.

    >>> from jaxdissect.dissection.protocol import GAN19
    >>> acts, same = np.arange(16, dtype=np.float32).reshape(1, 4, 4, 1), np.eye(4)
    >>> batch = (acts, (acts >= 12).astype(int))
    >>> levels = choose_levels(lambda: [batch], [0], same, same, protocol=GAN19)
    >>> levels.thresholds.tolist(), levels.concept.tolist(), levels.iqr.tolist()
    ([11.0], [0], [[1.0]])
    """
    grid = jax.jit(upsample)
    masks = jax.jit(concept_masks, static_argnames="num_concepts")
    native = protocol.quantile_grid == "native"
    *levels, otherwise = _upper_quantiles(
        (acts if native else grid(acts, rows, columns) for acts, _ in batches()),
        [*tail_masses(num_levels).tolist(), protocol.tail_mass],
        memory_bytes,
    )
    one_level = overlap(categories)

    def measure(acts, labels):
        acts = grid(acts, rows, columns)
        concepts = masks(labels, num_concepts=len(categories))
        # One level after another: all their masks at once would not fit.
        return [
            one_level.measure(unit_masks(acts, level), concepts) for level in levels
        ]

    counts = accumulate(total(measure), batches())
    return _best(levels, counts, categories, otherwise)


def _table(counts, categories):
    # [2 2 U C] pixels: unit on and off by concept present and absent.
    category = np.asarray(categories)
    on = counts.unit_in_category[:, category]
    both, pixels = counts.intersection, counts.pixels_in_category[category]
    neither = pixels - on - counts.concept + both
    return np.array([[both, on - both], [counts.concept - both, neither]])


def _qualifies(counts, categories):
    table = _table(counts, categories)
    pixels = np.maximum(table.sum((0, 1)), 1)
    common = table[:, 0].sum(0) / pixels >= MIN_SHARE
    return common & ((table[0, 0] + table[1, 1]) / pixels > MIN_AGREEMENT)


def _best(levels, counts, categories, otherwise):
    iqr = np.zeros(counts[0].intersection.shape)
    best = np.broadcast_to(otherwise[:, None], iqr.shape)
    for level, of_level in zip(levels, counts, strict=True):
        allowed = _qualifies(of_level, categories) & (level > 0)[:, None]
        quality = np.where(allowed, information_quality(of_level, categories), 0.0)
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
                f"`memory_bytes` is {memory_bytes}; the values of {fit} images fit "
                "into it, so choose levels on no more than these"
            )
        parts.append(np.ascontiguousarray(values.reshape(-1, values.shape[-1]).T))
    if not parts:
        raise BadInput("`batches` is empty; at least one batch is needed")
    num_values = sum(part.shape[1] for part in parts)
    places = [num_values - tail_count(mass, num_values) for mass in masses]
    units = zip(*parts, strict=True)
    return np.stack([np.sort(np.concatenate(unit))[places] for unit in units], axis=1)
