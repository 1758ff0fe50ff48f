"""Network dissection from beginning to end, for one layer."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Float

from jaxdissect.base import AnyArray, BadInput
from jaxdissect.dissection.counts import (
    Overlap,
    concept_masks,
    iou_global,
    iou_within_category,
    overlap,
    unit_masks,
)
from jaxdissect.dissection.labels import Detectors, label_units
from jaxdissect.dissection.protocol import PNAS20, Protocol, check_protocol
from jaxdissect.streaming import accumulate, upper_quantile
from jaxdissect.upsampling import Centres, bilinear_matrix, upsample

Batches = Callable[[], Iterable[tuple[AnyArray, AnyArray]]]
"""() -> batches of (acts [B H W U], label maps [B h w L]), anew at every call."""


class Dissection(NamedTuple):
    """What the units of a layer look for.

    Attributes:
        thresholds: [U] activation above which a unit is on.
        overlap: the pixel counts.
        iou: [U C] intersection over union, in [0, 1].
        detectors: every unit's label.
    """

    thresholds: Float[np.ndarray, "U"]
    overlap: Overlap
    iou: Float[np.ndarray, "U C"]
    detectors: Detectors


def dissect(
    batches: Batches,
    categories: Sequence[int],
    centres: Centres,
    image_size: int,
    *,
    num_images: int,
    protocol: Protocol = PNAS20,
) -> Dissection:
    """Dissect one layer: thresholds in a first pass, overlap in a second.

    Args:
        batches: gives the same batches at every call; labels 0 mean none, c + 1 mean
            concept c.
        categories: [C] category number of every concept.
        centres: where the cells of the activation maps sit on the image.
        image_size: height and width of the images, in pixels.
        num_images: images in all batches together; the quantile depends on it.
        protocol: the conventions to follow.

    Returns:
        Thresholds, counts, IoU and labels.

    Raises:
        BadInput: a protocol value that is not allowed, no batches, or another number
            of images than `num_images`.

    Reference:
        Bau et al., Understanding the role of individual units in a deep neural
        network, PNAS 2020.

    >>> import jax.numpy as jnp
    >>> acts = jnp.arange(16.0).reshape(1, 4, 4, 1)
    >>> labels = np.array(acts >= 14, np.int32)
    >>> result = dissect(lambda: [(acts, labels)], [0], Centres(0.0, 1.0), 4,
    ...                  num_images=1, protocol=PNAS20._replace(tail_mass=3 / 16))
    >>> result.thresholds.tolist(), result.iou.tolist()
    ([13.0], [[1.0]])
    """
    check_protocol(protocol)
    first = next(iter(batches()), None)
    if first is None:
        raise BadInput("`batches` is empty; at least one batch is needed")
    acts, labels = first
    rows, columns = (
        bilinear_matrix(cells, targets, image_size, centres, padding=protocol.padding)
        for cells, targets in zip(acts.shape[1:3], labels.shape[1:3], strict=True)
    )
    on_grid = jax.jit(lambda acts: upsample(acts, rows, columns))
    native = protocol.quantile_grid == "native"
    positions = math.prod((acts if native else labels).shape[1:3])
    thresholds = accumulate(
        upper_quantile(protocol.tail_mass, num_images * positions),
        ((acts if native else on_grid(acts),) for acts, _ in batches()),
    )

    @jax.jit
    def masks(acts, labels):
        concepts = concept_masks(labels, num_concepts=len(categories))
        return unit_masks(upsample(acts, rows, columns), thresholds), concepts

    counts = accumulate(overlap(categories), (masks(*batch) for batch in batches()))
    if protocol.union == "global":
        iou = iou_global(counts)
    else:
        iou = iou_within_category(counts, categories)
    detectors = label_units(iou, min_iou=protocol.min_iou, rule=protocol.rule)
    return Dissection(thresholds, counts, iou, detectors)
