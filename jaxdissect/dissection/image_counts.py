"""The counts behind every IoU, an image at a time.

What an image takes, its upsampled maps and the masks of its few concepts, stays in the
cache of a CPU; and only the concepts of an image are compared with its units, not those
of the whole batch.
"""

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Float, Integer

from jaxdissect.base import AnyArray
from jaxdissect.checking import check_not_empty, check_real, check_shape
from jaxdissect.dissection.counts import Overlap, check_categories
from jaxdissect.errors import BadInput
from jaxdissect.upsampling import upsample_units


def count_images(
    acts: Float[AnyArray, "B H W U"],
    rows: Float[AnyArray, "h H"],
    columns: Float[AnyArray, "w W"],
    thresholds: Float[AnyArray, "U"],
    labels: Integer[AnyArray, "B h w L"],
    categories: Sequence[int],
) -> Overlap:
    """Pixels of units, upsampled onto the grid of the label maps, and of concepts.

    Args:
        acts: activation maps.
        rows: `bilinear_matrix` of the vertical axis.
        columns: `bilinear_matrix` of the horizontal axis.
        thresholds: above which a unit is on.
        labels: layers of label numbers; 0 is no label, c + 1 is concept c.
        categories: [C] category number of every concept, 0-based.

    Returns:
        Counts of the batch, in int64.

    Raises:
        BadInput: no concepts, a label number above C or below 0, activations or
            thresholds that are not finite or do not fit; too many pixels to count.

    >>> acts, same = np.ones((1, 2, 2, 1), np.float32), np.eye(2, dtype=np.float32)
    >>> labels = np.array([[[[2], [0]], [[2], [0]]]])
    >>> counts = count_images(acts, same, same, np.zeros(1), labels, [0, 1])
    >>> counts.intersection.tolist()
    [[0, 2]]
    """
    check_categories(categories)
    check_shape("labels", labels, "B h w L", h=len(rows), w=len(columns))
    sizes = {"B": len(labels), "H": rows.shape[1], "W": columns.shape[1]}
    check_shape("acts", acts, "B H W U", **sizes)
    check_shape("thresholds", thresholds, "U", U=acts.shape[-1])
    for name, values in (("acts", acts), ("thresholds", thresholds)):
        check_not_empty(name, values, "B H W U"[-2 * values.ndim + 1 :])
        check_real(name, values)
    batch, height, width, _ = labels.shape
    if height * width >= 2**24:
        raise BadInput(
            f"label maps have {height * width} pixels; float32 counts exactly below "
            f"{2**24}"
        )
    there = present_by_image(labels, len(categories))
    shown, on, both = map(
        np.asarray, _count(acts, rows, columns, thresholds, labels, there)
    )
    concept = np.zeros(len(categories), np.int64)
    intersection = np.zeros((len(categories), on.shape[1]), np.int64)
    carries = np.zeros((batch, max(categories) + 1), np.int64)
    met = np.zeros((on.shape[1], carries.shape[1]), np.int64)
    for image, numbers in enumerate(there):
        some = numbers[numbers > 0] - 1
        concept[some] += shown[image, : len(some)]
        intersection[some] += both[image, : len(some)]
        own = np.asarray(categories)[some]
        carries[image, own] = 1
        for category in np.unique(own):
            meets = both[image, : len(some)][own == category].any(0)
            met[:, category] += np.where(meets, on[image], 0)
    return Overlap(
        intersection=intersection.T,
        unit=on.sum(0, dtype=np.int64),
        concept=concept,
        unit_in_category=on.T @ carries,
        pixels_in_category=carries.sum(0) * height * width,
        pixels=np.array(batch * height * width),
        unit_met=met,
    )


def present_by_image(
    labels: Integer[AnyArray, "B h w L"], num_concepts: int
) -> Integer[np.ndarray, "B P"]:
    """Each image's label numbers, rising; -1 fills P up to a power of two, so that few
    shapes are ever compiled.

    Raises:
        BadInput: a label number above C or below 0.

    >>> present_by_image(np.array([[[[7, 0]]], [[[2, 7]]]]), 9).tolist()
    [[7, -1], [2, 7]]
    """
    if not np.issubdtype(labels.dtype, np.integer):
        raise BadInput(f"`labels` is {labels.dtype}; it must be of integers")
    found = [np.unique(image) for image in np.asarray(labels)]
    for numbers in found:
        if len(numbers) and not 0 <= numbers[0] <= numbers[-1] <= num_concepts:
            wrong = numbers[0] if numbers[0] < 0 else numbers[-1]
            raise BadInput(
                f"`labels` hold {wrong}; they must be in [0, {num_concepts}]"
            )
    found = [numbers[numbers > 0] for numbers in found]
    most = max(1, *map(len, found))
    filled = np.full((len(found), 2 ** math.ceil(math.log2(most))), -1, np.int32)
    for row, numbers in zip(filled, found, strict=True):
        row[: len(numbers)] = numbers
    return filled


@jax.jit
def _count(acts, rows, columns, thresholds, labels, there) -> tuple[Array, ...]:
    # [B P] pixels of concepts, [B U] of units, [B P U] of both.
    def of_image(image):
        maps, layers, numbers = image
        finer = upsample_units(maps, rows, columns)
        on = (finer > thresholds[:, None, None]).astype(jnp.float32)
        on = on.reshape(len(finer), -1)
        shown = (layers[..., None] == numbers).any(-2).astype(jnp.float32)
        shown = shown.reshape(-1, len(numbers))
        both = jnp.einsum("pc,up->cu", shown, on, precision="highest")
        return shown.sum(0), on.sum(1), both

    counts = lax.map(of_image, (acts, labels, there))
    return jax.tree.map(lambda count: count.astype(jnp.int32), counts)
