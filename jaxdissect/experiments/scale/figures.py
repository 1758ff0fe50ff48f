"""Change of accuracy, in percentage points, as units are scaled."""

import textwrap
from collections.abc import Mapping
from fractions import Fraction

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator

from jaxdissect.errors import BadInput
from jaxdissect.plots.figure import Figure
from jaxdissect.plots.figures import COLOURS, DPI, GREY, MARKERS, legend_below, plain

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

    Raises:
        BadInput: a factor is not above 0; a logarithmic axis has no place for it.

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
