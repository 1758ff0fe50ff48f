"""Figures of what the removal of units does.

Accuracies come in as fractions and are drawn in percent; drops are drawn in percentage
points. Legends stand outside the axes where they could cover anything.
"""

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, NullLocator

from jaxdissect.plots.figure import Figure
from jaxdissect.plots.figures import (
    BLUE,
    DPI,
    GREY,
    SIZE,
    VERMILION,
    canvas,
    legend_below,
    plain,
)
from jaxdissect.plots.placement import place_names

CHANCE = 50.0
"""Balanced accuracy, in percent, of guessing."""

PANEL = (3.0, 2.3)

MAX_ROWS = 40
"""Classes that get a row with their name; more are drawn as a scatter."""


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

    One dot per unit, and the diagonal on which both drops are equal; those with the
    largest drops of a class are named.

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

    The random one, of R draws, is a mean inside the range of all.

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
    """`removal_curves` of every class, small and on common axes."""
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


def class_scatter(
    unchanged: Float[np.ndarray, "K"],
    without_most: Float[np.ndarray, "K"],
    keeping_most: Float[np.ndarray, "K"],
    names: Sequence[str],
    *,
    num_removed: int,
    num_kept: int,
) -> Figure:
    """Every class without its most important units, and with nothing but them.

    A row of three dots per class, the best class on top; for more than 40 classes a
    scatter of both accuracies against the unchanged one. NaN is left out.

    Reference:
        Bau et al., PNAS 2020, figure 2.

    >>> accuracies = np.array([[0.99], [0.6], [0.9]])
    >>> figure = class_scatter(*accuracies, ["farm"], num_removed=4, num_kept=20)
    >>> figure.axes[0].get_xlabel()
    'balanced accuracy (%)'
    """
    figure, axes = canvas()
    x, without, keeping = 100 * unchanged, 100 * without_most, 100 * keeping_most
    edited = (
        (keeping, BLUE, "s", f"only its {_most_important(num_kept)}"),
        (without, VERMILION, "o", f"without its {_most_important(num_removed)}"),
    )
    limits = (np.nanmin([CHANCE, *x, *without, *keeping]) - 2, 102.0)
    if len(names) > MAX_ROWS:
        _class_dots(axes, x, edited, limits)
    else:
        figure.set_size_inches(SIZE[0], max(SIZE[1], 1.3 + 0.17 * len(names)))
        _class_rows(axes, x, edited, limits, names)
    figure.suptitle("Classes without, and with only, their most important units")
    legend_below(figure, axes)
    return figure


def service_figure(
    iou: Float[np.ndarray, "U"], num_classes_served: Int[np.ndarray, "U"], *, top: int
) -> Figure:
    """How well units match their concept, by the number of classes they serve.

    One dot per unit, spread sideways to be seen; the mean at each number of classes in
    whose `top` most important units it is, with the number of units on top.

    Reference:
        Bau et al., PNAS 2020, figure 2e.

    >>> figure = service_figure(np.array([0.04, 0.2, 0.1]), np.array([0, 2, 2]), top=4)
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['1', '2']
    """
    figure, axes = canvas()
    counts, sizes = np.unique(num_classes_served, return_counts=True)
    groups = [np.sort(iou[num_classes_served == count]) for count in counts]
    x = np.repeat(counts, sizes) + np.concatenate([_spread(len(g)) for g in groups])
    axes.scatter(x, np.concatenate(groups), s=14, color=BLUE, alpha=0.55, linewidths=0)
    axes.hlines(
        [group.mean() for group in groups],
        counts - 0.38,
        counts + 0.38,
        color="black",
        linewidth=1.8,
        label="mean (above the axes: number of units)",
    )
    _sizes_above(axes, counts, sizes)
    axes.set_xlim(counts.min() - 0.6, counts.max() + 0.6)
    highest = max(1.08 * float(iou.max()), 0.05)
    axes.set_ylim(-0.03 * highest, highest)
    steps: Any = {"steps": [1, 2, 5, 10], "integer": True, "min_n_ticks": 1}
    axes.xaxis.set_major_locator(MaxNLocator(20, **steps))
    axes.set_xlabel(f"classes in whose {top} most important units the unit is")
    axes.set_ylabel("IoU with the unit's best concept")
    axes.set_title("Units by the number of classes they serve", pad=24)
    legend_below(figure, axes)
    return figure


