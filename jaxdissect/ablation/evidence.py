"""Which drops are real: paired intervals and tests on the effects of edits."""

import numpy as np
from jax import Array
from jaxtyping import Float, Int

from jaxdissect.ablation.effects import Effects
from jaxdissect.intervals import Interval, change_interval, mean_interval
from jaxdissect.significance import false_discovery, mcnemar


def top1_interval(key: Array, effects: Effects, *, level: float = 0.95) -> Interval:
    """Paired bootstrap interval of every edit's drop of top-1 accuracy, [N] each.

    Args:
        key: PRNG key, consumed.
        effects: of N edits.
        level: of confidence, in (0, 1).

    >>> import jax
    >>> from jaxdissect.ablation import Answers, tally
    >>> effects = tally(
    ...     Answers(np.array([0, 1]), np.zeros(2)), np.array([0, 1]),
    ...     np.array([0]), np.array([1]), Answers(np.array([0]), np.array([-1.0])),
    ...     num_edits=1, num_classes=2)
    >>> top1_interval(jax.random.key(0), effects).low.tolist()
    [0.0]
    """
    # A drop is a gain with its sides exchanged.
    return change_interval(
        key,
        effects.lost.sum(-1, keepdims=True),
        effects.gained.sum(-1, keepdims=True),
        effects.base.true.sum(keepdims=True),
        np.ones(1),
        level=level,
    )


def balanced_interval(
    key: Array,
    effects: Effects,
    edits: Int[np.ndarray, "*N"],
    classes: Int[np.ndarray, "*N"],
    *,
    level: float = 0.95,
) -> Interval:
    """Paired bootstrap intervals of drops of balanced accuracy.

    Images are resampled among those of the class and among the others, separately.

    Args:
        key: PRNG key, consumed.
        effects: of N edits.
        edits: which edits.
        classes: which class's accuracy, for each of them.
        level: of confidence, in (0, 1).

    >>> import jax
    >>> from jaxdissect.ablation import Answers, tally
    >>> effects = tally(
    ...     Answers(np.array([0, 1]), np.zeros(2)), np.array([0, 1]),
    ...     np.array([0]), np.array([1]), Answers(np.array([0]), np.array([-1.0])),
    ...     num_edits=1, num_classes=2)
    >>> balanced_interval(jax.random.key(0), effects, np.array([0]), np.array([1])).high
    array([0.5])
    """
    lost, gained, intruding, withdrawn = (
        field[edits, classes]
        for field in (
            effects.lost,
            effects.gained,
            effects.intruding,
            effects.withdrawn,
        )
    )
    number = effects.base.true[classes]
    return change_interval(
        key,
        np.stack([lost, intruding], -1),
        np.stack([gained, withdrawn], -1),
        np.stack([number, effects.base.true.sum() - number], -1),
        np.full(2, 0.5),
        level=level,
    )


def log_probability_interval(effects: Effects, *, level: float = 0.95) -> Interval:
    """Student's t interval of every class's mean drop of log-probability, [N K], nats.

    Raises:
        BadInput: a class with fewer than two images.
    """
    return mean_interval(
        effects.drop, effects.drop_squared, effects.base.true, level=level
    )


def changes_answers(effects: Effects) -> Float[np.ndarray, "N K"]:
    """How surely an edit changes a class's right answers, to more or to fewer.

    Exact McNemar p-values of (lost, gained), two-sided, adjusted for looking at all
    edits and classes at once: calling everything up to q a discovery makes at most a
    share q of false discoveries on average.

    Returns:
        Adjusted p-values; compare with the rate you accept, such as .05.

    Reference:
        McNemar, Psychometrika 1947; Benjamini and Hochberg, J. R. Stat. Soc. B 1995.
    """
    return false_discovery(mcnemar(effects.lost, effects.gained))
