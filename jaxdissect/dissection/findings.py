"""All there is to find out about the units of layers, in as few passes as it takes."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from jax import Array
from jaxtyping import Float, Int

from jaxdissect.base import AnyArray, Statistic
from jaxdissect.checking import check_number, check_numbers, check_shape
from jaxdissect.dissection.batches import checked
from jaxdissect.dissection.certainty import Certainty, bootstrap_iou
from jaxdissect.dissection.chance import chance_level, iou_by_chance, p_values
from jaxdissect.dissection.counts import check_categories, present
from jaxdissect.dissection.information import Levels
from jaxdissect.dissection.label_pixels import block_of, label_counts_by_block
from jaxdissect.dissection.layers import Layer, in_slices, masks
from jaxdissect.dissection.moments import Moments, in_columns, mask_moments
from jaxdissect.dissection.pipeline import (
    Dissection,
    check_labelled,
    judge,
    overlap_of_layers,
)
from jaxdissect.dissection.protocol import PNAS20, Protocol, check_protocol
from jaxdissect.dissection.thresholds import Measure, Thresholds, find_thresholds
from jaxdissect.errors import BadInput
from jaxdissect.significance import false_discovery
from jaxdissect.streaming import NOTHING, TopExamples, combine, top_examples, total

SIDE = 16
"""Cells along an axis that a histogram looks at; of finer maps every n-th only."""


class Extrema(NamedTuple):
    """The least and the greatest value of every unit."""

    low: Float[np.ndarray, "U"]
    high: Float[np.ndarray, "U"]


class Activity(NamedTuple):
    """A histogram of each unit's values.

    Attributes:
        edges: [U N + 1] of the bins, equally wide between the unit's extrema.
        counts: [U N] values in each bin.
    """

    edges: Float[np.ndarray, "U E"]
    counts: Int[np.ndarray, "U N"]


def extrema() -> Statistic:
    """The least and the greatest value of every unit; batches are (acts [B H W U],).

    >>> from jaxdissect.streaming import accumulate
    >>> acts = np.array([[[[1.0], [3.0]]]], np.float32)
    >>> accumulate(extrema(), [(acts,)]).high.tolist()
    [3.0]
    """

    def measure(acts: Float[AnyArray, "B H W U"], *_) -> Extrema:
        values = np.asarray(acts).reshape(-1, acts.shape[-1])
        return Extrema(values.min(0), values.max(0))

    def merge(a: Extrema, b: Extrema) -> Extrema:
        return Extrema(np.minimum(a.low, b.low), np.maximum(a.high, b.high))

    return Statistic(measure, merge, lambda found: found)


def histogram(found: Extrema, num_bins: int = 40) -> Statistic:
    """Counts of every unit's values between its extrema.

    Of maps finer than 16 x 16 cells every n-th cell is counted, as a picture of the
    distribution needs no more.

    Args:
        found: from `extrema`, of the same images.
        num_bins: N.

    Returns:
        A Statistic: batches are (acts [B H W U],), the value is an `Activity`.

    >>> from jaxdissect.streaming import accumulate
    >>> acts = np.array([[[[1.0], [3.0], [3.0]]]], np.float32)
    >>> low, high = np.ones(1, np.float32), np.full(1, 3.0, np.float32)
    >>> accumulate(histogram(Extrema(low, high), 2), [(acts,)]).counts.tolist()
    [[1, 2]]
    """
    edges = np.linspace(found.low, found.high, num_bins + 1, axis=-1)
    counted = total(lambda acts, *_: _histogram(acts, found.low, found.high, num_bins))
    return counted._replace(
        value=lambda partial: Activity(edges, counted.value(partial))
    )


def _histogram(acts, low, high, num_bins):
    # numpy, as comparing every value with every bin takes ten times as long.
    num_units = acts.shape[-1]
    steps = [-(-cells // SIDE) for cells in acts.shape[1:3]]
    values = np.asarray(acts[:, :: steps[0], :: steps[1]]).reshape(-1, num_units)
    width = np.where(high > low, high - low, np.float32(1)) / num_bins
    bins = np.clip(((values - low) / width).astype(np.int32), 0, num_bins - 1)
    cells = (bins + num_bins * np.arange(num_units)).ravel()
    counts = np.bincount(cells, minlength=num_units * num_bins)
    return counts.reshape(num_units, num_bins)


class Findings(NamedTuple):
    """A layer's dissection and what a report shows beside it.

    Attributes:
        dissection: thresholds, counts, IoU and labels.
        top: the images on which each unit peaks highest.
        activity: the histogram of each unit's values.
        certainty: how sure all that is, where it was asked for.
    """

    dissection: Dissection
    top: TopExamples
    activity: Activity
    certainty: Certainty | None


class Sampling(NamedTuple):
    """What intervals and chance levels are based on.

    Attributes:
        key: PRNG key of the bootstrap.
        strata: [N] number of each image's origin, from 0; chance levels exchange images
            within an origin only.
        num_draws: resamples of the bootstrap.
    """

    key: Array
    strata: Int[np.ndarray, "N"]
    num_draws: int = 1000


def find(
    measure: Measure,
    layers: Mapping[str, Layer],
    categories: Sequence[int],
    *,
    num_images: int,
    num_top: int,
    protocol: Protocol = PNAS20,
    levels: Mapping[str, Levels] | None = None,
    sampling: Sampling | None = None,
    memory_bytes: int = 2**31,
) -> dict[str, Findings]:
    """Dissect layers and find their units' top images and histograms on the way.

    Args:
        measure: runs a statistic over all images, anew at every call.
        layers: from `make_layers`.
        categories: [C] category number of every concept.
        num_images: that each pass sees.
        num_top: top images of each unit.
        protocol: the conventions to follow.
        levels: {layer: levels chosen on other images}, for the protocol level "iqr".
        sampling: how to find out how sure the labels are; None for not at all.
        memory_bytes: what thresholds may take.

    Returns:
        {layer: findings}; the dissection is what `dissect` gives.

    Raises:
        BadInput: as `dissect` does; or `sampling` is not of so many images, 2 or more.
    """
    check_protocol(protocol)
    check_categories(categories)
    check_number("num_images", num_images)
    check_number("num_top", num_top)
    if not layers:
        raise BadInput("`layers` is empty; at least one layer is needed")
    for name, layer in layers.items():
        check_number(f"layers[{name!r}].num_units", layer.num_units)
    if sampling is not None:
        check_sampling(sampling, num_images)
    each_pass = measure
    measure = lambda name, statistic: each_pass(name, checked(statistic, layers))  # noqa: E731
    tops = {name: _top(name, num_top) for name in layers}
    ends = {name: _of(name, extrema()) for name in layers}
    thresholds, seen = find_thresholds(
        measure,
        layers,
        combine(top=combine(**tops), extrema=combine(**ends)),
        num_images=num_images,
        protocol=protocol,
        levels=levels,
        memory_bytes=memory_bytes,
    )
    bars = {name: _of(name, histogram(seen["extrema"][name])) for name in layers}
    counted = measure(
        "overlap",
        combine(
            overlap=overlap_of_layers(layers, thresholds, categories),
            activity=combine(**bars),
            moments=moments_of_layers(layers, thresholds, len(categories), sampling),
        ),
    )
    check_labelled(counted["overlap"])
    results = {
        name: judge(
            thresholds[name],
            counted["overlap"][name],
            categories,
            protocol,
            concept=None if levels is None else levels[name].concept,
        )
        for name in layers
    }
    sure: Mapping[str, Certainty | None] = dict.fromkeys(layers)
    if sampling is not None:
        sure = certainties(
            measure,
            layers,
            results,
            counted["moments"],
            categories,
            num_images=num_images,
            protocol=protocol,
            sampling=sampling,
        )
    return {
        name: Findings(
            results[name], seen["top"][name], counted["activity"][name], sure[name]
        )
        for name in layers
    }


def check_sampling(sampling: Sampling, num_images: int) -> None:
    """Refuse what no interval and no chance level can be based on.

    Raises:
        BadInput: fewer than 2 images, strata of others, or no draws.
    """
    if num_images < 2:
        raise BadInput(
            f"`num_images` is {num_images}; intervals and chance levels need at least 2"
        )
    check_shape("sampling.strata", sampling.strata, "N", N=num_images)
    check_numbers("sampling.strata", sampling.strata)
    check_number("sampling.num_draws", sampling.num_draws)


def moments_of_layers(
    layers: Mapping[str, Layer],
    thresholds: Thresholds,
    num_concepts: int,
    sampling: Sampling | None,
) -> Statistic:
    """What the chance level needs to know: `Moments` of concepts, and of each layer."""
    if sampling is None:
        return NOTHING
    strata, num_strata = sampling.strata, int(sampling.strata.max()) + 1

    def of_concepts(acts, labels, indices) -> Moments:
        there = present(labels, num_concepts)
        of_there = mask_moments(there.masks, strata[indices], num_strata=num_strata)
        return in_columns(of_there, there.concepts, num_concepts)

    def of_layer(name: str, layer: Layer) -> Statistic:
        def measure(acts, origin):
            on = masks(layer, acts, thresholds[name])
            return mask_moments(on, origin, num_strata=num_strata)

        sliced = in_slices(layer, total()._replace(measure=measure))
        return sliced._replace(
            measure=lambda acts, labels, indices: sliced.measure(
                acts[name], strata[indices]
            )
        )

    of_layers = {name: of_layer(name, layer) for name, layer in layers.items()}
    return combine(
        concepts=total()._replace(measure=of_concepts), units=combine(**of_layers)
    )


def certainties(
    measure: Measure,
    layers: Mapping[str, Layer],
    results: Mapping[str, Dissection],
    moments: Mapping[str, Any],
    categories: Sequence[int],
    *,
    num_images: int,
    protocol: Protocol,
    sampling: Sampling,
) -> dict[str, Certainty]:
    """How sure each layer's labels are; one more pass, for the labels' pixels by image.

    Args:
        measure: runs a statistic over all images.
        layers: where the units are seen.
        results: {layer: its dissection}.
        moments: from `moments_of_layers`.
        categories: [C] category number of every concept.
        num_images: that each pass sees.
        protocol: `union` matters.
        sampling: of the intervals and chance levels.
    """
    own = None if protocol.union == "global" else categories
    counts = {
        name: label_counts_by_block(
            result.detectors.concept, categories=own, met=protocol.union == "met"
        )
        for name, result in results.items()
    }

    def count(acts, labels, indices):
        blocks, there = block_of(indices, num_images), present(labels, len(categories))

        def of_layer(name: str) -> Any:
            def measure_slice(acts, shown, blocks):
                on = masks(layers[name], acts, results[name].thresholds)
                return counts[name].measure(on, there._replace(masks=shown), blocks)

            slices = counts[name]._replace(measure=measure_slice)
            sliced = in_slices(layers[name], slices)
            return sliced.measure(acts[name], there.masks, blocks)

        return {name: of_layer(name) for name in layers}

    pixels = measure("intervals", combine(**counts)._replace(measure=count))
    found = {}
    for name, result in results.items():
        null = chance_level(moments["units"][name], moments["concepts"])
        p = p_values(result.overlap.intersection, null)
        interval = bootstrap_iou(
            sampling.key, pixels[name], num_draws=sampling.num_draws
        )
        by_chance = iou_by_chance(
            result.overlap, null.mean, categories, union=protocol.union
        )
        found[name] = Certainty(*interval, by_chance, p, false_discovery(p))
    return found


def _top(name: str, num_top: int) -> Statistic:
    top = top_examples(num_top)

    def measure(acts, labels, indices):
        return top.measure(acts[name].max((1, 2)), indices)

    return top._replace(measure=measure)


def _of(name: str, statistic: Statistic) -> Statistic:
    return statistic._replace(measure=lambda acts, *_: statistic.measure(acts[name]))
