"""Figures of regularisers side by side."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

from jaxdissect.plots.figure import Figure
from jaxdissect.plots.figures import (
    BLUE,
    COLOURS,
    DPI,
    GREY,
    MARKERS,
    VERMILION,
    plain,
)


def dots(
    groups: Mapping[str, Mapping[str, Float[np.ndarray, "N"]]],
    *,
    name: str,
    reported: Mapping[str, float],
) -> Figure:
    """A dot per seed, a row per regime, a colour per kind of number.

    Args:
        groups: {regime: {kind: values, one per seed}}; two kinds or one.
        name: of the axis, with its unit.
        reported: {regime: value in the source}, drawn as a cross.

    >>> figure = dots({"none": {"last": np.ones(3)}}, name="top-1 (%)", reported={})
    >>> figure.axes[0].get_xlabel()
    'top-1 (%)'
    """
    figure = Figure(figsize=(7.0, 1.2 + 0.42 * len(groups)), dpi=DPI)
    figure.set_layout_engine("constrained")
    axes = figure.subplots()
    plain(axes)
    kinds = list(dict.fromkeys(kind for values in groups.values() for kind in values))
    for row, values in enumerate(groups.values()):
        for number, kind in enumerate(kinds):
            height = row + 0.28 * (number - (len(kinds) - 1) / 2)
            colour, points = (BLUE, GREY)[number % 2], values[kind]
            label = kind if row == 0 else None
            at = np.full(len(points), height)
            axes.scatter(points, at, color=colour, s=18, label=label, zorder=3)
            mean = points.mean()
            axes.plot([mean, mean], [height - 0.11, height + 0.11], color=colour)
    known = [(row, r) for row, r in enumerate(groups) if r in reported]
    if known:
        crosses = [reported[regime] for _, regime in known]
        rows = [row for row, _ in known]
        axes.scatter(crosses, rows, color=VERMILION, marker="x", label="reported")
    axes.set_yticks(range(len(groups)), list(groups))
    axes.invert_yaxis()
    axes.set_xlabel(name)
    axes.grid(axis="x", color="0.9")
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, fontsize=9)
    return figure


def robustness(
    steps: Sequence[float],
    panels: Mapping[str, Mapping[str, Float[np.ndarray, "N S"]]],
) -> Figure:
    """Accuracy against the size of an attack, a line per regime, a panel per kind.

    Args:
        steps: [S] sizes of the step, in pixels in [0, 1].
        panels: {kind: {regime: accuracies in percent, one row per seed}}.

    Returns:
        Means over seeds, and their range.

    >>> panels = {"white box": {"none": np.ones((2, 2))}}
    >>> len(robustness([0.0, 0.1], panels).axes)
    1
    """
    figure = Figure(figsize=(4.2 * len(panels) + 2.2, 3.6), dpi=DPI)
    figure.set_layout_engine("constrained")
    grid = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    x = 255 * np.asarray(steps)
    for axes, (kind, lines) in zip(grid, panels.items(), strict=True):
        plain(axes)
        for number, (regime, values) in enumerate(lines.items()):
            colour = COLOURS[number % len(COLOURS)]
            marker = MARKERS[number % len(MARKERS)]
            axes.plot(x, values.mean(0), color=colour, marker=marker, label=regime)
            axes.fill_between(
                x, values.min(0), values.max(0), color=colour, alpha=0.12, linewidth=0
            )
        axes.set_title(kind, fontsize=10)
        axes.set_xlabel("step (1/255 of the pixel range)")
        axes.set_ylim(bottom=0)
    grid[0].set_ylabel("top-1 accuracy (%)")
    handles = grid[0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside right upper", frameon=False, fontsize=9)
    return figure


def category_bars(counts: Mapping[str, Mapping[str, float]], *, name: str) -> Figure:
    """Stacked bars: how many units detect concepts of each category, by regime.

    Args:
        counts: {regime: {category: mean number of units}}.
        name: of the axis.

    >>> figure = category_bars({"none": {"object": 3.0}}, name="detectors")
    >>> [text.get_text() for text in figure.axes[0].get_yticklabels()]
    ['none']
    """
    figure = Figure(figsize=(7.0, 1.2 + 0.36 * len(counts)), dpi=DPI)
    figure.set_layout_engine("constrained")
    axes = figure.subplots()
    plain(axes)
    left = np.zeros(len(counts))
    categories = list(dict.fromkeys(c for values in counts.values() for c in values))
    for number, category in enumerate(categories):
        widths = np.array([values[category] for values in counts.values()])
        colour = COLOURS[number % len(COLOURS)]
        axes.barh(list(counts), widths, left=left, color=colour, label=category)
        left += widths
    axes.invert_yaxis()
    axes.set_xlabel(name)
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, fontsize=9)
    return figure
