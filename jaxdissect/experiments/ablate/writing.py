"""What removing units did, in tables, figures, a page and words."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxdissect import ablation, metrics
from jaxdissect.ablation.layer_effects import (
    Correlations,
    LayerEffects,
    SetEffect,
    classes_served,
    hardest_hit,
    worst_class_drops,
)
from jaxdissect.experiments.ablate import figures, page
from jaxdissect.pages import inline, tables
from jaxdissect.plots.figure import Figure
from jaxdissect.plots.figures import save
from jaxdissect.runs import outputs

if TYPE_CHECKING:
    from jaxdissect.experiments.ablate.experiment import LayerResult

MAX_PANELS = 40
"""Classes that get a panel; those that lose least to their first unit get none."""

Columns = dict[str, list[Any]]
"""{column: one value for each row}; accuracies and drops are fractions."""


def write(folder: Path, result: "LayerResult") -> None:
    """Page, tables, arrays, figures and findings of a layer."""
    html = page.page(result)
    (folder / "report.html").write_text(html, encoding="utf-8")
    for name, columns in {
        "units": result.table(),
        "effects": effects_columns(result.effects),
        "ranking": ranking_columns(result.effects),
        "curves": curves_columns(result),
        "correlations": correlations_columns(result.related),
    }.items():
        tables.write_columns(folder / f"{name}.csv", columns)
    np.savez_compressed(folder / "ablation.npz", **arrays(result.effects))
    for name, figure in figures_of(result).items():
        save(figure, folder / f"{name}.png")
    summary = dict(result.summary)
    if result.images_used:
        summary["images_used"] = " ".join(result.images_used)
    outputs.write_json(folder / "summary.json", summary)
    findings = "\n".join(result.findings) + "\n"
    (folder / "findings.txt").write_text(findings, encoding="utf-8")


def html(result: "LayerResult") -> str:
    """Findings, then curves, then units and classes, for a notebook."""
    title = f"Removing units of {result.layer}"
    curves = {
        "removal of units by class": _every_class(result.effects),
        "cost overall and to one class": _scatter(result.effects),
    }
    cards = inline.framed(page.page(result))
    return inline.findings(title, result.findings, curves) + cards


def figures_of(result: "LayerResult") -> dict[str, Figure]:
    """{file: figure} of a layer."""
    effects, related, summary = result.effects, result.related, result.summary
    drawn = {
        "overall_vs_worst_class": _scatter(effects),
        "removal_of_units": _one_class(effects, summary["removed"]),
        "removal_of_units_by_class": _every_class(effects),
        "classes": _classes(effects, summary["removed"]),
        "correlations": figures.correlation_matrix(
            related.value,
            related.low,
            related.high,
            related.attributes,
            related.measures,
        ),
    }
    if "IoU" in effects.attributes:
        top = summary["top"]
        served = classes_served(effects.orders, top)
        drawn["iou_by_classes_served"] = figures.service_figure(
            effects.attributes["IoU"], served, top=top
        )
    return drawn


def _scatter(effects: LayerEffects) -> Figure:
    """Cost overall against cost to the class that needs the unit most."""
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


def _one_class(effects: LayerEffects, removed: int) -> Figure:
    """The class that its `removed` most important units matter most to."""
    most, random, least = _own(effects)
    counts = effects.curves.counts
    k = hardest_hit(effects, removed)
    return figures.removal_curves(
        counts, most[k], random[k], least[k], effects.classes[k], most[k, 0].item()
    )


def _every_class(effects: LayerEffects) -> Figure:
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


def _classes(effects: LayerEffects, removed: int) -> Figure:
    """Every class without, and with only, its `removed` most important units."""
    most, _, least = _own(effects)
    counts = effects.curves.counts.tolist()
    return figures.class_scatter(
        most[:, 0],
        most[:, counts.index(removed)],
        least[:, counts.index(counts[-1] - removed)],
        effects.classes,
        num_removed=removed,
        num_kept=removed,
    )


def units_columns(effects: LayerEffects, top: int) -> Columns:
    """Of each unit: what it looks for, what it is, what its removal costs."""
    drops = worst_class_drops(effects)
    values = {
        **effects.attributes,
        "classes_served": classes_served(effects.orders, top),
        "top1_drop": effects.drops.top1,
        "top1_drop_low": effects.top1.low,
        "top1_drop_high": effects.top1.high,
        **{f"{name} drop": drop for name, drop in drops.items() if name != "top-1"},
    }
    columns: Columns = {
        "unit": list(range(len(effects.worst))),
        "label": list(effects.labels),
        "worst_class": [effects.classes[k] for k in effects.worst],
    }
    for name, value in values.items():
        plain = name.replace(",", "").replace(" ", "_").replace("-", "_")
        columns[plain] = value.tolist()
    return columns


def effects_columns(effects: LayerEffects) -> Columns:
    """Of each unit and class: accuracies, paired drops, intervals, tests."""
    units, after = effects.units, ablation.edited_counts(effects.units)
    num_units, num_classes = units.lost.shape
    values = {
        "recall": metrics.recall(after),
        "balanced": metrics.balanced_accuracy(after),
        "balanced_drop": effects.drops.balanced,
        "balanced_drop_low": effects.balanced.low,
        "balanced_drop_high": effects.balanced.high,
        "nats_drop": effects.drops.log_probability,
        "nats_drop_low": effects.nats.low,
        "nats_drop_high": effects.nats.high,
        "answers_lost": units.lost,
        "answers_gained": units.gained,
        "p_adjusted": effects.p_adjusted,
    }
    return {
        "unit": [u for u in range(num_units) for _ in range(num_classes)],
        "label": [label for label in effects.labels for _ in range(num_classes)],
        "class": list(effects.classes) * num_units,
        **{name: value.ravel().tolist() for name, value in values.items()},
    }


def ranking_columns(effects: LayerEffects) -> Columns:
    """Of each class and rank, from the most important unit to the least."""
    num_classes, num_units = effects.orders.shape
    units = effects.orders.ravel().tolist()
    return {
        "class": [name for name in effects.classes for _ in range(num_units)],
        "rank": list(range(1, num_units + 1)) * num_classes,
        "unit": units,
        "label": [effects.labels[unit] for unit in units],
    }


def curves_columns(result: "LayerResult") -> Columns:
    """Of each class, order and number of units removed; random orders by draw."""
    curves = result.effects.curves
    counts, random = curves.counts.tolist(), curves.random
    rows: list[tuple[Any, ...]] = [
        (name, order, "", count, *effect)
        for name, orders in result.by_class.items()
        for order, steps in orders.items()
        for count, effect in zip(counts, steps, strict=True)
    ]
    for k, name in enumerate(result.classes):
        for draw in range(len(random.top1)):
            top1, balanced = random.top1[draw].tolist(), random.balanced[draw, :, k]
            drops = (balanced[0] - balanced).tolist()
            steps = zip(counts, balanced.tolist(), drops, top1, strict=True)
            rows += [
                (name, "random", draw, count, after, drop, "", "", "", all_classes)
                for count, after, drop, all_classes in steps
            ]
    names = ["class", "order", "draw", "removed", *SetEffect._fields]
    return dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))


def correlations_columns(related: Correlations) -> Columns:
    """Of each attribute and measure.

    >>> one = np.ones((1, 1))
    >>> columns = correlations_columns(Correlations(["iou"], ["drop"], one, one, one))
    >>> columns["attribute"], columns["drop of"], columns["spearman"]
    (['iou'], ['drop'], [1.0])
    """
    pairs = [(a, m) for a in related.attributes for m in related.measures]
    return {
        "attribute": [attribute for attribute, _ in pairs],
        "drop of": [measure for _, measure in pairs],
        "spearman": related.value.ravel().tolist(),
        "low": related.low.ravel().tolist(),
        "high": related.high.ravel().tolist(),
    }


def arrays(effects: LayerEffects) -> dict[str, Any]:
    """Everything counted, for other programs."""
    units = effects.units
    changes = ("lost", "gained", "intruding", "withdrawn", "drop", "drop_squared")
    return {
        "classes": np.array(effects.classes),
        "orders": effects.orders,
        **{f"base_{name}": v for name, v in units.base._asdict().items()},
        "base_balanced": metrics.balanced_accuracy(units.base),
        **{name: getattr(units, name) for name in changes},
        "curve_counts": effects.curves.counts,
        **{
            f"curve_{order}_{measure}": values
            for order in ("most", "least", "random")
            for measure, values in getattr(effects.curves, order)._asdict().items()
        },
    }
