"""All figures of one layer's ablation."""

from pathlib import Path

import numpy as np

from jaxdissect import metrics
from jaxdissect.ablation.layer_effects import (
    Correlations,
    LayerEffects,
    classes_served,
    hardest_hit,
    worst_class_drops,
)
from jaxdissect.plots import effect_figures, figures

MAX_PANELS = 40
"""Classes that get a panel; those that lose least to their first unit get none."""


def save_figures(
    folder: Path, effects: LayerEffects, found: Correlations, *, removed: int, top: int
) -> None:
    """Write every figure of a layer as PNG.

    Args:
        folder: where to.
        effects: of the layer.
        found: correlations of attributes with drops.
        removed: how many units are removed, or kept, in the figure of all classes.
        top: units that count as a class's most important ones.
    """
    drawn = {
        "overall_vs_worst_class": _scatter(effects),
        "removal_of_units": _one_class(effects, removed),
        "removal_of_units_by_class": _every_class(effects),
        "classes": _classes(effects, removed),
        "correlations": effect_figures.correlation_matrix(
            found.value, found.low, found.high, found.attributes, found.measures
        ),
    }
    if "IoU" in effects.attributes:
        served = classes_served(effects.orders, top)
        drawn["iou_by_classes_served"] = effect_figures.service_figure(
            effects.attributes["IoU"], served, top=top
        )
    for name, figure in drawn.items():
        figures.save(figure, folder / f"{name}.png")


def _scatter(effects: LayerEffects):
    costs = worst_class_drops(effects)
    worst = [effects.classes[k] for k in effects.worst]
    return figures.drop_scatter(
        costs["top-1"],
        costs["worst class, balanced accuracy"],
        worst,
        effects.labels,
        drop_name="balanced-accuracy drop of that class (points)",
    )


def _own(effects: LayerEffects):
    """Balanced accuracies [K n], [K R n], [K n] of every class in its own orders."""
    own, curves = np.arange(len(effects.classes)), effects.curves
    return (
        curves.most.balanced[own, :, own],
        np.moveaxis(curves.random.balanced, -1, 0),
        curves.least.balanced[own, :, own],
    )


def _one_class(effects: LayerEffects, removed: int):
    most, random, least = _own(effects)
    counts = effects.curves.counts
    k = hardest_hit(effects, removed)
    return figures.removal_curves(
        counts, most[k], random[k], least[k], effects.classes[k], most[k, 0].item()
    )


def _every_class(effects: LayerEffects):
    """A panel for each class; of many, for those that need their units most."""
    base = metrics.balanced_accuracy(effects.units.base)
    own = np.arange(len(effects.classes))
    needs = effects.costs[effects.orders[:, 0], own]
    shown = np.sort(np.argsort(-needs, kind="stable")[:MAX_PANELS])
    most, random, least = (curves[shown] for curves in _own(effects))
    names = [effects.classes[k] for k in shown]
    return figures.removal_grid(
        effects.curves.counts, most, random, least, names, base[shown]
    )


def _classes(effects: LayerEffects, removed: int):
    most, _, least = _own(effects)
    counts = effects.curves.counts.tolist()
    return effect_figures.class_scatter(
        most[:, 0],
        most[:, counts.index(removed)],
        least[:, counts.index(counts[-1] - removed)],
        effects.classes,
        num_removed=removed,
        num_kept=removed,
    )
