"""Figures of what predicts a removal, and how well."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from jaxdissect.experiments.agreement.results import (
    ATTRIBUTES,
    MEASURED,
    Agreement,
    Measure,
    Predictor,
)
from jaxdissect.intervals import spearman
from jaxdissect.plots.comparisons import COLOURS
from jaxdissect.plots.figure import Figure
from jaxdissect.plots.figures import BLUE, DPI, GREY, legend_below, plain


def agreement_figure(found: Sequence[Agreement]) -> Figure:
    """How well every predictor ranks the units; a panel per measure.

    Returns:
        Per predictor a bar, the mean of Spearman's correlations over classes, with its
        interval over classes, and a diamond for all classes together. Colours tell
        kinds of predictors.
    """
    measures = list(dict.fromkeys(a.measure for a in found))
    names = list(dict.fromkeys((a.kind, a.name) for a in found))
    colours = _colours([kind for kind, _ in names])
    # A gap of half a row between kinds.
    kinds = list(colours)
    rows = np.array([n + 0.5 * kinds.index(kind) for n, (kind, _) in enumerate(names)])
    size = (2.8 + 2.2 * len(measures), 1.3 + 0.23 * rows[-1])
    figure = Figure(figsize=size, dpi=DPI, layout="constrained")
    shared: Any = {"sharex": True, "sharey": True, "squeeze": False}
    panels = figure.subplots(1, len(measures), **shared)[0]
    for axes, measure in zip(panels, measures, strict=True):
        plain(axes)
        chosen = [a for a in found if a.measure == measure]
        _bars(axes, rows, chosen, colours)
        axes.set_title(f"drop of {measure}".replace(", ", ",\n"), fontsize=10)
        axes.set_xlabel("Spearman correlation", fontsize=9)
    panels[0].set_yticks(rows, [name for _, name in names], fontsize=8)
    panels[0].set_ylim(rows[-1] + 0.7, -0.7)
    legend_below(figure, *panels)
    return figure


def scatter(
    classes: Sequence[str], predictors: Sequence[Predictor], measure: Measure
) -> Figure:
    """Gradient times activation against the drop, for two classes.

    Args:
        classes: [K] names.
        predictors: those of kind "gradient of the ..." named "times activation".
        measure: the drop.

    Returns:
        A column per score, a row for the class on which the first score's gradient
        agrees best and one for that on which it agrees least; a dot per unit.
    """
    products = [p for p in predictors if p.name == "times activation"]
    each = spearman(products[0].values.T, measure.by_class.T)
    shown = (int(each.argmax()), int(each.argmin()))
    size = (1.0 + 2.6 * len(products), 0.4 + 2.4 * len(shown))
    figure = Figure(figsize=size, dpi=DPI, layout="constrained")
    grid = figure.subplots(len(shown), len(products), squeeze=False)
    for row, k in zip(grid, shown, strict=True):
        for axes, product in zip(row, products, strict=True):
            x, y = product.values[:, k], measure.by_class[:, k]
            _dots(axes, x, y)
            rho = f"{spearman(x, y).item():+.2f}".replace("-", "\N{MINUS SIGN}")
            axes.set_title(f"{classes[k]}: \N{GREEK SMALL LETTER RHO} {rho}", size=9)
            axes.set_xlabel(product.kind + "\ntimes activation", fontsize=8)
        row[0].set_ylabel(f"drop of {measure.name}\n(nats)", fontsize=8)
    return figure


def _bars(axes: Axes, rows, chosen: Sequence[Agreement], colours) -> None:
    means, low, high = np.array([a.mean for a in chosen]).T
    for kind, colour in colours.items():
        at = [a.kind == kind for a in chosen]
        axes.barh(rows[at], means[at], 0.72, color=colour, alpha=0.75, label=kind)
    axes.hlines(rows, low, high, color="black", linewidth=1.2)
    overall = [a.overall.value for a in chosen]
    style: Any = {"markerfacecolor": "white", "color": "black", "linestyle": ""}
    axes.plot(
        overall, rows, "D", markersize=3.5, label="drop over all classes", **style
    )
    axes.axvline(0, color="black", linewidth=0.8)
    axes.tick_params(axis="y", length=0)


def _dots(axes: Axes, x, y) -> None:
    plain(axes)
    axes.axhline(0, color=GREY, linewidth=0.6, zorder=0)
    axes.axvline(0, color=GREY, linewidth=0.6, zorder=0)
    axes.scatter(x, y, s=14, color=BLUE, alpha=0.6, linewidths=0)
    axes.locator_params(nbins=4)
    axes.tick_params(labelsize=7)


def _colours(kinds: Sequence[str]) -> dict[str, str]:
    asked = [kind for kind in kinds if kind not in (ATTRIBUTES, MEASURED)]
    colours = dict(zip(dict.fromkeys(asked), COLOURS, strict=False))
    fixed = {ATTRIBUTES: GREY, MEASURED: "black"}
    return colours | {
        kind: fixed[kind] for kind in dict.fromkeys(kinds) if kind in fixed
    }
