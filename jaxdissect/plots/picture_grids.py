"""Pictures in rows, with captions."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import UInt8
from matplotlib.lines import Line2D

from jaxdissect.plots.figure import Figure
from jaxdissect.plots.figures import DPI

PANEL = 1.9
"""Inches of it in a grid."""

PER_ROW = 6
"""Pictures side by side, at most."""


def picture_grid(
    shown: Sequence[tuple[UInt8[np.ndarray, "s s 3"], str]],
    title: str,
    *,
    outlines: Mapping[str, tuple[int, int, int]],
) -> Figure:
    """Pictures in rows, each with its caption.

    Args:
        shown: (picture, caption of any number of lines), one or more.
        title: above all of them.
        outlines: {what is outlined: its colour}; said below, of those that occur.

    >>> picture = np.zeros((8, 8, 3), np.uint8)
    >>> len(picture_grid([(picture, "park")] * 2, "Trees", outlines={}).axes)
    2
    """
    rows = -(-len(shown) // PER_ROW)
    columns = -(-len(shown) // rows)
    lines = max(caption.count("\n") + 1 for _, caption in shown)
    size = (PANEL * max(columns, 2), (PANEL + 0.14 * lines) * rows + 0.6)
    figure = Figure(figsize=size, dpi=DPI, layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).ravel().tolist()
    for panel, (picture, caption) in zip(panels, shown, strict=False):
        panel.imshow(picture, interpolation="antialiased")
        panel.set_title(caption, fontsize=7.5, pad=3)
        panel.set_axis_off()
    for panel in panels[len(shown) :]:
        panel.remove()
    figure.suptitle(title, fontsize=10)
    lines_of = [
        Line2D([], [], color=f"#{bytes(colour).hex()}", label=name)
        for name, colour in outlines.items()
        if any((picture == colour).all(-1).any() for picture, _ in shown)
    ]
    figure.legend(
        handles=lines_of, loc="outside lower center", ncols=2, frameon=False, fontsize=8
    )
    return figure
