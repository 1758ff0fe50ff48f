"""Everything an ablation of one layer found, with intervals and tests."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import jax
import numpy as np
from jax import Array
from jaxtyping import Bool, Float, Int

from jaxdissect import ablation, metrics
from jaxdissect.ablation import Drops, Effects, RemovalCurves
from jaxdissect.intervals import Interval, rank_correlation

FALSE_DISCOVERIES = 0.05
"""Share of false ones among the changes called significant."""


class LayerEffects(NamedTuple):
    """What the units of a layer do: ranked on some images, reported on others.

    Attributes:
        classes: [K] names.
        costs: [U K] what each class loses without each unit, on the ranking images.
        orders: [K U] units by these costs.
        worst: [U] the class that loses most, by these costs.
        units: effects of every single unit, on the reporting images.
        drops: what they cost.
        top1: intervals of the drops of top-1, [U].
        balanced: intervals of the drops of balanced accuracy, [U K].
        nats: intervals of the drops of log-probability, [U K].
        p_adjusted: [U K] of the test that the class's answers change.
        significant: [U K] whether they do beyond chance.
        curves: accuracies while units go, on the reporting images.
        curve_effects: the effects behind them.
        attributes: {name: [U]} what is known of the units without ablating them.
        labels: [U] what each unit looks for; empty where that is not known.
    """

    classes: tuple[str, ...]
    costs: Float[np.ndarray, "U K"]
    orders: Int[np.ndarray, "K U"]
    worst: Int[np.ndarray, "U"]
    units: Effects
    drops: Drops
    top1: Interval
    balanced: Interval
    nats: Interval
    p_adjusted: Float[np.ndarray, "U K"]
    significant: Bool[np.ndarray, "U K"]
    curves: RemovalCurves
    curve_effects: Effects
    attributes: Mapping[str, Float[np.ndarray, "U"]]
    labels: Sequence[str]


def layer_effects(
    key: Array,
    classes: tuple[str, ...],
    costs: Float[np.ndarray, "U K"],
    units: Effects,
    curve_effects: Effects,
    counts: Sequence[int],
    attributes: Mapping[str, Float[np.ndarray, "U"]],
    labels: Sequence[str],
) -> LayerEffects:
    """Put intervals and tests to what was measured.

    Args:
        key: PRNG key, consumed.
        classes: [K] names.
        costs: [U K] what each class loses without each unit, on other images.
        units: effects of single units.
        curve_effects: of removing units from `ablation.removal_orders` in `counts`.
        counts: how many units were removed.
        attributes: {name: [U]}.
        labels: [U].
    """
    key_top1, key_balanced = jax.random.split(key)
    every = np.indices(units.drop.shape)
    p_adjusted = ablation.changes_answers(units)
    return LayerEffects(
        classes=classes,
        costs=costs,
        orders=ablation.rank_units(costs),
        worst=costs.argmax(1),
        units=units,
        drops=ablation.drops(units),
        top1=ablation.top1_interval(key_top1, units),
        balanced=ablation.balanced_interval(key_balanced, units, *every),
        nats=ablation.log_probability_interval(units),
        p_adjusted=p_adjusted,
        significant=p_adjusted <= FALSE_DISCOVERIES,
        curves=ablation.removal_curves(ablation.edited_counts(curve_effects), counts),
        curve_effects=curve_effects,
        attributes=attributes,
        labels=labels,
    )


def worst_class_drops(
    effects: LayerEffects,
) -> dict[str, Float[np.ndarray, "U"]]:
    """What every unit's removal costs, overall and to the class it matters most to.

    The class was chosen on other images: the largest of K noisy drops would be a drop
    even where there is none.
    """
    unit = np.arange(len(effects.worst))
    share = class_shares(effects.units)
    return {
        "top-1": effects.drops.top1,
        "log-probability": effects.drops.log_probability @ share,
        "worst class, balanced accuracy": effects.drops.balanced[unit, effects.worst],
        "worst class, log-probability": effects.drops.log_probability[
            unit, effects.worst
        ],
    }


def class_shares(units: Effects) -> Float[np.ndarray, "K"]:
    """Each class's share of the images."""
    true = np.asarray(units.base.true, np.float64)
    return true / true.sum()


