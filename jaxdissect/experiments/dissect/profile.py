"""What the layers of a network detect, side by side."""

import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from jaxdissect.dissection import Certainty, Dissection, Protocol
from jaxdissect.dissection.tally import NOT_TESTED, headline
from jaxdissect.pages.tables import Cell, Table
from jaxdissect.plots.figure import Figure
from jaxdissect.plots.figures import DPI, SIZE

COUNTS = (
    "layer",
    "units",
    "detectors",
    "unique_labels",
    "unique_by_category",
    "relative_unique",
    "significant_detectors",
    "significant_labels",
)
SCORE = "all layers"

PALETTE = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9")
"""Okabe and Ito's colours, in the order of the report's categories."""


def profile_table(
    found: Mapping[str, Dissection],
    concepts: Sequence[tuple[str, str]],
    categories: Sequence[str],
    protocol: Protocol,
    *,
    certainties: Mapping[str, Certainty | None] | None = None,
) -> Table:
    """Detectors of every layer, and of which categories.

    Args:
        found: {layer: its dissection}, in the network's order.
        concepts: [C] (name, category) of every concept.
        categories: the order of the columns.
        protocol: the one the dissections followed.
        certainties: {layer: how sure it is}, where chance was tested.

    Returns:
        A row per layer: units, detectors, both counts of unique labels, unique labels
        per unit; detectors and labels beyond chance, or that it was not tested; then
        detectors and unique labels of each category. All but those beyond chance are by
        IoU alone. A last row adds the layers up: its `unique_labels` is the
        interpretability score of Varshneya et al., in which a concept found in two
        layers counts twice.

    Reference:
        Bau et al., Network Dissection, CVPR 2017, figure 5; Varshneya et al., Learning
        interpretable concept groups in CNNs, IJCAI 2021, table 2.
    """
    known = certainties or {}
    rows = [
        _counts(result, concepts, categories, protocol) for result in found.values()
    ]
    beyond = [
        headline(result, concepts, protocol, certainty=known.get(layer))[-2:]
        for layer, result in found.items()
    ]
    tested = all(count is not None for pair in beyond for count in pair)
    both = [
        sum(count or 0 for count in column) if tested else None
        for column in zip(*beyond, strict=True)
    ]
    columns = [*COUNTS, *(f"{c}_{n}" for c in categories for n in ("units", "unique"))]
    sums = np.sum(rows, axis=0).tolist()
    named: list[list[Cell]] = [
        [
            *(layer, *counts[:4], counts[2] / counts[0]),
            *(NOT_TESTED if count is None else count for count in pair),
            *counts[4:],
        ]
        for layer, counts, pair in zip(
            [*found, SCORE], [*rows, sums], [*beyond, both], strict=True
        )
    ]
    return Table(columns, named)


def relative_unique(table: Table, num_layers: int = 2) -> float:
    """Unique labels of the last layers per unit of theirs.

    Reference:
        Varshneya et al., IJCAI 2021, relative unique detectors.
    """
    units, unique = (
        np.array([row[table.columns.index(name)] for row in table.rows[:-1]], int)
        for name in ("units", "unique_labels")
    )
    return (unique[-num_layers:].sum() / units[-num_layers:].sum()).item()


def profile_figure(
    table: Table, categories: Sequence[str], title: str = "Unique labels per layer"
) -> Figure:
    """Unique labels of each layer, stacked by category, and its share of detectors.

    Args:
        table: from `profile_table`.
        categories: from bottom to top.
        title: of the figure.
    """
    rows = table.rows[:-1]
    figure = Figure(SIZE, DPI, layout="constrained")
    axes = figure.subplots()
    places = np.arange(len(rows))
    below = np.zeros(len(rows))
    for category, colour in zip(categories, itertools.cycle(PALETTE), strict=False):
        at = table.columns.index(f"{category}_unique")
        heights = np.array([row[at] for row in rows], float)
        axes.bar(places, heights, bottom=below, label=category, color=colour)
        below += heights
    axes.set_xticks(places, [str(row[0]) for row in rows], rotation=40, ha="right")
    axes.set_ylabel("unique labels of detectors (by IoU)")
    axes.set_title(title)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8, ncols=2)
    return figure


def _counts(result, concepts, categories, protocol) -> list[int]:
    numbers = headline(result, concepts, protocol)
    found = result.detectors
    labels = found.concept[found.is_detector].tolist()
    row = [
        numbers.units,
        numbers.detectors,
        numbers.unique_labels,
        numbers.unique_by_category,
    ]
    for category in categories:
        own = [label for label in labels if concepts[label][1] == category]
        row += [len(own), len(set(own))]
    return row
