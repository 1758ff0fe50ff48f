"""Figures that compare trainings: accuracies come in as fractions."""

import textwrap
from collections.abc import Mapping

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, ScalarFormatter

from jaxdissect.plots.figure import Figure
from jaxdissect.plots.figures import (
    COLOURS,
    DPI,
    GREY,
    MARKERS,
    canvas,
    legend_below,
    plain,
)


def cumulative_figure(
    fractions: Float[np.ndarray, "n"],
    curves: Mapping[str, Float[np.ndarray, "R n"]],
    chance: float,
) -> Figure:
    """Accuracy as units are removed in random orders: mean and range of each curve.

    The legend gives the area under the curve, top-1 as a fraction integrated over
    `fractions` by trapezoids and averaged over orders.

    Args:
        fractions: [n] share of the units removed, increasing, 0 to 1.
        curves: per name [R n] top-1 accuracy, a fraction, in R random orders.
        chance: top-1 accuracy of guessing, a fraction.

    Reference:
        Morcos et al., On the importance of single directions for generalization,
        ICLR 2018.

    >>> figure = cumulative_figure(np.array([0.0, 1.0]), {"plain": np.eye(2)}, 0.1)
    >>> figure.axes[0].lines[0].get_label()
    'plain (area 0.500)'
    """
    figure, axes = canvas()
    share = 100 * fractions
    for i, (name, top1) in enumerate(curves.items()):
        colour = COLOURS[i % len(COLOURS)]
        area = float(np.trapezoid(top1, fractions, axis=1).mean())
        ends = 100 * top1.min(0), 100 * top1.max(0)
        axes.fill_between(share, *ends, color=colour, alpha=0.18, linewidth=0)
        axes.plot(
            share,
            100 * top1.mean(0),
            color=colour,
            marker=MARKERS[i % len(MARKERS)],
            markersize=3.5,
            label=f"{name} (area {area:.3f})",
        )
    line = axes.axhline(100 * chance, color="black", linestyle="--", label="chance")
    line.set_linewidth(0.8)
    axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))
    axes.set_xlabel("units removed (%)")
    axes.set_ylabel("top-1 accuracy (%)")
    axes.set_title("Removing units in random orders: mean and range")
    legend_below(figure, axes)
    return figure


def regime_figure(
    values: Mapping[str, Mapping[str, Float[np.ndarray, "S"]]], *, title: str
) -> Figure:
    """Measures of several trainings under each of several regimes.

    A panel per measure, at most four in a row, with one row per regime: a dot per
    training and a tick at their mean.

    Args:
        values: per measure and regime [S] one value per training, drawn in the
            measure's own units; NaN is left out.
        title: what the trainings have in common.

    >>> values = {"top-1": {"plain": np.array([0.5, 0.7]), "dropout": np.array([0.6])}}
    >>> figure = regime_figure(values, title="LeNet")
    >>> [label.get_text() for label in figure.axes[0].get_yticklabels()]
    ['plain', 'dropout']
    """
    regimes = tuple(dict.fromkeys(r for measure in values.values() for r in measure))
    columns = min(len(values), 4)
    rows = -(-len(values) // columns)
    size = (max(5.0, 1.2 + 2.1 * columns), 0.5 + rows * (1.0 + 0.28 * len(regimes)))
    figure = Figure(figsize=size, dpi=DPI, layout="constrained")
    panels = figure.subplots(rows, columns, sharey=True, squeeze=False).ravel()
    for axes, (measure, by_regime) in zip(panels, values.items(), strict=False):
        plain(axes)
        for row, regime in enumerate(regimes):
            _trainings(axes, row, by_regime.get(regime, np.zeros(0)))
        axes.set_title(textwrap.fill(measure, 26), fontsize=9)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=4))
        axes.xaxis.set_major_formatter(ScalarFormatter(useOffset=False))
        axes.margins(x=0.08)
    for empty in panels[len(values) :]:
        empty.remove()
    panels[0].set_yticks(range(len(regimes)), [textwrap.fill(r, 30) for r in regimes])
    panels[0].set_ylim(len(regimes) - 0.4, -0.6)
    figure.suptitle(textwrap.fill(title, int(9 * size[0])), fontsize=11)
    return figure


def _trainings(axes: Axes, row: int, values) -> None:
    known = values[~np.isnan(values)]
    if len(known):
        axes.axhline(row, color=GREY, alpha=0.2, linewidth=0.8, zorder=0)
        axes.vlines(known.mean(), row - 0.32, row + 0.32, color="black", linewidth=1.6)
        rows = np.full(len(known), row)
        colour = COLOURS[row % len(COLOURS)]
        axes.scatter(known, rows, s=22, color=colour, alpha=0.7, linewidths=0)
