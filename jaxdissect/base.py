"""The contracts everything else is written against; no logic.

A network is two pure functions that meet at a layer::

    trunk : (params, inputs) -> acts       everything up to and including the layer
    tail  : (params, acts)   -> outputs    everything after it
    law   : tail(params, trunk(params, x)) == apply(params, x)

Axis letters, here and everywhere: B batch, H height, W width, U units, C concepts,
K classes, N edits, G concept categories. Images and activations are NHWC float32.
The first half is never called "head": in this field that word means the output end.
"""

from collections.abc import Callable
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


class BadInput(ValueError):
    """A value the caller can put right.

    The message is one sentence that names the argument, key or file, what was found
    and what is allowed. Scripts print it as it is and exit with code 2.
    """


class Split(NamedTuple):
    """The two halves of a network around one layer."""

    trunk: Trunk
    tail: Tail


class FactoredTail(NamedTuple):
    """A tail that starts, up to unit-wise stages, with a linear map.

    Removing units then costs a subtraction instead of another pass through that map::

        rest(params, linear(params, acts) - sum of contributions of removed units)
            == tail(params, acts * keep)

    Attributes:
        linear: (params, acts [B H W U]) -> z [B h w M], the linear map's output.
        contributions: (params, acts) -> [B U h w M], each unit's share of z (no bias).
        rest: (params, z [B h w M]) -> outputs, everything after the linear map.
    """

    linear: Tail
    contributions: Tail
    rest: Tail


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
