"""Figures of errors as units go, and as steps towards other classes grow."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from jaxdissect.experiments.gradients.answers import ORDERS, Answers, errors
from jaxdissect.intervals import mean_interval
from jaxdissect.plots.figure import Figure
from jaxdissect.plots.figures import BLUE, DPI, GREY, VERMILION, plain

COLOURS = dict(zip(ORDERS, (VERMILION, BLUE, GREY), strict=True))
MARKERS = dict(zip(ORDERS, "os^", strict=True))


def knockout_figure(
    counts: Int[np.ndarray, "n"],
    own: Mapping[str, Float[np.ndarray, "R n"]],
    overall: Mapping[str, Float[np.ndarray, "R n"]],
    of: str,
) -> Figure:
    """Errors of a class and of all classes as units go in three orders.

    Args:
        counts: units removed.
        own: {order: errors of the class whose order it is}, of R classes or trainings.
        overall: {order: errors over all classes}.
        of: what the R are, such as "10 trainings".

    Returns:
        Means, and the 95 % t interval of each mean as a band.
    """
    figure = Figure(figsize=(9.0, 4.2), dpi=DPI, layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    titles = ("errors of the class itself", "errors over all classes")
    for axes, found, title in zip(panels, (own, overall), titles, strict=True):
        for order in ORDERS:
            _with_band(axes, counts, found[order], COLOURS[order], order)
        plain(axes)
        axes.set_title(title, fontsize=10)
        axes.set_xlabel("units removed")
        axes.set_ylim(0, 100)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    panels[0].set_ylabel(f"error (%), mean of {of}")
    panels[0].legend(frameon=False, fontsize=9)
    return figure


def knockouts_by_class(found: Answers, *, num_columns: int = 5) -> Figure:
    """Errors of every class itself as units go, in small panels."""
    own = errors(found.curves).own
    num_rows = -(-len(found.classes) // num_columns)
    size = (2.1 * num_columns, 1.7 * num_rows + 0.7)
    figure = Figure(figsize=size, dpi=DPI, layout="constrained")
    grid = figure.subplots(
        num_rows, num_columns, sharex=True, sharey=True, squeeze=False
    )
    panels = grid.ravel().tolist()
    for k, name in enumerate(found.classes):
        plain(panels[k])
        panels[k].set_title(name, fontsize=9)
        for order in ORDERS:
            panels[k].plot(
                found.curves.counts,
                100 * own[order][k],
                color=COLOURS[order],
                marker=MARKERS[order],
                markersize=2.5,
                linewidth=1,
                label=order,
            )
    for panel in panels[max(0, len(found.classes) - num_columns) :]:
        panel.tick_params(labelbottom=True)
    for empty in panels[len(found.classes) :]:
        empty.remove()
    figure.supxlabel("units removed", fontsize=10)
    figure.supylabel("errors of the class (%)", fontsize=10)
    handles, names = panels[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper center", ncols=3, frameon=False)
    return figure


def steps_figure(
    steps: Sequence[float],
    success: Float[np.ndarray, "K S"],
    any_error: Float[np.ndarray, "K S"],
    classes: Sequence[str],
    size_of: str,
) -> Figure:
    """How often steps towards a class reach it, and how often they cause any error.

    Args:
        steps: S sizes, increasing.
        success: share of the images aimed at each class that are taken for it.
        any_error: share that is taken for any class but its own.
        classes: names; the easiest and the hardest to reach are named.
        size_of: what a step's size is, for the axis.
    """
    figure = Figure(figsize=(9.0, 4.0), dpi=DPI, layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    titles = ("taken for the class aimed at", "taken for any wrong class")
    reached = success.mean(1)
    extremes = {"easiest and hardest to reach": reached.argmax(), "": reached.argmin()}
    for axes, shares, title in zip(panels, (success, any_error), titles, strict=True):
        plain(axes)
        axes.plot(steps, 100 * shares.T, color=GREY, linewidth=0.7, alpha=0.7)
        axes.plot(
            steps,
            100 * shares.mean(0),
            color=VERMILION,
            marker="o",
            markersize=3.5,
            label="mean of classes",
        )
        for name, k in extremes.items():
            label = name or None
            axes.plot(steps, 100 * shares[k], color=BLUE, linewidth=1.2, label=label)
        axes.set_xscale("log", base=2)
        axes.set_xticks(list(steps), [f"{step:g}" for step in steps])
        axes.set_xlabel(size_of)
        axes.set_title(title, fontsize=10)
        axes.set_ylim(0, 100)
    for k in extremes.values():
        panels[0].annotate(
            classes[k],
            (steps[-1], 100 * success[k, -1]),
            xytext=(4, 0),
            textcoords="offset points",
            fontsize=8,
            color=BLUE,
            va="center",
        )
    panels[0].set_ylabel("images (%)")
    panels[0].legend(frameon=False, fontsize=9, loc="upper left")
    return figure


def _with_band(axes: Axes, x, values, colour: str, name: str) -> None:
    middle = values.mean(0)
    axes.plot(
        x, 100 * middle, color=colour, marker=MARKERS[name], markersize=3.5, label=name
    )
    if len(values) < 2:
        return
    rest = values - middle
    number = np.full(len(middle), len(values))
    low, high = mean_interval(rest.sum(0), (rest**2).sum(0), number)
    ends = (100 * (middle + end) for end in (low, high))
    axes.fill_between(x, *ends, color=colour, alpha=0.2, linewidth=0)
