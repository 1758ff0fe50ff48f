"""Regularisers side by side, as files: tables, figures, one page of Markdown."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from jaxdissect.experiments import train
from jaxdissect.experiments.regimes import tables
from jaxdissect.pages import inline
from jaxdissect.pages.claims import claims_table
from jaxdissect.pages.tables import markdown, of_columns, write_columns
from jaxdissect.plots.figure import Figure
from jaxdissect.plots.figures import (
    BLUE,
    COLOURS,
    DPI,
    GREY,
    MARKERS,
    VERMILION,
    plain,
    save,
)

if TYPE_CHECKING:
    from jaxdissect.experiments.regimes.experiment import Result
    from jaxdissect.experiments.regimes.settings import RegimesSettings

NOTES = (
    "- The best epoch is chosen on the test images, as the source did; the last is "
    "not. Training accuracies are means over the last epoch in training mode, under "
    "the regulariser; the source's are the highest of any epoch.",
    "- `input gradient differences` takes batches of at most 32, as the source did, so "
    "it takes more steps; the source's schedule was one epoch ahead there.",
    "- Input gradients are penalised in normalised pixels and measured in pixels in "
    "[0, 1]. One step of the gradient's sign is a weak attack: robustness against it "
    "can be a vanishing gradient.",
    "- Units are dissected on generated images, not on those of the training.",
    "- p-values are not corrected for the number of claims.",
)
"""What a reader must know before comparing with the source."""


def write(folder: Path, result: "Result") -> None:
    """Tables as CSV, figures as PNG, and one page of Markdown."""
    measured, settings = result.measured, result.settings
    columns_of = {
        "accuracy": tables.accuracy(measured, reported(settings)),
        "robustness": tables.robustness(measured, settings.steps),
        "detectors": tables.detectors(measured),
        "trainings": tables.trainings(measured),
        "claims": claims_table(tables.claims(measured, settings.steps)).by_column(),
    }
    figures = figures_of(result)
    page = ["# Regularisers side by side", "", note(settings), "", *NOTES, ""]
    for name, columns in columns_of.items():
        write_columns(folder / f"{name}.csv", columns)
        page += [f"## {name.capitalize()}", "", markdown(of_columns(columns)), ""]
        if name in figures:
            save(figures[name], folder / f"{name}.png")
            page += [f"![{name}]({name}.png)", ""]
    (folder / "results.md").write_text("\n".join(page), encoding="utf-8")


def html(result: "Result") -> str:
    """What was found, with its figures, for a notebook."""
    lines = [note(result.settings), *sentences(result)]
    return inline.findings("Regularisers side by side", lines, figures_of(result))


def sentences(result: "Result") -> list[str]:
    """What the sources lead one to expect, put to these trainings, in words."""
    claims = tables.claims(result.measured, result.settings.steps)
    return [f"{c.claim}: {c.verdict} ({c.numbers})." for c in claims]


def reported(settings: "RegimesSettings") -> Mapping[str, tuple[float, float]]:
    """The source's numbers, where its network is trained on its data as long."""
    base = train.base_of(settings)
    described = (base.network.architecture, base.network.width, base.data.name)
    same = described == ("vgg16", 1.0, "cifar100") and base.schedule == ((32, 150),)
    return tables.REPORTED if same else {}


def note(settings: "RegimesSettings") -> str:
    """What was trained on what."""
    base = train.base_of(settings)
    size, epochs = base.schedule[-1]
    amount = base.data.num_train or "all"
    return (
        f"{base.network.architecture}, width {base.network.width:g}, on {amount} "
        f"training images of {base.data.name} at {size} px, {epochs} epochs. "
        "Accuracies in percent, means with 95 % t intervals over seeds. Detectors are "
        "counted by IoU (chance not tested)."
    )


def figures_of(result: "Result") -> dict[str, Figure]:
    """{name: figure}: accuracy, robustness, detectors."""
    groups = tables.by_regime(result.measured)
    accuracies = {
        name: {
            f"test, {which} epoch": tables.percent(group, f"{which}_top1")
            for which in ("last", "best")
        }
        for name, group in groups.items()
    }
    crosses = {name: test for name, (_, test) in reported(result.settings).items()}
    panels = {
        title: {n: tables.under_attack(group, kind) for n, group in groups.items()}
        for title, kind in (
            ("white box", "white_box"),
            ("transferred from none of another seed", "transferred"),
        )
    }
    counts = {
        name: {
            c: float(np.mean([m.detectors[c] for m in group]))
            for c in group[0].detectors
        }
        for name, group in groups.items()
    }
    return {
        "accuracy": dots(accuracies, name="top-1 accuracy (%)", reported=crosses),
        "robustness": robustness((0.0, *result.settings.steps), panels),
        "detectors": category_bars(counts, name="detectors, mean over seeds"),
    }


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
