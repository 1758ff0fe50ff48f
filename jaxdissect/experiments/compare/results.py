"""Importance of single units across trainings: with and without BatchNorm, dropout,
and in rotated axes.

After Zhou et al., Revisiting the importance of individual units in CNNs, 2018, and
Morcos et al., On the importance of single directions for generalization, ICLR 2018.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from jaxdissect import ablation, metrics
from jaxdissect.ablation import Effects, UnitAttributes
from jaxdissect.ablation.layer_effects import FALSE_DISCOVERIES, class_shares
from jaxdissect.experiments.compare import figures
from jaxdissect.intervals import spearman
from jaxdissect.pages.tables import Cell, Table
from jaxdissect.plots.figure import Figure


class Axes(NamedTuple):
    """Units of a layer, or directions of it; drops are fractions, on reporting images.

    Attributes:
        overall: [U] drop of top-1.
        worst: [U] drop of balanced accuracy of the class that, on the ranking images,
            needs the unit most.
        overall_nats: [U] drop of mean log-probability.
        worst_nats: [U] the same of that class.
        significant: [U] whether the answers about some class change beyond chance.
        selectivity: [U] class selectivity.
        correlation: [U] highest correlation with the probability of a class.
        frequency: [U] share of images on which the unit is active.
        mean_peak: [U] mean peak activation.
    """

    overall: Float[np.ndarray, "U"]
    worst: Float[np.ndarray, "U"]
    overall_nats: Float[np.ndarray, "U"]
    worst_nats: Float[np.ndarray, "U"]
    significant: Bool[np.ndarray, "U"]
    selectivity: Float[np.ndarray, "U"]
    correlation: Float[np.ndarray, "U"]
    frequency: Float[np.ndarray, "U"]
    mean_peak: Float[np.ndarray, "U"]


class Training(NamedTuple):
    """One trained network.

    Attributes:
        batch_norm: whether it has BatchNorm.
        dropout: its rate.
        seed: of the training.
        top1: accuracy on the reporting images.
        l1: [U] norm of the incoming weights.
        units: the units.
        rotated: the layer in random rotations.
        counts: [n] units removed, from none to all.
        removal: [R n] top-1 in random orders.
    """

    batch_norm: bool
    dropout: float
    seed: int
    top1: float
    l1: Float[np.ndarray, "U"]
    units: Axes
    rotated: list[Axes]
    counts: Int[np.ndarray, "n"]
    removal: Float[np.ndarray, "R n"]


def axes(ranked: Effects, known: UnitAttributes, reported: Effects) -> Axes:
    """What single directions cost, and what is known of them.

    Args:
        ranked: effects on the ranking images, which choose each unit's class.
        known: attributes on the ranking images.
        reported: effects on the reporting images.
    """
    drops = ablation.drops(reported)
    needs = ablation.drops(ranked).log_probability.argmax(1)
    unit = np.arange(len(needs))
    return Axes(
        overall=drops.top1,
        worst=drops.balanced[unit, needs],
        overall_nats=drops.log_probability @ class_shares(reported),
        worst_nats=drops.log_probability[unit, needs],
        significant=np.any(ablation.changes_answers(reported) <= FALSE_DISCOVERIES, 1),
        selectivity=known.selectivity,
        correlation=known.class_correlation.max(1),
        frequency=known.frequency,
        mean_peak=known.mean_peak,
    )


def training(
    *,
    batch_norm: bool,
    dropout: float,
    seed: int,
    weights: Float[np.ndarray, "U"],
    axes: Axes,
    rotated: list[Axes],
    removals: Effects,
    steps: Sequence[int],
) -> Training:
    """Put one training's measurements together.

    Args:
        batch_norm: whether it has BatchNorm.
        dropout: its rate.
        seed: of the training.
        weights: L1 norms of incoming weights.
        axes: the units.
        rotated: the layer in random rotations.
        removals: effects of removing `steps` units in several random orders.
        steps: how many units, from none to all.
    """
    top1 = metrics.top1(ablation.edited_counts(removals)).reshape(-1, len(steps))
    return Training(
        batch_norm=batch_norm,
        dropout=dropout,
        seed=seed,
        top1=metrics.top1(removals.base).item(),
        l1=weights,
        units=axes,
        rotated=rotated,
        counts=np.asarray(steps),
        removal=top1,
    )


def regime(training: Training) -> str:
    """How a training is called: by what sets it apart from others.

    >>> regime(Training(True, 0.3, 0, *[None] * 6))
    'BatchNorm, dropout 0.3'
    """
    names = ["BatchNorm" if training.batch_norm else "no BatchNorm"]
    return ", ".join(names + [f"dropout {training.dropout:g}"] * (training.dropout > 0))


def numbers(t: Training) -> dict[str, Any]:
    """One training in numbers; drops in points, Spearman's rho with drops in nats."""
    units, turned = t.units, t.rotated
    area = ablation.removal_area(t.counts, t.removal).mean().item()
    known = {
        "selectivity": units.selectivity,
        "L1 norm": t.l1,
        "class correlation": units.correlation,
        "frequency": units.frequency,
        "mean peak": units.mean_peak,
    }
    return {
        "regime": regime(t),
        "seed": t.seed,
        "top-1": 100 * t.top1,
        "overall drop": 100 * units.overall.mean().item(),
        "largest overall drop": 100 * units.overall.max().item(),
        "worst-class drop": 100 * units.worst.mean().item(),
        "units that matter": units.significant.mean().item(),
        "selectivity": units.selectivity.mean().item(),
        "rotated: overall drop": 100 * _mean(turned, "overall"),
        "rotated: worst-class drop": 100 * _mean(turned, "worst"),
        "rotated: directions that matter": _mean(turned, "significant"),
        "rotated: selectivity": _mean(turned, "selectivity"),
        "area": area,
        "area relative to top-1": area / t.top1,
        **{
            f"{name} ~ {drop} log-probability": spearman(
                values, getattr(units, field)
            ).item()
            for name, values in known.items()
            for drop, field in (("overall", "overall_nats"), ("class", "worst_nats"))
        },
    }


def table(measured: Sequence[Training]) -> Table:
    """One row per training."""
    rows = [numbers(t) for t in measured]
    cells: list[list[Cell]] = [list(row.values()) for row in rows]
    return Table(list(rows[0]), cells)


def figures_of(measured: Sequence[Training]) -> dict[str, Figure]:
    """Every training by regime, and accuracy as units go in random orders."""
    rows = [numbers(t) for t in measured]
    shown = (
        "top-1",
        "overall drop",
        "worst-class drop",
        "rotated: worst-class drop",
        "selectivity",
        "rotated: selectivity",
        "selectivity ~ class log-probability",
        "area relative to top-1",
    )
    regimes = list(dict.fromkeys(row["regime"] for row in rows))
    values = {
        name: {
            r: np.array([row[name] for row in rows if row["regime"] == r])
            for r in regimes
        }
        for name in shown
    }
    curves = {
        r: np.concatenate([t.removal for t in measured if regime(t) == r])
        for r in regimes
    }
    fractions = measured[0].counts / measured[0].counts[-1]
    chance = float(measured[0].removal[:, -1].mean())
    return {
        "regimes": figures.regime_figure(values, title="Trainings by regime"),
        "cumulative_removal": figures.cumulative_figure(fractions, curves, chance),
    }


def _mean(turned: Sequence[Axes], field: str) -> float:
    return np.mean([getattr(a, field).mean() for a in turned]).item()