def correlation_matrix(
    values: Float[np.ndarray, "A M"],
    low: Float[np.ndarray, "A M"],
    high: Float[np.ndarray, "A M"],
    attributes: Sequence[str],
    measures: Sequence[str],
) -> Figure:
    """Rank correlations of what a unit is with what its removal does.

    A heat map with each value, bold where its interval excludes 0, and interval; NaN
    where undefined.

    >>> one = np.ones((1, 1))
    >>> figure = correlation_matrix(one / 2, one / 4, one, ["IoU"], ["top-1 drop"])
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['0.50', '0.25 to 1.00']
    """
    rows, columns = values.shape
    figure, axes = canvas()
    width = 1.5 + 0.85 * columns + 0.074 * min(30, max(map(len, attributes)))
    height = 1.3 + 0.36 * rows
    figure.set_size_inches(max(SIZE[0], width), max(SIZE[1], height))
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    # Undefined cells are transparent: this shows instead.
    axes.set_facecolor("#e0e0e0")
    style: Any = {"cmap": "RdBu_r", "vmin": -1, "vmax": 1, "edgecolors": "white"}
    cells = axes.pcolormesh(values, linewidth=1.5, **style)
    axes.invert_yaxis()
    for row, column in np.ndindex(rows, columns):
        ends = (values[row, column], low[row, column], high[row, column])
        _correlation(axes, column + 0.5, row + 0.57, *map(float, ends))
    wrapped = [textwrap.fill(name, 12) for name in measures]
    axes.set_xticks(np.arange(columns) + 0.5, wrapped, fontsize=8)
    axes.set_yticks(np.arange(rows) + 0.5, [textwrap.fill(a, 30) for a in attributes])
    bar = figure.colorbar(cells, ax=axes, label="Spearman correlation", fraction=0.05)
    bar.outline.set(visible=False)
    axes.set_title("Spearman correlations with 95 % intervals over units")
    return figure


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


def _most_important(num: int) -> str:
    return f"{num} most important units" if num > 1 else "most important unit"


def _class_rows(axes: Axes, x, edited, limits, names: Sequence[str]) -> None:
    order = np.argsort(np.nan_to_num(x), kind="stable")
    rows = np.arange(len(order))
    ends = np.stack([x, *(y for y, *_ in edited)])[:, order]
    axes.hlines(rows, ends.min(0), ends.max(0), color=GREY, alpha=0.35, linewidth=1)
    axes.axvline(CHANCE, color="black", linestyle="--", linewidth=0.8, label="chance")
    style: Any = {"linestyle": "none", "markersize": 5}
    # Tall, so that it shows under the other two.
    axes.plot(x[order], rows, "|k", markersize=11, mew=2, label="all units")
    for y, colour, marker, label in edited:
        axes.plot(y[order], rows, marker, color=colour, label=label, **style)
    axes.set_yticks(rows, [names[k][:32] for k in order], fontsize=8)
    axes.set_ylim(-0.7, len(rows) - 0.3)
    axes.set_xlim(*limits)
    axes.set_xlabel("balanced accuracy (%)")


def _class_dots(axes: Axes, x, edited, limits) -> None:
    axes.axline((0, 0), slope=1, color=GREY, linestyle=":", label="unchanged")
    axes.axhline(CHANCE, color="black", linestyle="--", linewidth=0.8, label="chance")
    for y, colour, marker, label in edited:
        style: Any = {"color": colour, "marker": marker, "label": label}
        axes.scatter(x, y, s=14, alpha=0.6, linewidths=0, **style)
    margin = max(0.5, 0.05 * float(np.nanmax(x) - np.nanmin(x)))
    axes.set_xlim(np.nanmin(x) - margin, np.nanmax(x) + margin)
    axes.set_ylim(*limits)
    axes.set_xlabel("balanced accuracy with all units (%)")
    axes.set_ylabel("balanced accuracy (%)")


def _sizes_above(axes: Axes, counts, sizes) -> None:
    span = max(int(np.ptp(counts)), 1)
    style: Any = {"ha": "center", "fontsize": 8, "rotation": 90 if span > 18 else 0}
    style["transform"] = axes.get_xaxis_transform()
    last = -np.inf
    for count, size in zip(counts, sizes, strict=True):
        if count - last >= span / 45:
            axes.text(count, 1.01, str(size), **style)
            last = count


def _spread(num: int) -> Float[np.ndarray, "_"]:
    # Multiples of the golden ratio: neighbours in IoU land far from each other.
    return 0.6 * ((0.5 + 0.618034 * np.arange(num)) % 1 - 0.5)


def _correlation(axes: Axes, x, y, value: float, low: float, high: float) -> None:
    if np.isnan(value):
        axes.text(x, y, "undefined", ha="center", va="center", fontsize=7)
        return
    ink = "white" if abs(value) > 0.6 else "black"
    weight = "bold" if low > 0 or high < 0 else "normal"
    style: Any = {"ha": "center", "color": ink}
    axes.text(x, y, _signed(value), va="bottom", fontsize=10, weight=weight, **style)
    ends = f"{_signed(low)} to {_signed(high)}"
    axes.text(x, y, ends, va="top", fontsize=6.5, **style)


def _signed(value: float) -> str:
    # Adding 0 turns -0.0 into 0.0.
    return f"{round(value, 2) + 0:.2f}".replace("-", "\N{MINUS SIGN}")
