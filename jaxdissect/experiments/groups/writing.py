"""Weight decay, block norm, receptive-field losses: tables, claims, figures, words.

Accuracies come in as fractions and go out in percent.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float
from matplotlib.ticker import MaxNLocator

from jaxdissect.pages import inline
from jaxdissect.pages.claims import Claim, above, claims_table, mean_and_interval
from jaxdissect.pages.tables import markdown, of_columns, write_columns
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
    save,
)

if TYPE_CHECKING:
    from jaxdissect.experiments.groups.experiment import Measured, Result

Value = Callable[["Measured"], float]
KEYS = ("network", "regime", "seed", "top1")
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


def write(folder: Path, result: "Result") -> None:
    """Tables as CSV, figures as PNG, and one page of Markdown."""
    measured = result.measured
    tables = {
        "score": scores(measured),
        "claims": claims_table(claims(measured)).by_column(),
        "trainings": trainings(measured),
    }
    page = ["# Block norms and what units detect", "", note(result), ""]
    for name, columns in tables.items():
        write_columns(folder / f"{name}.csv", columns)
        page += [f"## {name.capitalize()}", "", markdown(of_columns(columns)), ""]
    for name, figure in figures_of(measured).items():
        save(figure, folder / f"{name}.png")
        page.append(f"![{name}]({name}.png)\n")
    (folder / "results.md").write_text("\n".join(page), encoding="utf-8")


def html(result: "Result") -> str:
    """What was found, with its figures, for a notebook."""
    lines = [note(result), *sentences(result.measured)]
    drawn = figures_of(result.measured)
    return inline.findings("Block norms and what units detect", lines, drawn)


def note(result: "Result") -> str:
    """What a reader must know before comparing with the source."""
    base = result.base
    size, epochs = base.schedule[-1]
    return (
        f"{base.network.architecture}, width {base.network.width:g}, on "
        f"{base.data.name} at {size} px, {epochs} epochs. Means with 95 % t intervals "
        "over seeds; the score is the number of unique labels, summed over layers, of "
        "detectors by IoU (chance not tested). "
        "Differences in the claims are between trainings of one seed; p-values are not "
        "corrected for the number of claims. The paper's scores are of other data and "
        "wider networks, and for shapesnet of conv2 alone."
    )


def sentences(measured: Sequence["Measured"]) -> list[str]:
    """Claims of the paper, put to these trainings, in words."""
    return [f"{c.claim}: {c.verdict} ({c.numbers})." for c in claims(measured)]


def grouped(measured: Sequence["Measured"]) -> dict[tuple[str, str], list["Measured"]]:
    """The trainings of every network and regime, by seed."""
    groups: dict[tuple[str, str], list[Measured]] = {}
    for m in sorted(measured, key=lambda m: (m.network, REGIMES.index(m.regime))):
        groups.setdefault((m.network, m.regime), []).append(m)
    return {key: sorted(group, key=lambda m: m.seed) for key, group in groups.items()}


def trainings(measured: Sequence["Measured"]) -> dict[str, list[Any]]:
    """{column: one value per training}."""
    return {
        **{name: [getattr(m, name) for m in measured] for name in KEYS},
        **{
            n: [m.unique_labels[n] for m in measured] for n in measured[0].unique_labels
        },
        "score": [m.score() for m in measured],
        "score_by_category": [m.unique_by_category for m in measured],
        "unevenness": [m.unevenness() for m in measured],
    }


def scores(measured: Sequence["Measured"]) -> dict[str, list[Any]]:
    """{column: one value per network and regime}: means over seeds, t intervals."""
    groups = grouped(measured)

    def means(value: Value) -> list[str]:
        return [mean_and_interval(_values(group, value)) for group in groups.values()]

    return {
        "network": [network for network, _ in groups],
        "regime": [regime for _, regime in groups],
        "seeds": [len(group) for group in groups.values()],
        **{
            layer: [
                f"{np.mean([m.unique_labels[layer] for m in group]):.1f}"
                for group in groups.values()
            ]
            for layer in measured[0].unique_labels
        },
        "score": means(_score),
        "by category": means(_by_category),
        "top-1 (%)": means(_top1),
        "unevenness of groups": [
            f"{_values(group, _unevenness).mean():.3f}" for group in groups.values()
        ],
        "reported score": [REPORTED.get(key, "") for key in groups],
    }


def claims(measured: Sequence["Measured"]) -> list[Claim]:
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
            ("Block norm makes groups uneven", norm, decay, _unevenness, 0.0),
        ):
            differences = _values(more, value) - _values(less, value)
            found.append(above(f"{network}: {name}", "difference", differences, bound))
    return found


def figures_of(measured: Sequence["Measured"]) -> dict[str, Figure]:
    """{name: figure}: accuracy against score, and the groups of each network."""
    networks = dict.fromkeys(m.network for m in measured)
    return {
        "score": score_figure(measured),
        **{
            f"relevance-{name}": relevance_figure(
                [m for m in measured if m.network == name]
            )
            for name in networks
        },
    }


def relevance_figure(measured: Sequence["Measured"]) -> Figure:
    """Norms of the groups of filters, largest first, of each layer and regime.

    Args:
        measured: of one network; the first seed of each regime is drawn.

    >>> from jaxdissect.experiments.groups import Measured
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


def score_figure(measured: Sequence["Measured"]) -> Figure:
    """Accuracy against score, a dot per training.

    >>> from jaxdissect.experiments.groups import Measured
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


def _values(group: Sequence["Measured"], value: Value) -> Float[np.ndarray, "N"]:
    return np.array([float(value(m)) for m in group])


def _score(m: "Measured") -> float:
    return m.score()


def _by_category(m: "Measured") -> float:
    return m.unique_by_category


def _top1(m: "Measured") -> float:
    return 100 * m.top1


def _unevenness(m: "Measured") -> float:
    return m.unevenness()
