"""Accuracy as more and more units go, in orders that matter and in random ones."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from jaxdissect.ablation.sweep import removal_keeps

BalancedUnder = Callable[[Float[np.ndarray, "N U"]], Float[np.ndarray, "N K"]]
"""(keeps) -> balanced accuracy of every class under every edit."""


class RemovalCurves(NamedTuple):
    """Balanced accuracy of every class as units are removed.

    Attributes:
        counts: [n] units removed, increasing from 0 to U.
        most: [K n] the class's most important units first.
        least: [K n] its least important units first.
        random: [K R n] R random orders, the same ones for all classes.
    """

    counts: Int[np.ndarray, "n"]
    most: Float[np.ndarray, "K n"]
    least: Float[np.ndarray, "K n"]
    random: Float[np.ndarray, "K R n"]


def removal_curves(
    balanced_under: BalancedUnder,
    orders: Int[np.ndarray, "K U"],
    random_orders: Int[np.ndarray, "R U"],
    counts: Sequence[int],
) -> RemovalCurves:
    """Remove units from every class's ranking from both ends, and at random.

    Args:
        balanced_under: evaluates edits, on other images than `orders` came from.
        orders: from `rank_units`.
        random_orders: the control, from `random_orders`.
        counts: how many units to remove, increasing.

    Returns:
        One curve per class and order.

    Reference:
        Bau et al., PNAS 2020, figure 2; the random control is ours.

    >>> curves = removal_curves(
    ...     lambda keeps: keeps[:, :1] / 2 + 0.5,
    ...     np.array([[0, 1]]), np.array([[1, 0]]), [0, 1, 2])
    >>> curves.most.tolist(), curves.least.tolist()
    ([[1.0, 0.5, 0.5]], [[1.0, 1.0, 0.5]])
    """
    num_classes = len(orders)
    every = np.concatenate([orders, orders[:, ::-1], random_orders])
    keeps = np.concatenate([removal_keeps(order, counts) for order in every])
    balanced = balanced_under(keeps).reshape(len(every), len(counts), num_classes)
    own = np.arange(num_classes)
    return RemovalCurves(
        counts=np.asarray(counts),
        most=balanced[own, :, own],
        least=balanced[num_classes + own, :, own],
        random=np.moveaxis(balanced[2 * num_classes :], -1, 0),
    )
