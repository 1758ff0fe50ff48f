"""The contracts everything else is written against; no logic but how texts are shown.

A network is two pure functions that meet at a layer::

    trunk : (params, inputs) -> acts       everything up to and including the layer
    tail  : (params, acts)   -> outputs    everything after it
    law   : tail(params, trunk(params, x)) == apply(params, x)

Axis letters, here and everywhere: B batch, H height, W width, U units, C concepts,
K classes, N edits, G concept categories. Images and activations are NHWC float32.
The first half is never called "head": in this field that word means the output end.
"""

import re
import unicodedata
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


BIDI = frozenset(
    "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)
"""Characters that turn the order of what follows them."""


def printable(text: str, longest: int = 900) -> str:
    r"""A stranger's text as one line that does nothing to a terminal, page or figure.

    Control characters and those that turn the order of letters are escaped; words of
    more than 300 characters, and texts of more than `longest`, lose their middle.

    >>> printable("a\x1b[31m\nb"), printable("straße 家"), printable("o" * 9, longest=5)
    ('a\\x1b[31m\\nb', 'straße 家', 'ooo…o')
    """
    if len(text) > 300:
        text = re.sub(r"\S{301,}", lambda word: _cut(word[0], 140), text)
    return escaped(_cut(text, longest))


def escaped(text: str, kept: str = "") -> str:
    r"""A text whose control characters, and those that turn letters, are escaped.

    >>> escaped("a\x1b[2J\n", kept="\n")
    'a\\x1b[2J\n'
    """
    if text.isprintable():
        return text
    return "".join(char if char in kept else _escaped(char) for char in text)


def _cut(text: str, longest: int) -> str:
    if len(text) <= longest:
        return text
    end = longest // 4
    return f"{text[: longest - 1 - end]}…{text[len(text) - end :]}"


def _escaped(char: str) -> str:
    harmless = unicodedata.category(char) not in ("Cc", "Cs", "Zl", "Zp")
    if harmless and char not in BIDI:
        return char
    return char.encode("unicode_escape").decode()


class BadInput(ValueError):
    """A value the caller can put right.

    The message is one sentence that names the argument, key or file, what was found
    and what is allowed. Scripts print it as it is and exit with code 2; whatever names
    of strangers it holds, it is `printable`.
    """

    def __str__(self) -> str:
        return printable(super().__str__())


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
