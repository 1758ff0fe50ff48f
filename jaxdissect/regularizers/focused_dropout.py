"""FocusedDropout: keep the places where an image's strongest unit fires, drop the rest.

The reference unit of an image is the one with the largest spatial mean (the first of
equals), its largest value is the peak, and a place is kept if the unit exceeds
gamma * peak there. Nothing is rescaled. At evaluation the layer is left out.

A rule is static: close over it, or give it to `jit` as a static argument.

Reference:
    Xie et al., FocusedDropout for Convolutional Neural Network, arXiv 2103.15425, 2021.
"""

import math
from typing import Literal, NamedTuple, get_args

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float

from jaxdissect.base import AnyArray
from jaxdissect.errors import BadInput

Draw = Literal["image", "pixel", "element"]
Participation = Literal["batch", "samples"]


class FocusedDropout(NamedTuple):
    """Conventions on which the paper, its Algorithm 1 and a later re-run differ.

    Attributes:
        low: gamma is uniform from here, at least 0,
        high: to here, at most 1, where no place is kept.
        draw: one gamma for every "image" or for every "pixel", with one mask for all
            units; or for every "element", with a mask for each unit, whose values
            are then compared with the reference unit's peak.
        participation: "batch": the whole batch or nothing of it, by a coin;
            "samples": the first int(rate * B) images of every batch.
        rate: share of batches or of images that participate, in [0, 1].
        decay_factor: weight decay is this many times larger on participating batches;
            under "samples" it never changes.
    """

    low: float = 0.3
    high: float = 0.6
    draw: Draw = "image"
    participation: Participation = "batch"
    rate: float = 0.1
    decay_factor: float = 2.0


PAPER = FocusedDropout()
"""The paper's text; it names no base weight decay, so the factor 2 is inferred."""

ALGORITHM1 = FocusedDropout(low=0.6, high=0.9, draw="pixel")
"""The paper's printed Algorithm 1, which contradicts the text."""

PER_ELEMENT = FocusedDropout(0.6, 0.9, "element", "samples", decay_factor=1.0)
"""A later re-run: part of every batch, a mask for each unit, the usual weight decay."""


def check_focused_dropout(rule: FocusedDropout) -> FocusedDropout:
    """The rule itself, if it can be followed.

    Raises:
        BadInput: a field is out of its range or names no convention.

    >>> check_focused_dropout(PAPER) == PAPER
    True
    """
    if not 0 <= rule.low <= rule.high <= 1:
        raise BadInput(
            f"`low` and `high` are {rule.low} and {rule.high}; they must be in [0, 1], "
            "`low` not above `high`"
        )
    if not 0 <= rule.rate <= 1:
        raise BadInput(f"`rate` is {rule.rate}; it must be in [0, 1]")
    if not 0 <= rule.decay_factor < math.inf:
        raise BadInput(
            f"`decay_factor` is {rule.decay_factor}; it must be finite and at least 0"
        )
    for name, allowed in (("draw", Draw), ("participation", Participation)):
        if getattr(rule, name) not in get_args(allowed):
            raise BadInput(
                f"`{name}` is {getattr(rule, name)!r}; it must be one of "
                f"{', '.join(get_args(allowed))}"
            )
    return rule


def participants(key: Array, rule: FocusedDropout, batch_size: int) -> Bool[Array, "B"]:
    """Which images of one batch take part.

    Args:
        key: PRNG key, consumed; one for every batch, shared by all layers.
        rule: conventions.
        batch_size: B.

    Raises:
        BadInput: the rule cannot be followed.

    >>> int(participants(jax.random.key(0), PER_ELEMENT, 128).sum())
    12
    """
    check_focused_dropout(rule)
    if rule.participation == "samples":
        return jnp.arange(batch_size) < int(rule.rate * batch_size)
    return jnp.broadcast_to(jax.random.bernoulli(key, rule.rate), (batch_size,))


def decay_factor(
    rule: FocusedDropout, participating: Bool[AnyArray, "B"]
) -> Float[Array, ""]:
    """How many times the base weight decay this batch is trained with.

    Args:
        rule: conventions.
        participating: what `participants` gave for the batch.

    Raises:
        BadInput: the rule cannot be followed.

    >>> decay_factor(PAPER, jnp.array([True, True])).item()
    2.0
    """
    check_focused_dropout(rule)
    factor = rule.decay_factor if rule.participation == "batch" else 1.0
    return jnp.where(participating.any(), jnp.float32(factor), jnp.float32(1))


def focus_mask(
    key: Array, rule: FocusedDropout, acts: Float[AnyArray, "B H W U"]
) -> Bool[Array, "B H W #U"]:
    """What each image keeps: acts of the reference unit > gamma * peak.

    Means, thresholds and comparisons are float32 whatever the activations are.

    Args:
        key: PRNG key, consumed.
        rule: conventions.
        acts: activations after the nonlinearity. An image whose peak is not positive
            keeps nothing.

    Returns:
        True where activations are kept; the last axis is 1 where all units share the
        mask, U where the draw is "element".

    Raises:
        BadInput: the rule cannot be followed.

    >>> half = FocusedDropout(low=0.5, high=0.5)
    >>> acts = jnp.array([[5.0, 1.0], [0.0, 8.0], [0.0, 4.0]]).reshape(1, 1, 3, 2)
    >>> focus_mask(jax.random.key(0), half, acts).ravel().tolist()
    [False, True, False]
    """
    check_focused_dropout(rule)
    acts = jnp.asarray(acts, jnp.float32)
    reference_unit = acts.mean((1, 2), keepdims=True).argmax(3, keepdims=True)
    reference = jnp.take_along_axis(acts, reference_unit, axis=3)
    peaks = reference.max((1, 2), keepdims=True)
    compared = acts if rule.draw == "element" else reference
    shape = peaks.shape if rule.draw == "image" else compared.shape
    gammas = jax.random.uniform(key, shape, jnp.float32, rule.low, rule.high)
    return compared > gammas * peaks


def focused_dropout(
    key: Array,
    rule: FocusedDropout,
    participating: Bool[AnyArray, "B"],
    acts: Float[AnyArray, "B H W U"],
) -> Float[Array, "B H W U"]:
    """Activations with participating images reduced to their focus.

    What is kept is not rescaled; no gradient passes where something is dropped, and
    none through the choice of what is kept.

    Args:
        key: PRNG key, consumed; another for every batch and layer.
        rule: conventions.
        participating: what `participants` gave; other images stay as they are.
        acts: activations after the nonlinearity.

    Returns:
        Activations of the same type.

    Raises:
        BadInput: the rule cannot be followed.

    >>> acts = jnp.tile(jnp.array([1.0, 9.0]).reshape(1, 1, 2, 1), (2, 1, 1, 1))
    >>> one = jnp.array([True, False])
    >>> focused_dropout(jax.random.key(0), PAPER, one, acts).reshape(2, 2).tolist()
    [[0.0, 9.0], [1.0, 9.0]]
    """
    keep = (
        focus_mask(key, rule, acts) | ~jnp.asarray(participating)[:, None, None, None]
    )
    return jnp.where(keep, acts, 0)
