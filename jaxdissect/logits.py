"""Whether a classifier's outputs are logits, or something that is made of them.

Ablation and gradients take outputs [B K] for logits: numbers whose softmax are the
probabilities of the classes. The logarithms of probabilities are logits, too; the
probabilities themselves are not, and give numbers that look right and are too small.
"""

from collections.abc import Callable
from typing import Any, Literal

import jax
import numpy as np
from jaxtyping import Float

from jaxdissect.base import AnyArray
from jaxdissect.errors import BadInput

Kind = Literal[
    "logits",
    "log_softmax",
    "softmax",
    "rounded softmax",
    "shares",
    "heads",
    "bounded",
    "one output",
    "not finite",
]

REASONS: dict[str, str] = {
    "softmax": "probabilities: on every image they are in [0, 1] and sum to 1",
    "rounded softmax": "probabilities that sum to 1 only within their rounding",
    "shares": "not negative and have the same sum on every image, as probabilities of "
    "several heads or in another unit have",
    "heads": "logarithms of probabilities of several heads: the sum of their "
    "exponentials is the same whole number above 1 on every image",
    "bounded": "all in [0, 1] and do not sum to 1, as a sigmoid gives for classes that "
    "do not exclude each other",
    "one output": "a single number for each image, and classes are two or more",
    "not finite": "not finite",
}
"""What outputs are that are no logits; by `Kind`."""

TOLERANCE = 1e-4
"""Of sums of probabilities in float32."""

ROUGH = 0.03
"""Of sums of probabilities that were rounded to half precision."""

MOST_HEADS = 16
"""That are looked for."""


def kind_of(*outputs: Float[AnyArray, "_ K"]) -> Kind:
    """What all outputs can be taken for; the least that explains them.

    Logits may look like probabilities by accident, on some images: give outputs for
    others, too, best for images far from all that are usual. A kind is told only if all
    of them agree, else they are logits.

    Args:
        *outputs: on different images; the first must be finite, rows that are not are
            left out of the others.

    >>> kind_of(np.array([[0.5, 0.5]])), kind_of(np.array([[2.0, -1.0]]))
    ('softmax', 'logits')
    >>> kind_of(np.array([[0.5, 0.5]]), np.array([[2.5, 0.5]]))
    'logits'
    >>> kind_of(np.log([[0.25, 0.75]])), kind_of(np.array([[0.9, 0.8], [0.2, 0.1]]))
    ('log_softmax', 'bounded')
    """
    first, *others = (np.asarray(each).astype(np.float64) for each in outputs)
    if not np.isfinite(first).all():
        # The logarithm of a probability that is rounded to 0.
        zeros = np.isfinite(first).any(-1).all() and (first <= TOLERANCE).all()
        return "log_softmax" if zeros and _are_logarithms(first) else "not finite"
    if first.shape[-1] < 2:
        return "one output"
    more = [each[np.isfinite(each).all(-1)] for each in others]
    return _kind(np.concatenate([first, *more]))


def check_logits(
    outputs: Float[AnyArray, "B K"],
    elsewhere: Callable[[], Any] | None = None,
    *,
    source: str = "`tail`",
) -> None:
    """Refuse outputs that are no logits.

    Args:
        outputs: of a network or a tail, on a batch.
        elsewhere: () -> its outputs on other images or activations, such as three times
            these plus one; asked only where the outputs themselves look suspicious.
        source: what gives them, for the message.

    Raises:
        BadInput: they are probabilities, sigmoids, a single output or several heads.
            Outputs that are not finite are left to the caller.

    >>> check_logits(np.array([[2.0, -1.0]]))
    >>> check_logits(np.array([[0.25, 0.75]]))
    Traceback (most recent call last):
    jaxdissect.errors.BadInput: `tail` gives outputs that are probabilities: on every \
image they are in [0, 1] and sum to 1; logits are needed, what comes before a softmax
    """
    kind = kind_of(outputs)
    if kind in REASONS and kind not in ("not finite", "one output") and elsewhere:
        kind = kind_of(outputs, elsewhere())
    if kind in REASONS and kind != "not finite":
        raise BadInput(
            f"{source} gives outputs that are {REASONS[kind]}; logits are needed, what "
            "comes before a softmax"
        )


def check_tail(tail: Callable[..., Any], params: Any, acts: Any) -> None:
    """Refuse a tail whose outputs are no logits; the check of all calls and commands.

    Args:
        tail: (params, acts) -> outputs [B K].
        params: the network's parameters.
        acts: activations or images, or a pytree of them.

    Raises:
        BadInput: as `check_logits`.

    >>> check_tail(lambda params, acts: acts.sum((1, 2)), {}, np.eye(2)[:, None, None])
    >>> tail = lambda params, acts: jax.nn.softmax(acts.sum((1, 2)))
    >>> check_tail(tail, {}, np.eye(2)[:, None, None])
    Traceback (most recent call last):
    jaxdissect.errors.BadInput: `tail` gives outputs that are probabilities: on every \
image they are in [0, 1] and sum to 1; logits are needed, what comes before a softmax
    """
    compiled = jax.jit(tail)
    check_logits(compiled(params, acts), lambda: compiled(params, elsewhere(acts)))


def elsewhere(acts: Any) -> Any:
    """Activations far from the given ones: three times them, plus one."""
    return jax.tree.map(lambda a: 3 * a + 1, acts)


def _kind(rows: Float[np.ndarray, "B K"]) -> Kind:
    sums, positive = rows.sum(-1), (rows >= 0).all()
    if positive and (rows <= 1 + TOLERANCE).all():
        away = abs(sums - 1).max()
        if away <= TOLERANCE:
            return "softmax"
        if away <= ROUGH:
            return "rounded softmax"
    if _are_logarithms(rows):
        return "log_softmax"
    if not np.ptp(rows, axis=0).any():
        return "logits"  # of a single image, or the same on all: they could be anything
    exponentials = _exponentials(rows)
    whole = np.rint(exponentials[0])
    if 1 < whole <= MOST_HEADS and (abs(exponentials / whole - 1) <= TOLERANCE).all():
        return "heads"
    if positive and sums[0] > 0 and np.ptp(sums) <= TOLERANCE * sums[0]:
        return "shares"
    return "bounded" if positive and (rows <= 1).all() else "logits"


def _are_logarithms(rows: Float[np.ndarray, "B K"]) -> bool:
    """Whether they are of probabilities that sum to 1."""
    return bool((abs(_exponentials(rows) - 1) <= TOLERANCE).all())


def _exponentials(rows: Float[np.ndarray, "B K"]) -> Float[np.ndarray, "B"]:
    """Their sums; of large numbers only large."""
    return np.exp(np.minimum(rows, 50)).sum(-1)
