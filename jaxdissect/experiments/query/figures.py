"""How well a unit tells images with a concept from others, drawn."""

import numpy as np
from jaxtyping import Bool, Float
from matplotlib.axes import Axes

from jaxdissect.dissection.queries import UnitClassifier
from jaxdissect.plots.figure import Figure
from jaxdissect.plots.figures import BLUE, VERMILION, canvas

GRID = 400
"""Places at which a density is drawn."""

GOLDEN = (5**0.5 - 1) / 2
"""Multiples of it, modulo 1, are spread evenly however many there are: a jitter that
is the same every time."""


def classifier_figure(
    peaks: Float[np.ndarray, "N"],
    has_concept: Bool[np.ndarray, "N"],
    judged: UnitClassifier,
    unit: str,
    concept: str,
) -> Figure:
    """A unit's peaks on images with and without a concept: densities, and every image.

    Args:
        peaks: the unit's highest value on each image.
        has_concept: whether the image shows the concept.
        judged: from `unit_as_classifier` of the same.
        unit: its name, such as "unit 150".
        concept: its name.

    Returns:
        One cloud for each kind of image, scaled to the same height, over its dots.

    Reference:
        Bau et al., PNAS 2020, Fig. 1: the peaks of unit 150 on images with and without
        airplanes.

    >>> from jaxdissect.dissection.queries import unit_as_classifier
    >>> peaks, has_concept = np.array([0.0, 1.0, 5.0]), np.array([False, False, True])
    >>> judged = unit_as_classifier(peaks, has_concept, 3.0)
    >>> figure = classifier_figure(peaks, has_concept, judged, "unit 7", "boat")
    >>> figure.get_suptitle().splitlines()[0]
    'Unit 7 as a classifier of “boat”: balanced accuracy 100.0 %'
    """
    figure, axes = canvas()
    low, high = min(0.0, peaks.min()), max(peaks.max(), judged.threshold)
    margin = 0.04 * (high - low or 1.0)
    axes.set_xlim(low - margin, high + margin)
    axes.set_ylim(-1.4, 0.75)
    with_it, without = peaks[has_concept], peaks[~has_concept]
    _cloud(axes, with_it, 0.0, VERMILION, judged.true_positive_rate)
    _cloud(axes, without, -1.0, BLUE, judged.false_positive_rate)
    kinds = (("images with it", with_it), ("images without", without))
    names = [f"{kind}\n({len(values)})" for kind, values in kinds]
    axes.set_yticks([0.1, -0.9], names)
    axes.axvline(judged.threshold, color="black", linewidth=1)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(f"peak activation of {unit}")
    ends = " to ".join(f"{100 * end:.1f}" for end in judged.interval)
    figure.suptitle(
        f"{unit.capitalize()} as a classifier of “{concept}”: balanced accuracy "
        f"{100 * judged.balanced_accuracy:.1f} %\n95 % interval {ends} %; threshold "
        f"{judged.threshold:.3g}; AUC {judged.auc:.3f}",
        fontsize=10,
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
