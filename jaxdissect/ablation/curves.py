"""Accuracy as more and more units go, in orders that matter and in random ones."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from jaxdissect import metrics
from jaxdissect.ablation.sweep import removal_keeps
from jaxdissect.metrics import ClassCounts

CountsUnder = Callable[[Float[np.ndarray, "N U"]], ClassCounts]
"""(keeps) -> counts under every edit, [N K] each; see `measure_edits`."""


class Curve(NamedTuple):
    """Accuracies while units go; leading axes are classes, and random orders if any.

    Attributes:
        balanced: [... n] balanced accuracy of the class the order belongs to.
        top1: [... n] accuracy over all classes.
    """

    balanced: Float[np.ndarray, "*K n"]
    top1: Float[np.ndarray, "*K n"]


class RemovalCurves(NamedTuple):
    """Accuracies of every class as units are removed.

    Attributes:
        counts: [n] units removed, increasing.
        most: [K n] the class's most important units first.
        least: [K n] its least important units first.
        random: [K R n] R random orders, the same ones for all classes.
    """

    counts: Int[np.ndarray, "n"]
    most: Curve
    least: Curve
    random: Curve


def removal_curves(
    counts_under: CountsUnder,
    rankings: Int[np.ndarray, "K U"],
    controls: Int[np.ndarray, "R U"],
    counts: Sequence[int],
) -> RemovalCurves:
    """Remove units from every class's ranking from both ends, and at random.

    Args:
        counts_under: evaluates edits, on other images than the rankings came from.
        rankings: from `rank_units`.
        controls: from `random_orders`.
        counts: how many units to remove, increasing.

    Returns:
        One curve per class and order.

    Reference:
        Bau et al., PNAS 2020, figure 2; the random control is ours.

    >>> def counts_under(keeps):  # a class is seen while unit 0 is there
    ...     seen = keeps[:, :1].astype(int)
    ...     return ClassCounts(seen, seen, np.ones_like(seen))
    >>> curves = removal_curves(
    ...     counts_under, np.array([[0, 1]]), np.array([[1, 0]]), [0, 1, 2])
    >>> curves.most.top1.tolist(), curves.least.top1.tolist()
    ([[1.0, 0.0, 0.0]], [[1.0, 1.0, 0.0]])
    """
    every = np.concatenate([rankings, rankings[:, ::-1], controls])
    keeps = np.concatenate([removal_keeps(order, counts) for order in every])
    counted = counts_under(keeps)
    shape = (len(every), len(counts), len(rankings))
    balanced = metrics.balanced_accuracy(counted).reshape(shape)
    top1 = metrics.top1(counted).reshape(shape[:2])
    own = np.arange(len(rankings))

    def of_class(rows) -> Curve:
        return Curve(balanced[rows, :, own], top1[rows])

    random = slice(2 * len(rankings), None)
    everywhere = np.broadcast_to(top1[random], (len(rankings), *top1[random].shape))
    return RemovalCurves(
        counts=np.asarray(counts),
        most=of_class(own),
        least=of_class(len(rankings) + own),
        random=Curve(np.moveaxis(balanced[random], -1, 0), everywhere),
    )
