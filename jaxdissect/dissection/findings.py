"""All there is to find out about the units of layers, in as few passes as it takes."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from jaxdissect.base import Statistic
from jaxdissect.dissection.activity import Activity, extrema, histogram
from jaxdissect.dissection.information import Levels
from jaxdissect.dissection.layers import Layer
from jaxdissect.dissection.pipeline import Dissection, judge, overlap_of_layers
from jaxdissect.dissection.protocol import PNAS20, Protocol
from jaxdissect.dissection.thresholds import Measure, find_thresholds
from jaxdissect.streaming import TopExamples, combine, top_examples


class Findings(NamedTuple):
    """A layer's dissection and what a report shows beside it.

    Attributes:
        dissection: thresholds, counts, IoU and labels.
        top: the images on which each unit peaks highest.
        activity: the histogram of each unit's values.
    """

    dissection: Dissection
    top: TopExamples
    activity: Activity


def find(
    measure: Measure,
    layers: Mapping[str, Layer],
    categories: Sequence[int],
    *,
    num_images: int,
    num_top: int,
    protocol: Protocol = PNAS20,
    levels: Mapping[str, Levels] | None = None,
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
        memory_bytes: what thresholds may take.

    Returns:
        {layer: findings}; the dissection is what `dissect` gives.
    """
    looks = {"top": top_of_layers(layers, num_top), "extrema": _each(layers, extrema())}
    thresholds, seen = find_thresholds(
        measure,
        layers,
        combine(**looks),
        num_images=num_images,
        protocol=protocol,
        levels=levels,
        memory_bytes=memory_bytes,
    )
    histograms = {name: histogram(seen["extrema"][name]) for name in layers}
    counted = measure(
        "overlap",
        combine(
            overlap=overlap_of_layers(layers, thresholds, categories),
            activity=combine(
                **{name: _of(name, each) for name, each in histograms.items()}
            ),
        ),
    )
    return {
        name: Findings(
            judge(
                thresholds[name],
                counted["overlap"][name],
                categories,
                protocol,
                None if levels is None else levels[name].concept,
            ),
            seen["top"][name],
            counted["activity"][name],
        )
        for name in layers
    }


def top_of_layers(layers: Mapping[str, Layer], num_top: int) -> Statistic:
    """The images on which each unit of each layer peaks highest.

    Batches are (acts {layer: [B H W U]}, labels, indices [B]).
    """

    def of_layer(name: str) -> Statistic:
        top = top_examples(num_top)

        def measure(acts, labels, indices):
            return top.measure(acts[name].max((1, 2)), indices)

        return top._replace(measure=measure)

    return combine(**{name: of_layer(name) for name in layers})


def _each(layers: Mapping[str, Layer], statistic: Statistic) -> Statistic:
    return combine(**{name: _of(name, statistic) for name in layers})


def _of(name: str, statistic: Statistic) -> Statistic:
    return statistic._replace(measure=lambda acts, *_: statistic.measure(acts[name]))
