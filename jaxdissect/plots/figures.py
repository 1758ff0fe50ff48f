"""Figures of what breaks when units are removed.

Built on matplotlib's `Figure` itself: no pyplot, no backend, no global settings.
Accuracies come in as fractions, as from `metrics`, and are drawn in percent; drops are
drawn in percentage points.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator

from jaxdissect.plots.figure import Figure
from jaxdissect.plots.placement import place_names

SIZE = (7.0, 4.5)
PANEL = (3.0, 2.3)
DPI = 150

# Okabe and Ito's palette, which readers with any colour vision can tell apart.
VERMILION, BLUE, GREY = "#d55e00", "#0072b2", "#6b6f76"

CHANCE = 50.0
"""Balanced accuracy, in percent, of guessing."""


def drop_scatter(
    overall_drop: Float[np.ndarray, "U"],
    worst_class_drop: Float[np.ndarray, "U"],
    worst_class: Sequence[str],
    labels: Sequence[str] | None = None,
    *,
    drop_name: str = "worst class's balanced-accuracy drop (points)",
    num_annotated: int = 6,
) -> Figure:
    """What each unit's removal costs over all classes, and the class it costs most.

    Args:
        overall_drop: [U] top-1 accuracy lost, a fraction; negative for a gain.
        worst_class_drop: [U] accuracy lost by the class that loses most.
        worst_class: [U] that class's name.
        labels: [U] the units' labels, empty for none.
        drop_name: what `worst_class_drop` measures.
        num_annotated: units to name, those with the largest drop of a class.

    Returns:
        One dot per unit and the diagonal on which both drops are equal.

    Reference:
        Bau et al., PNAS 2020: a unit can matter to one class and hardly to the rest.

    >>> figure = drop_scatter(np.zeros(2), np.array([0.1, 0.3]), ["farm", "park"])
    >>> [text.get_text() for text in figure.axes[0].texts][:1]
    ['unit 1 → park']
    """
    figure, axes = canvas()
    x, y = 100 * overall_drop, 100 * worst_class_drop
    axes.axline((0, 0), slope=1, color=GREY, linewidth=0.8, linestyle=":", zorder=0)
    axes.scatter(x, y, s=18, color=BLUE, alpha=0.65, linewidths=0)
    axes.margins(0.1)
    # Fixed here, so that neither diagonal nor names move the axes.
    axes.set_xlim(*axes.get_xlim())
    axes.set_ylim(*axes.get_ylim())
    extreme = np.argsort(-y, kind="stable")[:num_annotated]
    names = [_unit_name(u, worst_class, labels) for u in extreme.tolist()]
    _annotate(axes, x, y, extreme, names)
    axes.set_xlabel("top-1 accuracy drop over all classes (points)")
    axes.set_ylabel(drop_name)
    axes.set_title(
        "One unit removed: the cost overall and to the class it matters most to"
    )
    axes.plot([], [], ":", color=GREY, linewidth=0.8, label="equal drops")
    axes.legend(frameon=False, loc="lower right", fontsize=8)
    return figure


def removal_curves(
    counts: Int[np.ndarray, "n"],
    most: Float[np.ndarray, "n"],
    random: Float[np.ndarray, "R n"],
    least: Float[np.ndarray, "n"],
    class_name: str,
    baseline: float,
) -> Figure:
    """A class's balanced accuracy as units go, in three orders.

    Args:
        counts: [n] units removed, increasing.
        most: [n] accuracy, a fraction, with the most important units removed first.
        random: [R n] the same in R random orders.
        least: [n] the same with the least important first.
        class_name: the class.
        baseline: its accuracy with all units.

    Returns:
        Three curves, the random one a mean inside the range of all orders.

    Reference:
        Bau et al., PNAS 2020, removal of the units most important to a class.

    >>> counts, flat = np.array([0, 8]), np.ones(2)
    >>> figure = removal_curves(counts, flat, np.ones((3, 2)), flat, "farm", 1.0)
    >>> figure.axes[0].get_ylabel()
    'balanced accuracy (%)'
    """
    figure, axes = canvas()
    _curves(axes, counts, most, random, least, baseline)
    axes.set_xlabel("units removed")
    axes.set_ylabel("balanced accuracy (%)")
    axes.set_title(f"Removing units, by their importance to “{class_name}”")
    axes.legend(frameon=False, fontsize=8, loc="best")
    return figure


def removal_grid(
    counts: Int[np.ndarray, "n"],
    most: Float[np.ndarray, "K n"],
    random: Float[np.ndarray, "K R n"],
    least: Float[np.ndarray, "K n"],
    class_names: Sequence[str],
    baselines: Float[np.ndarray, "K"],
    *,
    num_columns: int = 4,
) -> Figure:
    """`removal_curves` of every class, small and on common axes.

    Args:
        counts: [n] units removed, increasing.
        most: [K n] accuracy, a fraction, with the most important units removed first.
        random: [K R n] the same in R random orders.
        least: [K n] the same with the least important first.
        class_names: [K] the classes.
        baselines: [K] their accuracies with all units.
        num_columns: panels in a row.
    """
    num_rows = -(-len(class_names) // num_columns)
    size = (PANEL[0] * num_columns, PANEL[1] * num_rows + 0.5)
    figure = Figure(figsize=size, dpi=DPI, layout="constrained")
    grid = figure.subplots(
        num_rows, num_columns, sharex=True, sharey=True, squeeze=False
    )
    panels = grid.ravel().tolist()
    for k, name in enumerate(class_names):
        _curves(panels[k], counts, most[k], random[k], least[k], float(baselines[k]))
        panels[k].set_title(name, fontsize=10)
    for panel in panels[max(0, len(class_names) - num_columns) :]:
        panel.tick_params(labelbottom=True)
    for empty in panels[len(class_names) :]:
        empty.remove()
    figure.supxlabel("units removed", fontsize=10)
    figure.supylabel("balanced accuracy (%)", fontsize=10)
    handles, names = panels[0].get_legend_handles_labels()
    # Each class has its own starting point; one number would mislead here.
    names = ["all units" if n.startswith("all units") else n for n in names]
    figure.legend(handles, names, loc="outside upper center", ncols=5, frameon=False)
    return figure


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG."""
    figure.savefig(path, format="png")


