"""Weight decay, block norm, receptive-field losses: how interpretable units become.

The interpretability score of a network is the number of unique labels of its detectors,
summed over layers. Accuracies come in as fractions and go out in percent.

Reference:
    Varshneya et al., Learning interpretable concept groups in CNNs, IJCAI 2021.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from matplotlib.ticker import MaxNLocator

from jaxdissect.pages.claims import Claim, above, mean_and_interval
from jaxdissect.pages.tables import Cell, Table
from jaxdissect.plots.figure import Figure
from jaxdissect.plots.figures import (
    BLUE,
    COLOURS,
    DPI,
    GREY,
    MARKERS,
    VERMILION,
    canvas,
    plain,
)

REGIMES = ("weight decay", "block norm", "block norm and fields")

REPORTED = {
    ("alexnet", "weight decay"): "130",
    ("alexnet", "block norm"): "173",
    ("alexnet", "block norm and fields"): "185",
    ("alexnet-B", "weight decay"): "148",
    ("alexnet-B", "block norm"): "157",
    ("alexnet-B", "block norm and fields"): "166",
    ("shapesnet", "weight decay"): "9 or 10 (conv2)",
    ("shapesnet", "block norm"): "12 (conv2)",
    ("shapesnet", "block norm and fields"): "14 (conv2)",
}
"""Scores in the paper: AlexNets at full width on Places365, seen through Broden, all
layers; the network of the shapes, conv2 alone."""


class Measured(NamedTuple):
    """What is known of one training.

    Attributes:
        network: its name; "-B" at the end means BatchNorm.
        regime: one of `REGIMES`.
        seed: its seed.
        top1: test accuracy after the last epoch.
        unique_labels: {layer: different labels of its detectors}.
        unique_by_category: different best concepts in each category, summed over
            categories and layers.
        relevance: {layer: [G] norm of each group of filters}.
    """

    network: str
    regime: str
    seed: int
    top1: float
    unique_labels: Mapping[str, int]
    unique_by_category: int
    relevance: Mapping[str, Float[np.ndarray, "G"]]

    def score(self) -> int:
        """Unique labels, summed over layers."""
        return sum(self.unique_labels.values())

    def unevenness(self) -> float:
        """Coefficient of variation of the groups' norms, mean over layers."""
        spreads = [beta.std() / beta.mean() for beta in self.relevance.values()]
        return float(np.mean(spreads))


def grouped(measured: Sequence[Measured]) -> dict[tuple[str, str], list[Measured]]:
    """The trainings of every network and regime, by seed."""
    found: dict[tuple[str, str], list[Measured]] = {}
    for m in sorted(measured, key=lambda m: (m.network, REGIMES.index(m.regime))):
        found.setdefault((m.network, m.regime), []).append(m)
    return {key: sorted(each, key=lambda m: m.seed) for key, each in found.items()}


def trainings_table(measured: Sequence[Measured]) -> Table:
    """One row per training."""
    layers = list(measured[0].unique_labels)
    columns = ["network", "regime", "seed", "top1", *layers, "score"]
    columns += ["score_by_category", "unevenness"]
    rows: list[list[Cell]] = [
        [m.network, m.regime, m.seed, m.top1, *m.unique_labels.values()]
        for m in measured
    ]
    for row, m in zip(rows, measured, strict=True):
        row += [m.score(), m.unique_by_category, m.unevenness()]
    return Table(columns, rows)


def score_table(measured: Sequence[Measured]) -> Table:
    """One row per network and regime: means with 95 % t intervals over seeds."""
    layers = list(measured[0].unique_labels)
    columns = ["network", "regime", "seeds", *layers, "score", "by category"]
    columns += ["top-1 (%)", "unevenness of groups", "reported score"]
    rows: list[list[Cell]] = []
    for (network, regime), each in grouped(measured).items():
        means = [np.mean([m.unique_labels[layer] for m in each]) for layer in layers]
        row: list[Cell] = [network, regime, len(each)]
        row += [f"{mean:.1f}" for mean in means]
        row += [
            mean_and_interval(_values(each, value))
            for value in (_score, _by_category, _top1)
        ]
        row += [f"{_values(each, Measured.unevenness).mean():.3f}"]
        rows.append([*row, REPORTED.get((network, regime), "")])
    return Table(columns, rows)


