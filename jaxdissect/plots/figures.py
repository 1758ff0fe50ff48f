"""How all figures look: sizes, colours, legends.

Built on matplotlib's `Figure` itself: no pyplot, no backend, no global settings.
"""

from pathlib import Path
from typing import Any

from matplotlib.artist import Artist
from matplotlib.axes import Axes

from jaxdissect.plots.figure import Figure

SIZE = (7.0, 4.5)
DPI = 150

# Okabe and Ito's palette, which readers with any colour vision can tell apart.
VERMILION, BLUE, GREY = "#d55e00", "#0072b2", "#6b6f76"


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
