"""How much the units' masks overlap with the concepts', in exact counts."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float, Integer

from jaxdissect.base import AnyArray, Statistic
from jaxdissect.checking import (
    check_not_empty,
    check_number,
    check_numbers,
    check_real,
    check_shape,
)
from jaxdissect.errors import BadInput
from jaxdissect.streaming import total


class Overlap(NamedTuple):
    """Pixel counts over the data set.

    Attributes:
        intersection: [U C] pixels of both the unit and the concept.
        unit: [U] pixels of the unit.
        concept: [C] pixels of the concept.
        unit_in_category: [U G] pixels of the unit on images that carry at least one
            label of the category.
        pixels_in_category: [G] pixels of the images that carry at least one label of
            the category.
        pixels: [] all pixels.
        unit_met: [U G] pixels of the unit on images where it shares at least one with
            a label of the category; None where that was not counted.
    """

    intersection: Integer[AnyArray, "U C"]
    unit: Integer[AnyArray, "U"]
    concept: Integer[AnyArray, "C"]
    unit_in_category: Integer[AnyArray, "U G"]
    pixels_in_category: Integer[AnyArray, "G"]
    pixels: Integer[AnyArray, ""]
    unit_met: Integer[AnyArray, "U G"] | None = None


def unit_masks(
    acts: Float[AnyArray, "B H W U"], thresholds: Float[AnyArray, "U"]
) -> Bool[Array, "B H W U"]:
    """Where each unit exceeds its threshold, strictly.

    Strictly, because a rarely active unit after a ReLU has threshold 0 and would
    otherwise cover every pixel.

    Args:
        acts: activation maps.
        thresholds: from `upper_quantile`.

    Returns:
        Whether the unit is on there.

    Raises:
        BadInput: values that are not finite, or another number of thresholds; while
            tracing, shapes and types only.

    >>> unit_masks(jnp.array([[[[0.0]], [[1.0]]]]), jnp.zeros(1))[0, :, 0, 0].tolist()
    [False, True]
    """
    check_shape("acts", acts, "B H W U")
    check_shape("thresholds", thresholds, "U", U=acts.shape[-1])
    check_real("acts", acts)
    check_real("thresholds", thresholds)
    return jnp.greater(acts, thresholds)


def concept_masks(
    labels: Integer[AnyArray, "B H W L"], *, num_concepts: int
) -> Bool[Array, "B H W C"]:
    """Label maps to one mask per concept.

    Args:
        labels: layers of label numbers; 0 is no label, c + 1 is concept c.
        num_concepts: C.

    Returns:
        Whether any layer carries the concept there.

    Raises:
        BadInput: labels that are no integers, negative or above C.

    >>> concept_masks(jnp.array([[[[2, 0]]]]), num_concepts=2)[0, 0, 0].tolist()
    [False, True]
    """
    check_number("num_concepts", num_concepts)
    check_numbers("labels", labels, num_concepts + 1)
    numbers = jnp.arange(1, num_concepts + 1)
    return (labels[..., None] == numbers).any(-2)


def overlap(categories: Sequence[int]) -> Statistic:
    """Counts behind every IoU, as matrix products of masks.

    Args:
        categories: [C] category number of every concept, 0-based.

    Returns:
        A Statistic: batches are (unit masks [B H W U], concept masks [B H W C]), the
        value is an `Overlap` in int64.

    Raises:
        BadInput: no concepts, or masks of other shapes or types.

    >>> masks = jnp.ones((1, 2, 2, 1), bool)
    >>> from jaxdissect.streaming import accumulate
    >>> accumulate(overlap([0]), [(masks, masks)]).intersection.tolist()
    [[4]]
    """
    check_categories(categories)
    member = np.eye(max(categories) + 1, dtype=np.float32)[np.asarray(categories)]

    def measure(units, concepts) -> Overlap:
        check_masks("units", units, "B H W U")
        sizes = dict(zip("BHW", units.shape, strict=False))
        check_masks("concepts", concepts, "B H W C", C=len(categories), **sizes)
        return _measure(units, concepts, member)

    return total(measure)


def check_categories(categories: Sequence[int]) -> None:
    """Refuse a dissection without concepts, and categories that are no numbers.

    >>> check_categories([])
    Traceback (most recent call last):
    ...
    jaxdissect.errors.BadInput: `categories` is empty; at least one concept is needed
    """
    if not len(categories):
        raise BadInput("`categories` is empty; at least one concept is needed")
    check_numbers("categories", np.asarray(categories))


def category_numbers(concepts: Sequence[tuple[str, str]]) -> list[int]:
    """[C] number of every concept's category, in order of first appearance.

    >>> category_numbers([("car", "object"), ("red", "colour"), ("sky", "object")])
    [0, 1, 0]
    """
    order = list(dict.fromkeys(category for _, category in concepts))
    return [order.index(category) for _, category in concepts]


def check_concepts(concepts: Sequence[tuple[str, str]]) -> None:
    """Refuse a dissection without concepts, or with one that is there twice.

    >>> check_concepts([("car", "object"), ("car", "object")])
    Traceback (most recent call last):
    ...
    jaxdissect.errors.BadInput: `concepts` has object/car twice; a concept has one ...
    """
    if not concepts:
        raise BadInput("`concepts` is empty; at least one concept is needed")
    for (name, category), times in Counter(map(tuple, concepts)).items():
        if times > 1:
            raise BadInput(
                f"`concepts` has {category}/{name} twice; a concept has one number"
            )


def check_masks(name: str, masks: AnyArray, shape: str, **sizes: int) -> None:
    """Refuse masks that are none: of another type, of another shape, or empty.

    >>> check_masks("units", np.ones((1, 2, 2, 1)), "B H W U")
    Traceback (most recent call last):
    ...
    jaxdissect.errors.BadInput: `units` is float64; masks are true or false
    """
    check_shape(name, masks, shape, **sizes)
    check_not_empty(name, masks, shape)
    if masks.dtype != bool:
        raise BadInput(f"`{name}` is {masks.dtype}; masks are true or false")


class Present(NamedTuple):
    """The concepts that occur in some label maps; others cost nothing.

    Attributes:
        concepts: [P] their numbers, 0-based, rising; -1 fills P up to a power of two,
            so that few shapes are ever compiled.
        masks: [B h w P] where each of them is; nowhere for -1.
    """

    concepts: Integer[np.ndarray, "P"]
    masks: Bool[Array, "B h w P"]


def present(labels: Integer[AnyArray, "B h w L"], num_concepts: int) -> Present:
    """Find the concepts of a batch and their masks.

    Args:
        labels: layers of label numbers; 0 is no label, c + 1 is concept c.
        num_concepts: C.

    Raises:
        BadInput: a label number above C or below 0.

    >>> present(np.array([[[[7, 0]]], [[[2, 7]]]]), 9).concepts.tolist()
    [1, 6]
    """
    numbers = np.unique(labels)
    if len(numbers) and not 0 <= numbers[0] <= numbers[-1] <= num_concepts:
        found = numbers[0] if numbers[0] < 0 else numbers[-1]
        raise BadInput(f"`labels` hold {found}; they must be in [0, {num_concepts}]")
    numbers = numbers[numbers > 0]
    fill = 2 ** math.ceil(math.log2(max(len(numbers), 1))) - len(numbers)
    concepts = np.concatenate([numbers.astype(np.int64) - 1, np.full(fill, -1)])
    wanted = np.where(concepts < 0, -1, concepts + 1)  # no pixel has the label -1
    return Present(concepts, _masks_of(labels, wanted))


def iou_global(counts: Overlap) -> Float[np.ndarray, "U C"]:
    """Intersection over union on all images; 0 where both are empty.

    IoU_uc = |M_u and L_c| / |M_u or L_c|, sums over the whole data set.

    Args:
        counts: from `overlap`.

    Returns:
        In [0, 1].

    Reference:
        Bau et al., PNAS 2020.

    >>> counts = Overlap(*map(np.array, ([[2]], [3], [4], [[2]], [9], 9)))
    >>> iou_global(counts).tolist()
    [[0.4]]
    """
    return _ratio(counts.intersection, counts.unit[:, None] + counts.concept)


def iou_within_category(
    counts: Overlap, categories: Sequence[int]
) -> Float[np.ndarray, "U C"]:
    """Intersection over union on the images that carry the concept's category.

    Args:
        counts: from `overlap`.
        categories: [C] category number of every concept.

    Returns:
        In [0, 1]; 0 where both are empty.

    Reference:
        Bau et al., Network Dissection, CVPR 2017, equation 1.

    >>> counts = Overlap(*map(np.array, ([[2]], [3], [4], [[2]], [9], 9)))
    >>> iou_within_category(counts, [0]).tolist()
    [[0.5]]
    """
    unit = counts.unit_in_category[:, np.asarray(categories)]
    return _ratio(counts.intersection, unit + counts.concept)


def iou_where_met(
    counts: Overlap, categories: Sequence[int]
) -> Float[np.ndarray, "U C"]:
    """Intersection over union, a unit counted only where it meets the category.

    An image on which the unit and all labels of the concept's category lie apart counts
    for the concept but not for the unit.

    Args:
        counts: from `overlap`, with `unit_met`.
        categories: [C] category number of every concept.

    Returns:
        In [0, 1], never below `iou_within_category`; 0 where both are empty.

    Raises:
        BadInput: `counts` were made without `unit_met`.

    Reference:
        The code NetDissect-Lite (CSAILVision, 2018), which departs from equation 1 of
        Bau et al., CVPR 2017, that way.

    >>> counts = Overlap(*map(np.array, ([[2]], [3], [4], [[2]], [9], 9, [[2]])))
    >>> iou_where_met(counts, [0]).tolist()
    [[0.5]]
    """
    if counts.unit_met is None:
        raise BadInput(
            "`counts` has no `unit_met`, which the union 'met' needs; count again"
        )
    unit = np.asarray(counts.unit_met)[:, np.asarray(categories)]
    return _ratio(counts.intersection, unit + counts.concept)


def _ratio(intersection, both):
    union = np.asarray(both - intersection, np.float64)
    return np.where(union > 0, intersection / np.maximum(union, 1), 0.0)


@jax.jit
def _masks_of(labels: Array, wanted: Array) -> Array:
    return (labels[..., None] == wanted).any(-2)


@jax.jit
def _measure(units: Array, concepts: Array, member: Array) -> Overlap:
    batch, height, width, _ = units.shape
    if batch * height * width >= 2**24:
        raise BadInput(
            f"a batch has {batch * height * width} pixels; float32 counts exactly "
            f"below {2**24}, so use smaller batches"
        )
    u = units.reshape(batch, -1, units.shape[-1]).astype(jnp.float32)
    c = concepts.reshape(batch, -1, concepts.shape[-1]).astype(jnp.float32)
    per_image = u.sum(1)
    of_category = (jnp.einsum("bpc,cg->bpg", c, member) > 0).astype(jnp.float32)
    has_category = of_category.max(1)
    met = jnp.einsum("bpu,bpg->bug", u, of_category, precision="highest") > 0
    counts = Overlap(
        intersection=jnp.einsum("bpu,bpc->uc", u, c, precision="highest"),
        unit=per_image.sum(0),
        concept=c.sum((0, 1)),
        unit_in_category=jnp.einsum(
            "bu,bg->ug", per_image, has_category, precision="highest"
        ),
        pixels_in_category=has_category.sum(0) * height * width,
        pixels=jnp.float32(batch * height * width),
        unit_met=(per_image[..., None] * met).sum(0),
    )
    return jax.tree.map(lambda x: x.astype(jnp.int32), counts)
