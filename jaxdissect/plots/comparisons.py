"""Figures that compare trainings, or kinds of edits, side by side.

Accuracies come in as fractions and are drawn in percent; changes of accuracy are drawn
in percentage points.
"""

import textwrap
from collections.abc import Mapping
from fractions import Fraction

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, NullLocator, ScalarFormatter

from jaxdissect.errors import BadInput
from jaxdissect.plots.figure import Figure
from jaxdissect.plots.figures import (
    BLUE,
    DPI,
    GREY,
    VERMILION,
    canvas,
    legend_below,
    plain,
)

# The rest of Okabe and Ito's palette, less its yellow, which is faint on white.
COLOURS = (BLUE, VERMILION, "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "black")
# One more than there are colours: 56 pairs before one comes back.
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")

Factors = Float[np.ndarray, "F"]
Changes = Mapping[str, tuple[Factors, Factors, Factors]]
Control = tuple[Factors, Factors]


def scaling_panels(panels: Mapping[str, tuple[Factors, Changes, Control]]) -> Figure:
    """Change of accuracy as units are scaled down and up; a panel per kind of scaling.

    Args:
        panels: per title the factors [F], above 0, of which 1 is no change; per line
            the changes of accuracy [F], fractions, and both ends of their intervals;
            and the lowest and highest change with random units. A name of a line has
            one colour in all panels.

    Returns:
        A line with error bars per name over the grey range of random units.

    Raises:
        BadInput: a factor is not above 0; a logarithmic axis has no place for it.

    Reference:
        Bau et al., PNAS 2020: removal of units, which is a factor of 0.

    >>> factors, zero = np.array([0.5, 2.0]), np.zeros(2)
    >>> panel = (factors, {"farm": (zero, zero, zero)}, (zero, zero))
    >>> figure = scaling_panels({"outputs": panel, "weights": panel})
    >>> [axes.get_title() for axes in figure.axes]
    ['outputs', 'weights']
    """
    size = (max(5.0, 0.6 + 2.8 * len(panels)), 3.6)
    figure = Figure(figsize=size, dpi=DPI, layout="constrained")
    grid = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    names = tuple(
        dict.fromkeys(n for _, changes, _ in panels.values() for n in changes)
    )
    for axes, (title, panel) in zip(grid, panels.items(), strict=True):
        plain(axes)
        _scaling(axes, *panel, names, num_ticks=10)
        axes.set_title(textwrap.fill(title, 32), fontsize=10)
        axes.set_xlabel("scale factor")
    grid[0].set_ylabel("change of accuracy (points)")
    legend_below(figure, *grid)
    return figure


def cumulative_figure(
    fractions: Float[np.ndarray, "n"],
    curves: Mapping[str, Float[np.ndarray, "R n"]],
    chance: float,
) -> Figure:
    """Accuracy as units are removed in random orders.

    Args:
        fractions: [n] share of the units removed, increasing, 0 to 1.
        curves: per name [R n] top-1 accuracy, a fraction, in R random orders.
        chance: top-1 accuracy of guessing, a fraction.

    Returns:
        Per name the mean over orders and their range. The legend gives the area under
        the curve, top-1 as a fraction integrated over `fractions` by trapezoids and
        averaged over orders.

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

    Args:
        values: per measure and regime [S] one value per training, drawn in the
            measure's own units; NaN is left out.
        title: what the trainings have in common.

    Returns:
        A panel per measure, at most four in a row, with one row per regime: a dot per
        training and a tick at their mean.

    Reference:
        Bau et al., CVPR 2017, and Morcos et al., ICLR 2018, compare regimes.

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


def _scaling(axes: Axes, factors, changes, control, names, *, num_ticks: int) -> None:
    if not (factors > 0).all():
        raise BadInput(f"`factors` has {factors.min()}; factors must be above 0")
    order = np.argsort(factors)
    x = factors[order]
    ends = [100 * end[order] for end in control]
    axes.fill_between(
        x, *ends, color=GREY, alpha=0.25, linewidth=0, label="range of random units"
    )
    axes.axhline(0, color="black", linewidth=0.8, zorder=1)
    # Rounding errors around no change at all are not to fill the panel.
    axes.update_datalim([(x[0], -0.1), (x[-1], 0.1)])
    for name, parts in changes.items():
        i = names.index(name)
        change, low, high = (100 * part[order] for part in parts)
        # Moved a little sideways, so that error bars stand beside each other.
        moved = x * 2 ** (0.05 * (i - (len(names) - 1) / 2))
        colour = COLOURS[i % len(COLOURS)]
        axes.vlines(moved, low, high, color=colour, linewidth=1.2)
        marker = MARKERS[i % len(MARKERS)]
        axes.plot(
            moved, change, marker, linestyle="-", markersize=4, label=name, color=colour
        )
    axes.set_xscale("log", base=2)
    axes.set_xlim(x[0] / 1.2, x[-1] * 1.2)
    gap = (x[-1] / x[0]) ** (1 / num_ticks)
    ticks: list[float] = []
    for factor in x.tolist():
        # Sparse enough to be read.
        if not ticks or factor >= gap * ticks[-1]:
            ticks.append(factor)
    axes.set_xticks(ticks, [_fraction(tick) for tick in ticks])
    axes.xaxis.set_minor_locator(NullLocator())


def _fraction(factor: float) -> str:
    near = Fraction(factor).limit_denominator(64)
    simple = near.numerator == 1 or near.denominator <= 4
    is_near = abs(near - factor) < 1e-4 * factor
    return str(near) if simple and is_near else f"{factor:.3g}"


def _trainings(axes: Axes, row: int, values) -> None:
    known = values[~np.isnan(values)]
    if len(known):
        axes.axhline(row, color=GREY, alpha=0.2, linewidth=0.8, zorder=0)
        axes.vlines(known.mean(), row - 0.32, row + 0.32, color="black", linewidth=1.6)
        rows = np.full(len(known), row)
        colour = COLOURS[row % len(COLOURS)]
        axes.scatter(known, rows, s=22, color=colour, alpha=0.7, linewidths=0)
