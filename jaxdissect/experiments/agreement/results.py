"""Whether what is known of units without removing them predicts what removal costs."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import jax
import numpy as np
from jax import Array
from jaxtyping import Float

from jaxdissect import ablation, gradients
from jaxdissect.ablation.layer_effects import class_shares
from jaxdissect.intervals import (
    RankCorrelation,
    bootstrap_mean,
    rank_correlation,
    spearman,
)

NUM_DRAWS = 1000
"""Resamples of units behind each interval of one class."""

ATTRIBUTES = "attribute"
MEASURED = "measured by removal"


class Predictor(NamedTuple):
    """What might tell what removing a unit costs a class.

    Attributes:
        kind: "gradient of the ..." one of the scores, an attribute, or measured by
            removal on other images.
        name: which of its kind.
        values: [U K] of every unit for every class.
    """

    kind: str
    name: str
    values: Float[np.ndarray, "U K"]


class Measure(NamedTuple):
    """What removing each unit did.

    Attributes:
        name: what is measured.
        by_class: [U K] to each class.
        overall: [U] to all classes.
        read: how predictors of it are read: as they are, or by their size.
    """

    name: str
    by_class: Float[np.ndarray, "U K"]
    overall: Float[np.ndarray, "U"]
    read: Callable[[np.ndarray], np.ndarray]


class Agreement(NamedTuple):
    """Spearman's correlations of a predictor with a measure, over units.

    Attributes:
        kind: of the predictor.
        name: of the predictor.
        measure: its name.
        mean: over classes; its ends are those of the 95 % interval over classes.
        overall: of the predictor's mean over classes with what removal costs over all
            images; intervals over units, as in `classes`.
        classes: [K] of each class.
    """

    kind: str
    name: str
    measure: str
    mean: RankCorrelation
    overall: RankCorrelation
    classes: list[RankCorrelation]


def asked_of_gradients(score: str, found: gradients.ClassGradients) -> list[Predictor]:
    """What the gradients of a score say of each unit.

    Args:
        score: what the gradients are of.
        found: averages of {"gradient": [B H W U], "drop": its `first_order_drops`, as
            [B 1 1 U]}.

    Reference:
        Lo, Cohen and Ding, FG 2015 (norms); Molchanov et al., ICLR 2017 (times the
        activation).
    """
    values = {
        "norm of the mean": gradients.filter_scores(found.mean["gradient"]),
        "mean of norms": found.mean_scores["gradient"],
        "times activation": found.mean["drop"][:, 0, 0],
        "times activation, size": found.mean_scores["drop"],
    }
    kind = f"gradient of the {score.replace('_', '-')}"
    return [
        Predictor(kind, name, np.asarray(v, np.float64).T) for name, v in values.items()
    ]


def known_of_units(
    of: ablation.UnitAttributes, others: Mapping[str, Float[np.ndarray, "U"]]
) -> list[Predictor]:
    """Attributes of the units, class by class where they have such.

    Args:
        of: the attributes.
        others: {name: what else is known of every unit}.
    """
    shape = of.class_means.shape
    values = {
        "class correlation": of.class_correlation,
        "mean activation on the class": of.class_means,
        "mean activation": of.mean,
        "mean peak": of.mean_peak,
        "frequency": of.frequency,
        "class selectivity": of.selectivity,
        **others,
    }
    return [
        Predictor(ATTRIBUTES, name, _of_classes(v, shape)) for name, v in values.items()
    ]


def measured_before(drops: ablation.Drops) -> list[Predictor]:
    """What removal cost on other images: as well as anything can predict it."""
    return [
        Predictor(MEASURED, "log-probability drop", drops.log_probability),
        Predictor(MEASURED, "balanced-accuracy drop", drops.balanced),
    ]


def measures(ranked: ablation.Effects, reported: ablation.Effects) -> list[Measure]:
    """What removing single units cost, read in four ways.

    Accuracy is a class's balanced accuracy, and overall top-1.

    Args:
        ranked: on the images that predictors are of; there the log-probability drop
            predicts itself.
        reported: on other images.
    """
    drops, share = ablation.drops(reported), class_shares(reported)
    nats, same = drops.log_probability, ablation.drops(ranked).log_probability
    overall = same @ class_shares(ranked)
    return [
        Measure("log-probability", nats, nats @ share, np.asarray),
        Measure("log-probability, size", abs(nats), abs(nats @ share), np.abs),
        Measure("accuracy", drops.balanced, drops.top1, np.asarray),
        Measure("log-probability, same images", same, overall, np.asarray),
    ]


def agreements(
    key: Array, predictors: Sequence[Predictor], measures: Sequence[Measure]
) -> list[Agreement]:
    """Every predictor with every measure.

    Args:
        key: PRNG key, consumed.
        predictors: on some images.
        measures: on others.

    >>> rising = np.outer(np.arange(4.0), [1.0, -1.0])
    >>> predictor = Predictor(ATTRIBUTES, "frequency", np.abs(rising))
    >>> measure = Measure("drop", rising, np.abs(rising[:, 0]), np.asarray)
    >>> (found,) = agreements(jax.random.key(0), [predictor], [measure])
    >>> [of_class.value for of_class in found.classes], found.overall.value
    ([1.0, -1.0], 1.0)
    """
    pairs = [(p, m) for m in measures for p in predictors]
    keys = jax.random.split(key, len(pairs))
    return [_agreement(k, *pair) for k, pair in zip(keys, pairs, strict=True)]


def _agreement(key: Array, predictor: Predictor, measure: Measure) -> Agreement:
    key_mean, key_overall, key_classes = jax.random.split(key, 3)
    values = measure.read(predictor.values)
    overall = measure.read(predictor.values.mean(1))
    each = spearman(values.T, measure.by_class.T)
    ends = bootstrap_mean(key_mean, each)
    keys = jax.random.split(key_classes, len(each))
    return Agreement(
        *predictor[:2],
        measure.name,
        RankCorrelation(each.mean().item(), ends.low.item(), ends.high.item()),
        _correlation(key_overall, overall, measure.overall),
        [
            _correlation(k, *columns)
            for k, *columns in zip(keys, values.T, measure.by_class.T, strict=True)
        ],
    )


def _correlation(key: Array, x, y) -> RankCorrelation:
    return rank_correlation(key, x, y, num_draws=NUM_DRAWS)


def _of_classes(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    return np.broadcast_to(values.reshape(shape[0], -1), shape)
