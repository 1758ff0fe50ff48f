"""Pictures of activations, of what classes ask for, and of images pushed elsewhere."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, UInt8
from matplotlib.axes import Axes

from jaxdissect.plots.figure import Figure
from jaxdissect.plots.figures import DPI

CELL = 0.95
"""Inches of a map."""


class Seen(NamedTuple):
    """An image, what units do on it and what classes ask of them there.

    Attributes:
        image: RGB.
        title: such as "subject03, taken for subject03 (p .98)".
        acts: {layer: [H W U]}.
        gradients: {name of the class asked: {layer: [H W U]}}.
    """

    image: UInt8[np.ndarray, "S S 3"]
    title: str
    acts: Mapping[str, Float[np.ndarray, "H W U"]]
    gradients: Mapping[str, Mapping[str, Float[np.ndarray, "H W U"]]]


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
            _said(grid[2 * row, 0], f"{layer}\nactivation")
        _said(grid[2 * row + 1, 0], f"{layer}\nwhat is asked")
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
            _said(grid[row, 0], f"asked by\n{name}")
            largest = float(np.abs(gradients[layer]).max())
            for column, unit in enumerate(units, 1):
                _signed(grid[row, column], gradients[layer][..., unit], largest)
        top += rows
    return figure


class Strip(NamedTuple):
    """An image pushed towards a class by larger and larger steps.

    Attributes:
        images: RGB, the unchanged one first.
        captions: one for each.
    """

    images: UInt8[np.ndarray, "n S S 3"]
    captions: Sequence[str]


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


def _said(axes: Axes, text: str) -> None:
    axes.text(
        0.98, 0.5, text, ha="right", va="center", fontsize=7, transform=axes.transAxes
    )
