"""What an attack is after, as margins between logits."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, Int

Goal = Callable[[Array, Array], Array]
"""(logits [B K], classes [B]) -> margins [B], positive where the attack succeeds."""


def towards(logits: Float[Array, "B K"], classes: Int[Array, "B"]) -> Float[Array, "B"]:
    """The goal of a targeted attack: how far the class is above all others.

    >>> towards(jnp.array([[3.0, 1.0, 0.0]]), jnp.array([1])).tolist()
    [-2.0]
    """
    asked = jax.nn.one_hot(classes, logits.shape[-1], dtype=bool)
    own = jnp.where(asked, logits, -jnp.inf).max(-1)
    return own - jnp.where(asked, -jnp.inf, logits).max(-1)


def away_from(
    logits: Float[Array, "B K"], classes: Int[Array, "B"]
) -> Float[Array, "B"]:
    """The goal of an untargeted attack: how far some other class is above this one.

    >>> away_from(jnp.array([[3.0, 1.0, 0.0]]), jnp.array([1])).tolist()
    [2.0]
    """
    return -towards(logits, classes)
