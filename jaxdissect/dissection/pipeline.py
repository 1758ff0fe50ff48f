"""Network dissection from beginning to end, all layers in the same passes."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from jaxdissect.base import AnyArray, Statistic
from jaxdissect.checking import check_not_empty, check_number
from jaxdissect.dissection.batches import check_labels, checked, checked_pairs
from jaxdissect.dissection.certainty import count_images
from jaxdissect.dissection.counts import (
    Overlap,
    check_categories,
    iou_global,
    iou_where_met,
    iou_within_category,
)
from jaxdissect.dissection.information import (
    Levels,
    choose_levels,
    information_quality,
)
from jaxdissect.dissection.labels import Detectors, label_units, labelled
from jaxdissect.dissection.layers import Layer, make_layers
from jaxdissect.dissection.protocol import PNAS20, Protocol, check_protocol
from jaxdissect.dissection.thresholds import Thresholds, find_thresholds
from jaxdissect.errors import BadInput
from jaxdissect.streaming import NOTHING, accumulate, combine, total
from jaxdissect.upsampling import Centres

Batches = Callable[[], Iterable[tuple[Mapping[str, AnyArray], AnyArray]]]
"""() -> batches of ({layer: acts [B H W U]}, label maps [B h w L]), anew each time."""


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
    centres: Mapping[str, Centres],
    image_size: int,
    *,
    num_images: int,
    protocol: Protocol = PNAS20,
    choosing: Batches | None = None,
    memory_bytes: int = 2**31,
) -> dict[str, Dissection]:
    """Dissect layers: thresholds in a first pass over the images, overlap in a second.

    Args:
        batches: gives the same batches at every call; labels 0 mean none, c + 1 mean
            concept c. Whatever makes them: a network run anew, or kept activations.
        categories: [C] category number of every concept.
        centres: {layer: where the cells of its activation maps sit on the image}.
        image_size: height and width of the images, in pixels.
        num_images: images in all batches together; the quantile depends on it.
        protocol: the conventions to follow.
        choosing: batches of other images to choose thresholds and labels on, for the
            protocol level "iqr"; see `choose_levels`.
        memory_bytes: what thresholds may take; where they would take more, there are
            more passes, and the result is the same.

    Returns:
        {layer: thresholds, counts, IoU and labels}.

    Raises:
        BadInput: a protocol value that is not allowed, no batches, no layers or no
            concepts, or another number of images than `num_images`; activations that
            are not finite or change their shape, label maps that are not; `choosing`
            missing or of no use; no concept has a pixel in any image.

    Reference:
        Bau et al., Understanding the role of individual units in a deep neural
        network, PNAS 2020.

    >>> acts = np.arange(16, dtype=np.float32).reshape(1, 4, 4, 1)
    >>> batches = [({"conv5": acts}, (acts >= 14).astype(np.int32))]
    >>> from jaxdissect.upsampling import Centres
    >>> result = dissect(lambda: batches, [0], {"conv5": Centres.square(0.0, 1.0)}, 4,
    ...                  num_images=1, protocol=PNAS20._replace(tail_mass=3 / 16))
    >>> result["conv5"].thresholds.tolist(), result["conv5"].iou.tolist()
    ([13.0], [[1.0]])
    """
    check_protocol(protocol)
    check_categories(categories)
    check_number("image_size", image_size)
    first = next(iter(batches()), None)
    if first is None:
        raise BadInput("`batches` is empty; at least one batch is needed")
    check_number("num_images", num_images)
    if not first[0]:
        raise BadInput("`batches` has no layers; at least one is needed")
    check_labels(first[1])
    for name, maps in first[0].items():
        check_not_empty(f"acts[{name!r}]", maps, "B H W U")
    layers = make_layers(*first, centres, image_size, protocol)

    levels = choosing and levels_of_layers(choosing, layers, categories, protocol)

    def measure(name: str, statistic: Statistic) -> Any:
        return accumulate(checked(statistic, layers), _numbered(batches()))

    thresholds, _ = find_thresholds(
        measure,
        layers,
        NOTHING,
        num_images=num_images,
        protocol=protocol,
        levels=levels,
        memory_bytes=memory_bytes,
    )
    counts = measure("overlap", overlap_of_layers(layers, thresholds, categories))
    check_labelled(counts)
    return {
        name: judge(
            thresholds[name],
            counts[name],
            categories,
            protocol,
            None if levels is None else levels[name].concept,
        )
        for name in layers
    }


def levels_of_layers(
    choosing: Batches,
    layers: Mapping[str, Layer],
    categories: Sequence[int],
    protocol: Protocol,
) -> dict[str, Levels]:
    """`choose_levels` for each layer, one after another.

    Args:
        choosing: batches of images that are not those to dissect.
        layers: where the units are seen.
        categories: [C] category number of every concept.
        protocol: the conventions to follow.
    """

    def of_layer(name: str) -> Callable[[], Iterator[tuple[AnyArray, AnyArray]]]:
        return lambda: checked_pairs(
            (acts[name], labels) for acts, labels in choosing()
        )

    return {
        name: choose_levels(
            of_layer(name), categories, layer.rows, layer.columns, protocol=protocol
        )
        for name, layer in layers.items()
    }


def overlap_of_layers(
    layers: Mapping[str, Layer], thresholds: Thresholds, categories: Sequence[int]
) -> Statistic:
    """Pixel counts of every layer in one pass.

    Args:
        layers: where the units are seen.
        thresholds: {layer: [U]}.
        categories: [C] category number of every concept.

    Returns:
        A Statistic: batches are (acts {layer: [B H W U]}, label maps [B h w L]), the
        value is {layer: `Overlap`}.
    """

    def of_layer(name: str, layer: Layer) -> Statistic:
        def measure(acts, labels, *_):
            return count_images(
                acts[name],
                layer.rows,
                layer.columns,
                thresholds[name],
                labels,
                categories,
            )

        return total()._replace(measure=measure)

    return combine(**{name: of_layer(name, layer) for name, layer in layers.items()})


def check_labelled(counts: Mapping[str, Overlap]) -> None:
    """Refuse images in which nothing is labelled: every IoU would be 0.

    Args:
        counts: {layer: pixel counts of all images}.

    Raises:
        BadInput: no concept has a pixel.

    >>> empty = Overlap(*map(np.array, ([[0]], [3], [0], [[0]], [0], 9)))
    >>> check_labelled({"conv5": empty})
    Traceback (most recent call last):
    ...
    jaxdissect.errors.BadInput: `labels` are 0 at all 9 cells of the masks; at ...
    """
    for of_layer in counts.values():
        if not np.asarray(of_layer.concept).any():
            raise BadInput(
                f"`labels` are 0 at all {int(of_layer.pixels)} cells of the masks; at "
                "least one image must have a label"
            )


def judge(
    thresholds: Float[np.ndarray, "U"],
    counts: Overlap,
    categories: Sequence[int],
    protocol: Protocol,
    concept: Int[np.ndarray, "U"] | None = None,
) -> Dissection:
    """From counts to IoU and labels, by a protocol's conventions.

    Args:
        thresholds: [U] at which pixels were counted.
        counts: of one layer.
        categories: [C] category number of every concept.
        protocol: the conventions to follow.
        concept: [U] labels found in another way; by default those of the best IoU.
    """
    if protocol.union == "global":
        iou = iou_global(counts)
    elif protocol.union == "met":
        iou = iou_where_met(counts, categories)
    else:
        iou = iou_within_category(counts, categories)
    if concept is None:
        detectors = label_units(iou, min_iou=protocol.min_iou, rule=protocol.rule)
    else:
        detectors = labelled(iou, concept, min_iou=protocol.min_iou, rule=protocol.rule)
    if protocol.min_iqr >= 0:
        said = information_quality(counts, categories)
        own = np.take_along_axis(said, np.maximum(detectors.concept, 0)[:, None], 1)
        enough = detectors.is_detector & (own[:, 0] > protocol.min_iqr)
        detectors = detectors._replace(is_detector=enough)
    return Dissection(thresholds, counts, iou, detectors)


def _numbered(batches: Iterable[tuple[Any, Any]]) -> Iterator[tuple[Any, Any, Any]]:
    start = 0
    for acts, labels in batches:
        yield acts, labels, np.arange(start, start + len(labels))
        start += len(labels)
