"""What an ablation found, as numbers and as sentences."""

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
from jax import Array

from jaxdissect import metrics
from jaxdissect.ablation.layer_effects import (
    Correlations,
    LayerEffects,
    SetEffect,
    classes_served,
    hardest_hit,
    worst_class_drops,
)
from jaxdissect.intervals import Interval, bootstrap_mean, rank_correlation

NEAR_CHANCE = 0.55
"""Balanced accuracy below which a class counts as gone; chance is .5."""


def summarize(
    key: Array,
    effects: LayerEffects,
    by_class: dict[str, dict[str, list[SetEffect]]],
    found: Correlations,
    *,
    removed: int,
    top: int,
) -> dict[str, Any]:
    """The figures that tell the story; drops are in points (percent of accuracy).

    Args:
        key: PRNG key, consumed.
        effects: of the layer.
        by_class: {class: {order: effects at every count}}.
        found: correlations of attributes with drops.
        removed: how many units to remove at once, one of the curves' counts.
        top: units that count as a class's most important ones.
    """
    key_removal, key_served = jax.random.split(key)
    units, costs = effects.units, worst_class_drops(effects)
    pairs = units.evaluated.item() / (len(effects.worst) * units.base.true.sum().item())
    at = effects.curves.counts.tolist().index(removed)
    keeping = [_keeping(effects, orders, removed) for orders in by_class.values()]
    hardest = effects.classes[hardest_hit(effects, removed)]
    return {
        "units": len(effects.worst),
        "images": units.base.true.sum().item(),
        "top1": metrics.top1(units.base).item(),
        "balanced_accuracy": metrics.balanced_accuracy(units.base).mean().item(),
        "pairs_skipped": 1 - pairs,
        "median_top1_drop": 100 * np.median(costs["top-1"]).item(),
        "median_worst_class_drop": 100
        * np.median(costs["worst class, balanced accuracy"]).item(),
        "significant_pairs": effects.significant.sum().item(),
        "units_with_significant_pairs": effects.significant.any(1).sum().item(),
        "drops_are": "points (percent of balanced accuracy, or of top-1)",
        "removed": removed,
        "hardest_hit": hardest,
        "top": top,
        **_served(key_served, effects, top),
        "removal": _removal(key_removal, effects),
        "kept": np.mean([effect.recall for effect in keeping]).item(),
        "taken": np.mean(
            [1 + effect.recall - 2 * effect.balanced for effect in keeping]
        ).item(),
        "per_class": {
            name: {
                "removing_most": by_class[name]["most"][at]._asdict(),
                "keeping_most": _keeping(effects, by_class[name], removed)._asdict(),
            }
            for name in by_class
        },
        "correlations": {
            a: {
                m: [part[i, j].item() for part in (found.value, found.low, found.high)]
                for j, m in enumerate(found.measures)
            }
            for i, a in enumerate(found.attributes)
        },
    }


def _served(key: Array, effects: LayerEffects, top: int) -> dict[str, Any]:
    """How IoU goes with the number of classes served, where IoUs are known."""
    if "IoU" not in effects.attributes:
        return {}
    served = classes_served(effects.orders, top).astype(np.float64)
    found = rank_correlation(key, effects.attributes["IoU"], served)
    return {"iou_with_classes_served": found._asdict()}


def _keeping(effects, orders, kept: int) -> SetEffect:
    counts = effects.curves.counts
    return orders["least"][counts.tolist().index(counts[-1] - kept)]


def _removal(key: Array, effects: LayerEffects) -> list[dict[str, Any]]:
    """Means over classes at every count, with intervals over classes."""
    own = np.arange(len(effects.classes))
    curves = effects.curves
    per_order = {
        "most": (curves.most.balanced[own, :, own], curves.most.top1),
        "random": (
            np.moveaxis(curves.random.balanced.mean(0), -1, 0),
            curves.random.top1,
        ),
        "least": (curves.least.balanced[own, :, own], curves.least.top1),
    }
    keys = jax.random.split(key, len(per_order))
    rows: list[dict[str, Any]] = [{"removed": n} for n in curves.counts.tolist()]
    for k, (order, (balanced, top1)) in zip(keys, per_order.items(), strict=True):
        ends = (
            bootstrap_mean(k, balanced.T)
            if len(own) > 1
            else Interval(balanced[0], balanced[0])
        )
        for step, row in enumerate(rows):
            row[f"{order}_balanced"] = balanced[:, step].mean().item()
            row[f"{order}_balanced_low"] = ends.low[step].item()
            row[f"{order}_balanced_high"] = ends.high[step].item()
            row[f"{order}_top1"] = top1[:, step].mean().item()
    return rows