def claims(measured: Sequence[Measured]) -> list[Claim]:
    """The orderings the paper reports, put to these trainings, network by network."""
    found, by_key = [], grouped(measured)
    for network in dict.fromkeys(m.network for m in measured):
        decay, norm, fields = (by_key[network, regime] for regime in REGIMES)
        for name, more, less, value, bound in (
            ("Block norm gives more unique labels", norm, decay, _score, 0.0),
            ("Receptive-field losses add to that", fields, norm, _score, 0.0),
            ("All three give more than weight decay", fields, decay, _score, 0.0),
            ("Block norm costs no more than 2 points", norm, decay, _top1, -2.0),
            ("All three cost no more than 2 points", fields, decay, _top1, -2.0),
            ("Block norm makes groups uneven", norm, decay, Measured.unevenness, 0.0),
        ):
            differences = _values(more, value) - _values(less, value)
            found.append(above(f"{network}: {name}", "difference", differences, bound))
    return found


def relevance_figure(measured: Sequence[Measured]) -> Figure:
    """Norms of the groups of filters, largest first, of each layer and regime.

    Args:
        measured: of one network; the first seed of each regime is drawn.

    >>> beta = {"conv1": np.array([1.0, 3.0])}
    >>> one = Measured("net", "weight decay", 0, 0.5, {"conv1": 1}, 1, beta)
    >>> len(relevance_figure([one]).axes)
    1
    """
    layers = list(measured[0].relevance)
    size = (1.6 + 1.7 * len(layers), 2.8)
    figure = Figure(figsize=size, dpi=DPI, layout="constrained")
    grid = figure.subplots(1, len(layers), squeeze=False)[0]
    for axes, layer in zip(grid, layers, strict=True):
        plain(axes)
        for number, (key, each) in enumerate(grouped(measured).items()):
            beta = np.sort(each[0].relevance[layer])[::-1]
            places = 1 + np.arange(len(beta)) + 0.25 * (number - 1)
            colour = (GREY, BLUE, VERMILION)[number % 3]
            axes.bar(places, beta, width=0.25, color=colour, label=key[1])
        axes.set_title(layer, fontsize=10)
        axes.set_xlabel("group, by norm")
    grid[0].set_ylabel("norm of the group's filters")
    handles = grid[0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=3, frameon=False)
    return figure


def score_figure(measured: Sequence[Measured]) -> Figure:
    """Accuracy against score, a dot per training.

    >>> one = Measured("net", "weight decay", 0, 0.5, {"conv1": 1}, 1, {})
    >>> score_figure([one]).axes[0].get_xlabel()
    'interpretability score (unique labels, all layers)'
    """
    figure, axes = canvas()
    networks = list(dict.fromkeys(m.network for m in measured))
    for (network, regime), each in grouped(measured).items():
        number = REGIMES.index(regime)
        axes.scatter(
            _values(each, _score),
            _values(each, _top1),
            # Hollow and of three sizes, so that equal trainings all show.
            s=30 + 60 * number,
            facecolors="none",
            edgecolors=COLOURS[number],
            linewidths=1.8,
            marker=MARKERS[networks.index(network)],
            label=f"{network}, {regime}",
        )
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("interpretability score (unique labels, all layers)")
    axes.set_ylabel("top-1 accuracy (%)")
    axes.legend(frameon=False, fontsize=8)
    return figure


def _values(each: Sequence[Measured], value) -> Float[np.ndarray, "N"]:
    return np.array([float(value(m)) for m in each])


def _score(m: Measured) -> float:
    return float(m.score())


def _by_category(m: Measured) -> float:
    return float(m.unique_by_category)


def _top1(m: Measured) -> float:
    return 100 * m.top1
