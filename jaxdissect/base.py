"""The contracts everything else is written against; no logic.

A network is two pure functions that meet at a layer::

    trunk : (params, inputs) -> acts       everything up to and including the layer
    tail  : (params, acts)   -> outputs    everything after it
    law   : tail(params, trunk(params, x)) == apply(params, x)

Axis letters, here and everywhere: B batch, H height, W width, U units, C concepts,
K classes, N edits, G concept categories. Images and activations are NHWC float32.
The first half is never called "head": in this field that word means the output end.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from jax import Array

AnyArray = Array | np.ndarray
"""An argument that may live on the host or on the device."""

Params = Any
"""Whatever pytree of arrays a network needs."""

Trunk = Callable[[Params, Array], Array]
"""(params, inputs [B ...]) -> acts [B H W U]."""

Tail = Callable[[Params, Array], Array]
"""(params, acts [B H W U]) -> outputs, logits [B K] for a classifier."""

Edit = Callable[[Array, Array], Array]
"""(key, acts [B H W U]) -> acts, a random change while training."""


class Split(NamedTuple):
    """The two halves of a network around one layer."""

    trunk: Trunk
    tail: Tail


class FactoredTail(NamedTuple):
    """A tail that begins with unit-wise stages and a linear map.

    Editing units then costs an addition instead of another pass through that map. With
    x = unitwise(params, acts) and x' the same of the edited activations::

        rest(params, linear(params, x) + sum over edited units of
                     contributions(params, x' - x)) == tail(params, edited acts)

    Attributes:
        unitwise: (params, acts [B H W U]) -> x [B H' W' U]; every unit by itself.
        linear: (params, x) -> z [B h w M], the linear map's output, bias included.
        contributions: (params, x) -> [B U h w M], each unit's share of z, without bias.
        rest: (params, z [B h w M]) -> outputs, everything after the linear map.
    """

    unitwise: Tail
    linear: Tail
    contributions: Tail
    rest: Tail


class TrainRun(NamedTuple):
    """What a network gives in training mode.

    Attributes:
        outputs: of the last stage.
        params: with updated running statistics.
        taps: {layer: activations}, as they were before any edit.
    """

    outputs: Array
    params: Params
    taps: Mapping[str, Array]


class Statistic(NamedTuple):
    """A quantity of a data set larger than memory, as three pure functions.

    `merge` is associative, so any way of cutting the data into batches, shards or
    interrupted runs gives the same value.

    Attributes:
        measure: (*batch) -> partial result of one batch.
        merge: (partial, partial) -> partial result of both.
        value: (partial) -> the quantity itself.
    """

    measure: Callable[..., Any]
    merge: Callable[[Any, Any], Any]
    value: Callable[[Any], Any]
