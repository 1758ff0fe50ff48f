"""Figures of what units do: for classes, and for what they are called.

Accuracies come in as fractions and are drawn in percent. Legends stand outside the
axes, so that they cover nothing.
"""

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from jaxdissect.plots.figure import Figure
from jaxdissect.plots.figures import BLUE, CHANCE, GREY, SIZE, VERMILION, canvas

MAX_ROWS = 40
"""Classes that get a row with their name; more are drawn as a scatter."""


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

    Args:
        unchanged: [K] balanced accuracy with all units, a fraction; NaN is left out.
        without_most: [K] after removing the class's `num_removed` most important units.
        keeping_most: [K] after removing all but its `num_kept` most important units.
        names: [K] the classes; a scatter does not write them.
        num_removed: units removed for `without_most`.
        num_kept: units left for `keeping_most`.

    Returns:
        A row of three dots per class, the best class on top; for more than 40 classes
        a scatter of both accuracies against the unchanged one.

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

    Args:
        iou: [U] each unit's IoU with its best concept, 0 to 1.
        num_classes_served: [U] classes in whose `top` most important units it is.
        top: units that count as a class's most important ones.

    Returns:
        One dot per unit, spread sideways to be seen; the mean at each number of
        classes, with the number of units on top.

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

    Args:
        values: [A M] Spearman correlations, -1 to 1; NaN where undefined.
        low: [A M] lower ends of their 95 % intervals over units.
        high: [A M] upper ends.
        attributes: [A] what the rows are.
        measures: [M] what the columns are.

    Returns:
        A heat map with each value, bold where its interval excludes 0, and interval.

    Reference:
        Spearman, American Journal of Psychology 1904: correlation of ranks.

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


def legend_below(figure: Figure, *panels: Axes) -> None:
    """Explain the marks of all panels below them, in as many columns as fit."""
    marks: dict[str, Artist] = {}
    for panel in panels:
        handles, labels = panel.get_legend_handles_labels()
        marks.update(zip(labels, handles, strict=True))
    # Points at font size 8: a letter is about 4.3 wide, a mark with its gaps 35.
    widest = 4.3 * max(map(len, marks)) + 35
    columns = max(1, min(len(marks), int(72 * figure.get_figwidth() / widest)))
    style: Any = {"ncols": columns, "fontsize": 8, "frameon": False}
    figure.legend(
        list(marks.values()), list(marks), loc="outside lower center", **style
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