def canvas() -> tuple[Figure, Axes]:
    """An empty figure of one panel, 7 x 4.5 inches."""
    figure = Figure(figsize=SIZE, dpi=DPI, layout="constrained")
    axes = figure.subplots()
    plain(axes)
    return figure, axes


def plain(axes: Axes) -> None:
    """Leave out the frame's upper and right side."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=9)


def _curves(axes, counts, most, random, least, baseline: float) -> None:
    plain(axes)
    num = len(random)
    thin = {"color": "black", "linewidth": 0.8}
    name = f"all units ({100 * baseline:.1f} %)"
    axes.axhline(100 * baseline, linestyle=":", label=name, **thin)
    axes.fill_between(
        counts,
        100 * random.min(0),
        100 * random.max(0),
        color=GREY,
        alpha=0.25,
        linewidth=0,
    )
    for values, colour, marker, name in (
        (least, BLUE, "s", "least important first"),
        (random.mean(0), GREY, "^", f"random (mean and range of {num})"),
        (most, VERMILION, "o", "most important first"),
    ):
        axes.plot(
            counts,
            100 * values,
            color=colour,
            marker=marker,
            markersize=3.5,
            label=name,
        )
    axes.axhline(CHANCE, linestyle="--", label="chance", **thin)
    _count_axis(axes, counts)


def _count_axis(axes: Axes, counts) -> None:
    # Linear up to 1, then by doublings: counts grow like 0, 1, 2, 4, 8...
    axes.set_xscale("symlog", base=2, linthresh=1, linscale=0.5)
    axes.set_xlim(-0.25, 1.2 * max(counts.max(), 1))
    doublings = 2 ** np.arange(int(max(counts.max(), 1)).bit_length())
    ticks = [0, *doublings.tolist()]
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.xaxis.set_minor_locator(NullLocator())


def _unit_name(unit: int, worst_class, labels) -> str:
    label = f" ({labels[unit]})" if labels and labels[unit] else ""
    return f"unit {unit}{label} → {worst_class[unit]}"


def _annotate(axes: Axes, x, y, chosen, names: list[str]) -> None:
    dots = np.stack([x, y], axis=1)
    inside = axes.transAxes.inverted().transform(axes.transData.transform(dots))
    places = place_names(inside, chosen, names)
    for dot, place, name in zip(dots[chosen], places, names, strict=True):
        axes.annotate(
            name,
            tuple(dot),
            (place.x, place.y),
            textcoords="axes fraction",
            fontsize=8,
            ha=place.anchor,
            va="center",
            arrowprops={"arrowstyle": "-", "color": GREY, "linewidth": 0.6},
        )
