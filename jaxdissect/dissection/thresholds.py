"""Exact thresholds of every unit of every layer, in memory of a given size."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from jaxtyping import Float

from jaxdissect.base import Statistic
from jaxdissect.dissection.information import Levels
from jaxdissect.dissection.layers import Layer, in_slices, unit_values
from jaxdissect.dissection.protocol import Protocol
from jaxdissect.errors import BadInput
from jaxdissect.quantiles import (
    BITS,
    bounds,
    kept_bytes,
    next_digits,
    open_bracket,
    tail_count,
    upper_quantile,
)
from jaxdissect.streaming import NOTHING, combine

Measure = Callable[[str, Statistic], Any]
"""(name of the pass, statistic of batches) -> its value over all images.

Batches are (acts {layer: [B H W U]}, label maps [B h w L], indices [B]).
"""

Thresholds = dict[str, Float[np.ndarray, "U"]]
"""{layer: [U] the exact upper quantile of every unit}."""


def find_thresholds(
    measure: Measure,
    layers: Mapping[str, Layer],
    beside: Statistic,
    *,
    num_images: int,
    protocol: Protocol,
    levels: Mapping[str, Levels] | None,
    memory_bytes: int,
) -> tuple[Thresholds, Any]:
    """Threshold of every unit: the k-th largest of all its values, k = ceil(q N).

    In one pass where the k largest values of all units fit into the memory. Otherwise
    they are counted by their leading bits, in as many more passes as that takes; see
    `count_passes`. The result is the same.

    Args:
        measure: runs a statistic over all images, anew at every call.
        layers: where the units are seen.
        beside: another statistic of the same batches, measured in the first pass.
        num_images: that each pass sees.
        protocol: `level`, `tail_mass` and `quantile_grid` matter.
        levels: chosen on other images, where the protocol's level is "iqr"; only
            `beside` is measured then.
        memory_bytes: what may be kept between batches.

    Returns:
        The thresholds, and the value of `beside`.

    Raises:
        BadInput: another number of images arrived; levels missing or of no use; a tail
            mass of no more than one value, above which no unit would ever be on.
    """
    if (levels is None) != (protocol.level == "tail_mass"):
        needs = "images for choosing them" if levels is None else "none of those given"
        raise BadInput(f"`level` is {protocol.level!r}: its thresholds need {needs}")
    if levels is not None:
        chosen = {name: levels[name].thresholds for name in layers}
        return chosen, measure("peaks", beside)
    numbers = {
        name: num_images * layer.values_per_image(protocol)
        for name, layer in layers.items()
    }
    for name, number in numbers.items():
        if tail_count(protocol.tail_mass, number) < 2:
            raise BadInput(
                f"`tail_mass` is {protocol.tail_mass}; of the {number} values of a "
                f"unit of {name!r} none would be above its threshold, so it must be "
                f"more than {1 / number:.3g}"
            )
    passes = count_passes(
        layers, num_images=num_images, protocol=protocol, memory_bytes=memory_bytes
    )
    mass = protocol.tail_mass
    if passes == 1:
        kept = {name: upper_quantile(mass, numbers[name]) for name in layers}
        found = _of_layers(layers, protocol, kept)
        both = measure("thresholds", combine(beside=beside, found=found))
        return both["found"], both["beside"]
    brackets = {
        name: open_bracket(mass, numbers[name], layer.num_units)
        for name, layer in layers.items()
    }
    bits, seen = math.ceil(BITS / passes), None
    for number in range(1, passes + 1):
        narrowed = {name: next_digits(brackets[name], bits) for name in layers}
        found = _of_layers(layers, protocol, narrowed)
        label = f"thresholds {number} of {passes}"
        both = measure(label, combine(beside=beside, found=found))
        brackets = both["found"]
        seen, beside = (both["beside"], NOTHING) if number == 1 else (seen, NOTHING)
    return {name: bounds(bracket)[0] for name, bracket in brackets.items()}, seen


def count_passes(
    layers: Mapping[str, Layer],
    *,
    num_images: int,
    protocol: Protocol,
    memory_bytes: int,
) -> int:
    """Passes over all images that exact thresholds take: 1, or 2 to 8 counting bits.

    Counting takes 2^(32 / passes) numbers for each unit, whatever the number of images.
    """
    units = sum(layer.num_units for layer in layers.values())
    kept = sum(
        kept_bytes(
            protocol.tail_mass,
            num_images * layer.values_per_image(protocol),
            layer.num_units,
        )
        for layer in layers.values()
    )
    if kept <= memory_bytes:
        return 1
    # A count, its batch's and their sum, of int64.
    needs = {n: 3 * 8 * units * 2 ** math.ceil(BITS / n) for n in range(2, 9)}
    return next((n for n, size in needs.items() if size <= memory_bytes), 8)


def _of_layers(
    layers: Mapping[str, Layer], protocol: Protocol, statistics: Mapping[str, Statistic]
) -> Statistic:
    """One statistic of each layer's values as a statistic of batches of all layers."""

    def of_layer(name: str, layer: Layer) -> Statistic:
        statistic = statistics[name]

        def measure(acts):
            return statistic.measure(unit_values(layer, acts, protocol))

        per_image = layer.values_per_image(protocol)
        sliced = in_slices(layer, statistic._replace(measure=measure), per_image)
        return sliced._replace(measure=lambda acts, *_: sliced.measure(acts[name]))

    return combine(**{name: of_layer(name, layer) for name, layer in layers.items()})
