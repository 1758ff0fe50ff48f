"""Figures that answer questions to a dissection.

Built on matplotlib's `Figure` itself, as all figures here. Rates come in as fractions
and are drawn in percent.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, UInt8
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from PIL import Image

from jaxdissect.dissection.queries import UnitClassifier
from jaxdissect.pages import pictures
from jaxdissect.plots.figure import Figure
from jaxdissect.plots.figures import BLUE, DPI, VERMILION, canvas

PANEL = 1.9
"""Inches of it in a grid."""

PER_ROW = 6
"""Pictures side by side, at most."""

SIDE = 256
"""Pixels along each side of a picture."""

TRUTH = (51, 221, 255)

GRID = 400
"""Places at which a density is drawn."""

GOLDEN = (5**0.5 - 1) / 2
"""Multiples of it, modulo 1, are spread evenly however many there are: a jitter that
is the same every time."""


def marked(
    image: UInt8[np.ndarray, "S S 3"],
    region: Bool[np.ndarray, "S S"],
    truth: Bool[np.ndarray, "S S"],
    *,
    side: int = SIDE,
) -> UInt8[np.ndarray, "s s 3"]:
    """An image, dimmed where units are off, with the labelled concept in outline.

    Args:
        image: values in [0, 255].
        region: where units are on; outlined in yellow, from outside.
        truth: where the concept is; outlined in blue, from inside.
        side: s, in pixels, to which the image is scaled so that outlines stay fine.

    >>> nowhere, image = np.zeros((4, 4), bool), np.zeros((4, 4, 3), np.uint8)
    >>> marked(image, nowhere, ~nowhere, side=8)[0, 0].tolist() == list(TRUTH)
    True
    """
    scaled = pictures.scaled(image, side)
    region, truth = (
        pictures.scaled(light, side, Image.Resampling.BILINEAR) > 127
        for light in (np.where(m, 255, 0).astype(np.uint8) for m in (region, truth))
    )
    # A copy, because the strip may be one with the image.
    picture = pictures.region_strip(scaled[None], region[None], height=side).copy()
    border = np.pad(truth, 1)
    inside = border[:-2, 1:-1] & border[2:, 1:-1] & border[1:-1, :-2] & border[1:-1, 2:]
    picture[truth & ~inside] = TRUTH
    return picture


def classifier_figure(
    peaks: Float[np.ndarray, "N"],
    has_concept: Bool[np.ndarray, "N"],
    found: UnitClassifier,
    unit: str,
    concept: str,
) -> Figure:
    """A unit's peaks on images with and without a concept: densities, and every image.

    Args:
        peaks: the unit's highest value on each image.
        has_concept: whether the image shows the concept.
        found: from `unit_as_classifier` of the same.
        unit: its name, such as "unit 150".
        concept: its name.

    Returns:
        One cloud for each kind of image, scaled to the same height, over its dots.

    Reference:
        Bau et al., PNAS 2020, Fig. 1: the peaks of unit 150 on images with and without
        airplanes.

    >>> from jaxdissect.dissection.queries import unit_as_classifier
    >>> peaks, has_concept = np.array([0.0, 1.0, 5.0]), np.array([False, False, True])
    >>> found = unit_as_classifier(peaks, has_concept, 3.0)
    >>> figure = classifier_figure(peaks, has_concept, found, "unit 7", "boat")
    >>> figure.get_suptitle().splitlines()[0]
    'Unit 7 as a classifier of “boat”: balanced accuracy 100.0 %'
    """
    figure, axes = canvas()
    low, high = min(0.0, peaks.min()), max(peaks.max(), found.threshold)
    margin = 0.04 * (high - low or 1.0)
    axes.set_xlim(low - margin, high + margin)
    axes.set_ylim(-1.4, 0.75)
    with_it, without = peaks[has_concept], peaks[~has_concept]
    _cloud(axes, with_it, 0.0, VERMILION, found.true_positive_rate)
    _cloud(axes, without, -1.0, BLUE, found.false_positive_rate)
    kinds = (("images with it", with_it), ("images without", without))
    names = [f"{kind}\n({len(values)})" for kind, values in kinds]
    axes.set_yticks([0.1, -0.9], names)
    axes.axvline(found.threshold, color="black", linewidth=1)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(f"peak activation of {unit}")
    ends = " to ".join(f"{100 * end:.1f}" for end in found.interval)
    figure.suptitle(
        f"{unit.capitalize()} as a classifier of “{concept}”: balanced accuracy "
        f"{100 * found.balanced_accuracy:.1f} %\n95 % interval {ends} %; threshold "
        f"{found.threshold:.3g}; AUC {found.auc:.3f}",
        fontsize=10,
    )
    return figure


def picture_grid(
    shown: Sequence[tuple[UInt8[np.ndarray, "s s 3"], str]], title: str, *, bright: str
) -> Figure:
    """Pictures in rows, each with its caption.

    Args:
        shown: (picture from `marked`, caption of any number of lines), one or more.
        title: above all of them.
        bright: what the bright parts are, such as "a unit is on".

    >>> picture = np.zeros((8, 8, 3), np.uint8)
    >>> len(picture_grid([(picture, "park")] * 2, "Trees", bright="a unit is on").axes)
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
    colours = {bright: pictures.OUTLINE, "labelled": TRUTH}
    lines_of = [
        Line2D([], [], color=f"#{bytes(colour).hex()}", label=name)
        for name, colour in colours.items()
        if any((picture == colour).all(-1).any() for picture, _ in shown)
    ]
    figure.legend(
        handles=lines_of, loc="outside lower center", ncols=2, frameon=False, fontsize=8
    )
    return figure


def _cloud(
    axes: Axes, values: np.ndarray, base: float, colour: str, above: float
) -> None:
    grid = np.linspace(*axes.get_xlim(), GRID)
    density = _density(values, grid)
    heights = base + 0.62 * density / density.max()
    axes.fill_between(grid, base, heights, color=colour, alpha=0.3, linewidth=0)
    axes.plot(grid, heights, color=colour, linewidth=1)
    jitter = GOLDEN * np.arange(len(values)) % 1
    axes.scatter(
        values,
        base - 0.06 - 0.26 * jitter,
        s=7,
        color=colour,
        alpha=float(np.clip(150 / len(values), 0.12, 0.6)),
        linewidths=0,
    )
    # Near the right end, where the densities are thin.
    axes.text(
        0.995,
        base + 0.4,
        f"{100 * above:.1f} % above",
        color=colour,
        ha="right",
        fontsize=9,
        transform=axes.get_yaxis_transform(),
    )


def _density(values: np.ndarray, grid: np.ndarray) -> np.ndarray:
    # Gaussian kernels of Silverman's width, but no narrower than the grid can show:
    # peaks of a unit that is mostly off are all 0.
    spread = min(values.std(), np.subtract(*np.percentile(values, [75, 25])) / 1.34)
    step = grid[1] - grid[0]
    width = max(0.9 * spread * len(values) ** -0.2, 4 * step)
    number = np.bincount(np.rint((values - grid[0]) / step).astype(int), minlength=GRID)
    return np.exp(-(((grid[:, None] - grid) / width) ** 2) / 2) @ number
