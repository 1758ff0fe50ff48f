"""Asking the units of a layer about a picture, with gradients."""

import difflib
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from jaxdissect.base import AnyArray, Params, Tail
from jaxdissect.errors import BadInput
from jaxdissect.gradients import first_order_drops, prediction_gradients
from jaxdissect.runs.scores import SCORES

MEMORY_BYTES = 2**31
"""What asking about one picture may take, as if no array were freed."""


class Head(NamedTuple):
    """What comes after the layer that is asked.

    Attributes:
        tail: (params, acts [B H W U]) -> logits [B K]; the same object every time, as
            it is compiled.
        params: of the network.
        classes: [K] names.
    """

    tail: Tail
    params: Params
    classes: tuple[str, ...]


class Statement(NamedTuple):
    """What a layer tells a class on one picture.

    Attributes:
        number: of the class.
        probability: of it.
        logit: of it.
        contributions: [H W U] gradient x activation.
        drops: [U] these, summed over positions.
    """

    number: int
    probability: float
    logit: float
    contributions: Float[np.ndarray, "H W U"]
    drops: Float[np.ndarray, "U"]

    def speakers(self, most: int) -> tuple[list[int], list[int]]:
        """Units for the class, and against it; the strongest first."""
        order = np.argsort(-self.drops, kind="stable")
        speaking = order[self.drops[order] > 0][:most]
        opposing = order[self.drops[order] < 0][::-1][:most]
        return speaking.tolist(), opposing.tolist()

    def shares(self) -> Float[np.ndarray, "U"]:
        """[U] each unit's part of all that speaks for the class, or against it."""
        speaking, opposing = (np.maximum(d, 0) for d in (self.drops, -self.drops))
        return speaking / (speaking.sum() or 1.0) + opposing / (opposing.sum() or 1.0)


def class_numbers(names: Sequence[str], classes: Sequence[str]) -> list[int]:
    """Numbers of the classes named, each once.

    Raises:
        BadInput: one that is none.

    >>> class_numbers(["farm", "farm"], ["beach", "farm"])
    [1]
    """
    for name in names:
        if name not in classes:
            close = difflib.get_close_matches(name, classes, n=1)
            near = f"did you mean {close[0]}?" if close else f"such as {classes[0]}"
            raise BadInput(
                f"`classes` has {name!r}, which is none of the {len(classes)} classes "
                f"of the network; {near}"
            )
    return list(dict.fromkeys(classes.index(name) for name in names))


def statements(
    head: Head, acts: Float[AnyArray, "1 H W U"], asked: Sequence[int], score: str
) -> tuple[Float[np.ndarray, "K"], list[Statement]]:
    """Ask a layer about classes.

    Args:
        head: what comes after it.
        acts: on one picture.
        asked: numbers of classes; empty for the one predicted and the runner-up.
        score: of `scoring.SCORES`.

    Returns:
        Probabilities of all classes, and what each one asked about is told.

    Raises:
        BadInput: the network's outputs are not finite.
    """
    with jax.default_matmul_precision("highest"):
        outputs = np.asarray(_outputs(head.tail, head.params, acts), np.float64)[0]
        if not np.isfinite(outputs).all():
            raise BadInput("the network's outputs are not finite on one of `images`")
        odds = np.exp(outputs - outputs.max())
        chances = odds / odds.sum()
        numbers = list(asked) or np.argsort(-outputs, kind="stable")[:2].tolist()
        gradients = prediction_gradients(
            *(head.tail, head.params, acts, np.array(numbers)),
            score=SCORES[score],
            memory_bytes=MEMORY_BYTES,
        )[:, 0]
        acts = jnp.broadcast_to(acts, gradients.shape)
        maps = np.asarray(gradients * acts)
        drops = np.asarray(first_order_drops(gradients, acts))
    return chances, [
        Statement(number, float(chances[number]), float(outputs[number]), *said)
        for number, *said in zip(numbers, maps, drops, strict=True)
    ]


_outputs = jax.jit(lambda tail, params, acts: tail(params, acts), static_argnums=0)