def sentences(layer: str, summary: Mapping[str, Any]) -> list[str]:
    """The findings of one layer, in words; numbers are those of `summarize`."""
    at = {row["removed"]: row for row in summary["removal"]}
    removed, units = summary["removed"], summary["units"]
    few, most_gone = at[removed], at[units - removed]
    name = summary["hardest_hit"]
    hit = summary["per_class"][name]
    base = at[0]
    return [
        f"Layer {layer}: {units} units, {summary['images']} images not used for "
        f"ranking; top-1 {summary['top1']:.1%}.",
        f"Without one unit the median loss is {summary['median_top1_drop']:.2f} points "
        f"of top-1 and {summary['median_worst_class_drop']:.2f} points of balanced "
        "accuracy in the class that, on the ranking images, needed the unit most.",
        f"{summary['units_with_significant_pairs']} units change the answers about "
        f"some class beyond chance ({summary['significant_pairs']} pairs of unit and "
        "class; exact McNemar tests, false-discovery rate 5 %).",
        f"Removing a class's {removed} most important units leaves it a balanced "
        f"accuracy of {_percent(few, 'most')} on average over classes "
        f"({_percent(base, 'most')} with all units, {_percent(few, 'random')} without "
        f"{removed} random ones), and top-1 at {few['most_top1']:.1%}.",
        f"Keeping only those {removed} leaves it {_percent(most_gone, 'least')} (with "
        f"as many random units {_percent(most_gone, 'random')}): {summary['kept']:.1%} "
        f"of its images are still answered rightly and {summary['taken']:.1%} of all "
        f"others taken for it; top-1 is {most_gone['least_top1']:.1%}.",
        *_about_chance(summary["removal"]),
        f"The class that needs its units most, on the ranking images, is {name}: it "
        f"loses {_points(hit['removing_most'])} without its {removed} units and "
        f"{_points(hit['keeping_most'])} with nothing but them.",
        *_about_iou(summary),
        *_about_attributes(summary["correlations"]),
        "Intervals are 95 %: over classes (bootstrap) for means, over images (paired "
        "bootstrap) for one class, over units (bootstrap) for correlations.",
    ]


def _about_chance(rows) -> list[str]:
    for row in rows:
        if row["most_balanced"] < NEAR_CHANCE:
            return [
                f"A class is near chance, at {_percent(row, 'most')}, without its "
                f"{row['removed']} most important units; top-1 is then "
                f"{row['most_top1']:.1%}, and without as many random units the class "
                f"is at {_percent(row, 'random')}."
            ]
    return []


def _about_iou(summary) -> list[str]:
    if "iou_with_classes_served" not in summary:
        return []
    return [
        "Spearman correlation of a unit's IoU with the number of classes in whose top "
        "{} it is: {value:+.2f} [{low:+.2f}, {high:+.2f}].".format(
            summary["top"], **summary["iou_with_classes_served"]
        )
    ]


def _about_attributes(correlations) -> list[str]:
    said = []
    for measure in next(iter(correlations.values()), {}):
        ranked = sorted(correlations, key=lambda a: -abs(correlations[a][measure][0]))
        parts = [
            "{} {:+.2f} [{:+.2f}, {:+.2f}]".format(a, *correlations[a][measure])
            for a in ranked
        ]
        said.append(
            f"Spearman correlation with the drop of {measure}: {'; '.join(parts)}."
        )
    return said


def _percent(row, order: str) -> str:
    mean, low, high = (
        100 * row[f"{order}_balanced{end}"] for end in ("", "_low", "_high")
    )
    return f"{mean:.1f} % [{low:.1f}, {high:.1f}]"


def _points(effect) -> str:
    values = (100 * effect[name] for name in ("drop", "low", "high"))
    return "{:.1f} points [{:.1f}, {:.1f}]".format(*values)