class Correlations(NamedTuple):
    """Spearman's correlations of attributes with measures, [A M] each."""

    attributes: list[str]
    measures: list[str]
    value: Float[np.ndarray, "A M"]
    low: Float[np.ndarray, "A M"]
    high: Float[np.ndarray, "A M"]


def correlations(
    key: Array,
    attributes: Mapping[str, Float[np.ndarray, "U"]],
    measures: Mapping[str, Float[np.ndarray, "U"]],
) -> Correlations:
    """How well what a unit is predicts what its removal does.

    Args:
        key: PRNG key, consumed.
        attributes: {name: [U]}.
        measures: {name: [U]}.

    Reference:
        Zhou et al., Revisiting the importance of individual units in CNNs, 2018; the
        measures and intervals are ours.

    >>> found = correlations(jax.random.key(0), {"selectivity": np.arange(9.0)},
    ...                      {"drop": np.arange(9.0) ** 2})
    >>> found.value.tolist()
    [[1.0]]
    """
    names = [(a, m) for a in attributes for m in measures]
    keys = jax.random.split(key, len(names))
    found = [
        rank_correlation(k, attributes[a], measures[m])
        for k, (a, m) in zip(keys, names, strict=True)
    ]
    shape = (len(attributes), len(measures))
    value, low, high = (
        np.array([f[i] for f in found]).reshape(shape) for i in range(3)
    )
    return Correlations(list(attributes), list(measures), value, low, high)


def hardest_hit(effects: LayerEffects, removed: int) -> int:
    """The class that its most important units matter most to, on the ranking images."""
    own = np.arange(len(effects.classes))[:, None]
    return int(effects.costs[effects.orders[:, :removed], own].sum(1).argmax())


def classes_served(orders: Int[np.ndarray, "K U"], top: int) -> Int[np.ndarray, "U"]:
    """In how many classes' `top` most important units each unit is.

    >>> classes_served(np.array([[1, 0, 2], [1, 2, 0]]), top=1).tolist()
    [0, 2, 0]
    """
    return np.bincount(orders[:, :top].ravel(), minlength=orders.shape[1])


class SetEffect(NamedTuple):
    """A class under a removal; fractions, the drop is that of balanced accuracy."""

    balanced: float
    drop: float
    low: float
    high: float
    recall: float
    top1: float


def set_effects_by_class(
    key: Array, effects: LayerEffects
) -> dict[str, dict[str, list[SetEffect]]]:
    """Every class while its own units go, most or least important first.

    Args:
        key: PRNG key, consumed.
        effects: of the layer.

    Returns:
        {class: {"most" or "least": effects at every count}}.
    """
    after = ablation.edited_counts(effects.curve_effects)
    drop = ablation.drops(effects.curve_effects).balanced
    balanced, recall = metrics.balanced_accuracy(after), metrics.recall(after)
    top1 = metrics.top1(after)
    steps, num_classes = len(effects.curves.counts), len(effects.classes)

    def of_order(key: Array, k: int, order: int) -> list[SetEffect]:
        edits = order * steps + np.arange(steps)
        own = np.full(steps, k)
        ends = ablation.balanced_interval(key, effects.curve_effects, edits, own)
        of_class = (balanced[edits, k], drop[edits, k], *ends, recall[edits, k])
        columns = (column.tolist() for column in (*of_class, top1[edits]))
        return [SetEffect(*row) for row in zip(*columns, strict=True)]

    found = {}
    for k, each in enumerate(jax.random.split(key, num_classes)):
        key_most, key_least = jax.random.split(each)
        found[effects.classes[k]] = {
            "most": of_order(key_most, k, k),
            "least": of_order(key_least, k, num_classes + k),
        }
    return found
