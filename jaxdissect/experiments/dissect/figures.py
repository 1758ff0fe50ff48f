"""Figures of a dissection: layers side by side, and units along other axes."""

import itertools
from collections.abc import Sequence

import numpy as np

from jaxdissect.dissection import NOT_TESTED
from jaxdissect.pages.tables import Table
from jaxdissect.plots.figure import Figure
from jaxdissect.plots.figures import BLUE, DPI, GREY, SIZE, VERMILION

PALETTE = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9")
"""Okabe and Ito's colours, in the order of the report's categories."""


def profile_figure(
    profile: Table, categories: Sequence[str], title: str = "Unique labels per layer"
) -> Figure:
    """Unique labels of each layer, stacked by category, from bottom to top."""
    figure = Figure(SIZE, DPI, layout="constrained")
    axes = figure.subplots()
    layers = [str(layer) for layer in profile.column("layer")[:-1]]
    places, below = np.arange(len(layers)), np.zeros(len(layers))
    for category, colour in zip(categories, itertools.cycle(PALETTE), strict=False):
        heights = np.array(profile.column(f"{category}_unique")[:-1], float)
        axes.bar(places, heights, bottom=below, label=category, color=colour)
        below += heights
    axes.set_xticks(places, layers, rotation=40, ha="right")
    axes.set_ylabel("unique labels of detectors (by IoU)")
    axes.set_title(title)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8, ncols=2)
    return figure


def rotation_figure(table: Table) -> Figure:
    """Unique labels of a layer whose units are rotated more and more.

    Args:
        table: of columns power, rotation, detectors and unique_labels.

    Reference:
        Bau et al., Network Dissection, CVPR 2017, figure 4.
    """
    figure = Figure(SIZE, DPI, layout="constrained")
    axes = figure.subplots()
    power = np.array(table.column("power"), float)
    powers = np.unique(power)
    for name, colour in (("detectors", VERMILION), ("unique_labels", BLUE)):
        values = np.array(table.column(name), float)
        axes.scatter(power, values, s=14, color=colour, alpha=0.6)
        means = [values[power == one].mean() for one in powers]
        axes.plot(powers, means, color=colour, label=name.replace("_", " "))
    axes.axhline(0, color=GREY, linewidth=0.6)
    axes.set_xlabel("how far the units are rotated (0: as trained, 1: a random basis)")
    axes.set_ylabel(f"of the layer, by IoU ({NOT_TESTED})")
    axes.set_title("The same function, read along other axes")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8)
    return figure
