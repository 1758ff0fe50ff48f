"""Which units a class depends on, and removing them in that order.

Rank on one set of images and report on another: units chosen because they hurt on some
images hurt less on others.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import numpy as np
from jax import Array
from jaxtyping import Float, Int

from jaxdissect import metrics
from jaxdissect.checking import (
    check_not_empty,
    check_number,
    check_real,
    check_shape,
)
from jaxdissect.metrics import ClassCounts


def rank_units(drops: Float[np.ndarray, "U K"]) -> Int[np.ndarray, "K U"]:
    """Order the units by how much the class loses without them.

    Args:
        drops: what each class loses without each unit, in any measure.

    Returns:
        For every class, unit numbers from the largest drop to the smallest (which may
        be a gain); ties in order of unit number.

    Raises:
        BadInput: no units, no classes, or a drop that is not finite.

    Reference:
        Bau et al., PNAS 2020, with balanced accuracy; the rule for ties is ours.

    >>> rank_units(np.array([[0.0], [0.3], [0.0]])).tolist()
    [[1, 0, 2]]
    """
    check_shape("drops", drops, "U K")
    check_not_empty("drops", drops, "U K")
    check_real("drops", drops)
    # Equal accuracies may differ in the last bit, as sums of different fractions.
    return np.argsort(-np.round(drops, 12), axis=0, kind="stable").T


def random_orders(
    key: Array, num_orders: int, num_units: int
) -> Int[np.ndarray, "R U"]:
    """Independent random orders of the units: the control for every ranking.

    Args:
        key: PRNG key, consumed.
        num_orders: R.
        num_units: U.

    >>> sorted(random_orders(jax.random.key(0), 1, 3)[0].tolist())
    [0, 1, 2]
    """
    check_number("num_orders", num_orders)
    check_number("num_units", num_units)
    keys = jax.random.split(key, num_orders)
    return np.asarray(jax.vmap(lambda k: jax.random.permutation(k, num_units))(keys))


class Curve(NamedTuple):
    """Accuracies while units go.

    Attributes:
        balanced: [R n K] balanced accuracy of every class, in every order.
        recall: [R n K] share of every class's images answered rightly.
        top1: [R n] accuracy over all classes.
    """

    balanced: Float[np.ndarray, "R n K"]
    recall: Float[np.ndarray, "R n K"]
    top1: Float[np.ndarray, "R n"]


class RemovalCurves(NamedTuple):
    """Accuracies as units are removed in R orders, in steps of n.

    A class's own curve is `most.balanced[k, :, k]`.

    Attributes:
        counts: [n] units removed, increasing.
        most: [K n ...] each class's most important units first.
        least: [K n ...] its least important units first; its end is what a class does
            with its few most important units alone.
        random: [R n ...] random orders.
    """

    counts: Int[np.ndarray, "n"]
    most: Curve
    least: Curve
    random: Curve


def removal_orders(
    rankings: Int[np.ndarray, "K U"], controls: Int[np.ndarray, "R U"]
) -> Int[np.ndarray, "R2 U"]:
    """The orders of `RemovalCurves`: K most first, K least first, R random.

    >>> removal_orders(np.array([[0, 1]]), np.array([[1, 0]])).tolist()
    [[0, 1], [1, 0], [1, 0]]
    """
    return np.concatenate([rankings, rankings[:, ::-1], controls])


def removal_curves(after: ClassCounts, counts: Sequence[int]) -> RemovalCurves:
    """Sort the answers after removing units from `removal_orders` into curves.

    Args:
        after: counts of predictions under `removal_keeps(order, counts)` of every order
            in turn, as `edited_counts` of effects or `knockout_counts` give them.
        counts: how many units were removed, increasing.

    Reference:
        Bau et al., PNAS 2020, figure 2; the random control is ours.

    >>> from jaxdissect.ablation import (
    ...     Examples, by_replaying, edited_counts, removal_keeps, set_effects)
    >>> from jaxdissect.streaming import accumulate
    >>> tail = by_replaying(lambda params, acts: acts[:, 0, 0])
    >>> orders = removal_orders(np.array([[0, 1], [1, 0]]), np.array([[1, 0]]))
    >>> keeps = np.concatenate([removal_keeps(order, [0, 1, 2]) for order in orders])
    >>> seen = Examples(np.eye(2, dtype=np.float32)[:, None, None], np.arange(2))
    >>> effects = accumulate(set_effects(tail, {}, keeps, num_classes=2), [seen])
    >>> curves = removal_curves(edited_counts(effects), [0, 1, 2])
    >>> curves.most.balanced[1, :, 1].tolist()
    [1.0, 0.5, 0.5]
    """
    num_classes = after.true.shape[-1]
    shape = (-1, len(counts))
    balanced = metrics.balanced_accuracy(after).reshape(*shape, num_classes)
    recall = metrics.recall(after).reshape(*shape, num_classes)
    top1 = metrics.top1(after).reshape(shape)

    def part(orders: slice) -> Curve:
        return Curve(balanced[orders], recall[orders], top1[orders])

    return RemovalCurves(
        counts=np.asarray(counts),
        most=part(slice(0, num_classes)),
        least=part(slice(num_classes, 2 * num_classes)),
        random=part(slice(2 * num_classes, None)),
    )


def removal_area(
    counts: Int[np.ndarray, "n"], top1: Float[np.ndarray, "R n"]
) -> Float[np.ndarray, "R"]:
    """Area under accuracy against the share of units removed, in [0, 1].

    Trapezoids between the counts measured; 1 is a network nothing can harm.

    Args:
        counts: units removed, from none to all, increasing.
        top1: accuracy at each of them.

    Reference:
        Morcos et al., On the importance of single directions for generalization,
        ICLR 2018.

    >>> removal_area(np.array([0, 1, 2]), np.array([[1.0, 1.0, 0.0]])).tolist()
    [0.75]
    """
    return np.trapezoid(top1, counts / counts[-1], axis=-1)
