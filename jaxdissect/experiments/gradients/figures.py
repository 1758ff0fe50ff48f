"""Figures: errors as units go, steps towards other classes, maps, pushed images."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from jaxdissect.experiments.gradients import tables
from jaxdissect.experiments.gradients.measuring import Examples, Seen, Strip
from jaxdissect.experiments.gradients.tables import ORDERS
from jaxdissect.intervals import mean_interval
from jaxdissect.plots.figure import Figure
from jaxdissect.plots.figures import BLUE, DPI, GREY, VERMILION, plain

if TYPE_CHECKING:
    from jaxdissect.experiments.gradients.experiment import Result

COLOURS = dict(zip(ORDERS, (VERMILION, BLUE, GREY), strict=True))
MARKERS = dict(zip(ORDERS, "os^", strict=True))
CELL = 0.95
"""Inches of a map."""


def figures_of(result: "Result") -> dict[str, Figure]:
    """{name: figure}, all that there are."""
    own, overall = tables.errors(result.curves)
    of = f"{len(result.classes)} classes' orders"
    size_of = result.facts["step's size"]
    shares = tables.shares(result)
    return {
        "knockouts": knockout_figure(result.curves.counts, own, overall, of),
        "knockouts_by_class": knockouts_by_class(
            result.curves.counts, own, result.classes
        ),
        "steps": steps_figure(result.steps, *shares, result.classes, size_of),
        **figures_of_examples(result.examples, result.units),
    }


def figures_of_examples(
    examples: Examples, units: Sequence[tuple[str, int]]
) -> dict[str, Figure]:
    """{name: figure} of single test images."""
    own = next(iter(examples.seen[0].gradients))
    return {
        "scores": score_heat(examples.scores, examples.names, units),
        "activations": activation_grid(examples.seen[0], own),
        "features": features_figure(examples.seen, examples.layer),
        "strips": strips_figure(
            examples.strips,
            "Pushed along the input gradient of another class's probability",
        ),
    }


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
    for axes, errors, title in zip(panels, (own, overall), titles, strict=True):
        for order in ORDERS:
            _with_band(axes, counts, errors[order], COLOURS[order], order)
        plain(axes)
        axes.set_title(title, fontsize=10)
        axes.set_xlabel("units removed")
        axes.set_ylim(0, 100)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    panels[0].set_ylabel(f"error (%), mean of {of}")
    panels[0].legend(frameon=False, fontsize=9)
    return figure


def knockouts_by_class(
    counts: Int[np.ndarray, "n"],
    own: Mapping[str, Float[np.ndarray, "K n"]],
    classes: Sequence[str],
    *,
    num_columns: int = 5,
) -> Figure:
    """Errors of every class itself as units go, in small panels."""
    num_rows = -(-len(classes) // num_columns)
    size = (2.1 * num_columns, 1.7 * num_rows + 0.7)
    figure = Figure(figsize=size, dpi=DPI, layout="constrained")
    grid = figure.subplots(
        num_rows, num_columns, sharex=True, sharey=True, squeeze=False
    )
    panels = grid.ravel().tolist()
    for k, name in enumerate(classes):
        plain(panels[k])
        panels[k].set_title(name, fontsize=9)
        for order in ORDERS:
            panels[k].plot(
                counts,
                100 * own[order][k],
                color=COLOURS[order],
                marker=MARKERS[order],
                markersize=2.5,
                linewidth=1,
                label=order,
            )
    for panel in panels[max(0, len(classes) - num_columns) :]:
        panel.tick_params(labelbottom=True)
    for empty in panels[len(classes) :]:
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


def activation_grid(seen: Seen, asked: str, *, num_units: int = 8) -> Figure:
    """Layer by layer, the maps of the units most asked for, and what is asked of them.

    Args:
        seen: the image.
        asked: the class whose gradients are drawn below the activations: red asks for
            more, blue for less.
        num_units: at most so many of each layer, those with the largest scores.
    """
    layers = list(seen.acts)
    chosen = {
        layer: _strongest(seen.gradients[asked][layer], num_units) for layer in layers
    }
    columns = 1 + max(map(len, chosen.values()))
    size = (CELL * columns + 0.4, 2 * CELL * len(layers) * 1.12 + 0.6)
    figure = Figure(figsize=size, dpi=DPI, layout="constrained")
    grid = figure.subplots(2 * len(layers), columns, squeeze=False)
    for axes in grid.ravel():
        axes.set_axis_off()
    _picture(grid[0, 0], seen.image, "image")
    for row, layer in enumerate(layers):
        gradients = seen.gradients[asked][layer]
        largest = float(np.abs(gradients).max())
        if row:
            _text(grid[2 * row, 0], f"{layer}\nactivation")
        _text(grid[2 * row + 1, 0], f"{layer}\nwhat is asked")
        for column, unit in enumerate(chosen[layer], 1):
            _map(grid[2 * row, column], seen.acts[layer][..., unit], f"{layer} {unit}")
            _signed(grid[2 * row + 1, column], gradients[..., unit], largest)
    figure.suptitle(f"{seen.title}; asked by {asked}", fontsize=9)
    return figure


def features_figure(seen: Sequence[Seen], layer: str, *, num_units: int = 5) -> Figure:
    """What makes each image its class, and what would make it another.

    For each image the maps of a layer's units, and below what each class asks of them,
    each row on its own scale.
    """
    rows_of = [1 + len(one.gradients) for one in seen]
    columns = 1 + min(num_units, seen[0].acts[layer].shape[-1])
    size = (CELL * columns + 0.5, CELL * sum(rows_of) * 1.1 + 0.3 * len(seen))
    figure = Figure(figsize=size, dpi=DPI, layout="constrained")
    grid = figure.subplots(sum(rows_of), columns, squeeze=False)
    for axes in grid.ravel():
        axes.set_axis_off()
    top = 0
    for one, rows in zip(seen, rows_of, strict=True):
        first = next(iter(one.gradients.values()))
        units = np.sort(_strongest(first[layer], columns - 1))
        _picture(grid[top, 0], one.image, one.title)
        for column, unit in enumerate(units, 1):
            _map(grid[top, column], one.acts[layer][..., unit], f"{layer} {unit}")
        for row, (name, gradients) in enumerate(one.gradients.items(), top + 1):
            _text(grid[row, 0], f"asked by\n{name}")
            largest = float(np.abs(gradients[layer]).max())
            for column, unit in enumerate(units, 1):
                _signed(grid[row, column], gradients[layer][..., unit], largest)
        top += rows
    return figure


def strips_figure(strips: Sequence[Strip], title: str) -> Figure:
    """Perturbation strips, one below the other."""
    columns = len(strips[0].images)
    lines = max(caption.count("\n") + 1 for s in strips for caption in s.captions)
    size = (1.3 * columns, (1.3 + 0.15 * lines) * len(strips) + 0.4)
    figure = Figure(figsize=size, dpi=DPI, layout="constrained")
    grid = figure.subplots(len(strips), columns, squeeze=False)
    for row, strip in zip(grid, strips, strict=True):
        for axes, image, caption in zip(row, strip.images, strip.captions, strict=True):
            axes.set_axis_off()
            axes.imshow(image, interpolation="antialiased")
            axes.set_title(caption, fontsize=7, pad=2)
    figure.suptitle(title, fontsize=9)
    return figure


def score_heat(
    scores: Float[np.ndarray, "n U"],
    names: Sequence[str],
    units: Sequence[tuple[str, int]],
) -> Figure:
    """Scores of every unit on single images, each row by its own largest.

    Args:
        scores: of images, those of a class together.
        names: of the images.
        units: (layer, number) of each.

    >>> figure = score_heat(np.ones((2, 2)), ["a", "b"], [("c", 0), ("d", 0)])
    >>> figure.axes[0].get_xlabel()
    'unit, layer by layer'
    """
    scale = scores.max(1, keepdims=True)
    shown = scores / np.where(scale > 0, scale, 1)
    wide = float(np.clip(0.28 * len(units), 5, 14))
    figure = Figure(figsize=(wide + 1.6, 0.26 * len(names) + 1.3), dpi=DPI)
    figure.set_layout_engine("constrained")
    axes = figure.subplots()
    drawn = axes.imshow(shown, cmap="viridis", vmin=0, vmax=1, aspect="auto")
    axes.set_yticks(range(len(names)), list(names), fontsize=7)
    layers = [layer for layer, _ in units]
    starts = [u for u, layer in enumerate(layers) if u == 0 or layers[u - 1] != layer]
    for start in starts[1:]:
        axes.axvline(start - 0.5, color="white", linewidth=2)
    middles = np.array([*starts, len(units)])
    axes.set_xticks(
        ((middles[:-1] + middles[1:] - 1) / 2).tolist(), [layers[s] for s in starts]
    )
    axes.tick_params(length=0)
    axes.set_xlabel("unit, layer by layer")
    figure.colorbar(drawn, ax=axes, label="score, of the image's largest")
    return figure


def _strongest(gradients, number: int) -> Int[np.ndarray, "n"]:
    norms = np.sqrt((gradients**2).sum((0, 1)))
    return np.argsort(-norms, kind="stable")[:number]


def _picture(axes: Axes, image: np.ndarray, title: str) -> None:
    axes.imshow(image, interpolation="antialiased")
    axes.set_title(title, fontsize=6.5, pad=2)


def _map(axes: Axes, values: np.ndarray, title: str) -> None:
    axes.imshow(values, cmap="gray", interpolation="nearest")
    axes.set_title(title, fontsize=6.5, pad=2)


def _signed(axes: Axes, values: np.ndarray, largest: float) -> None:
    limit = largest or 1.0
    axes.imshow(values, cmap="RdBu_r", vmin=-limit, vmax=limit, interpolation="nearest")


def _text(axes: Axes, text: str) -> None:
    axes.text(
        0.98, 0.5, text, ha="right", va="center", fontsize=7, transform=axes.transAxes
    )


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
