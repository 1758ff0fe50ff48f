"""Tables of a dissection: its units, its layers, other conventions."""

from collections.abc import Mapping, Sequence

import numpy as np

from jaxdissect.dissection import (
    NOT_TESTED,
    Certainty,
    Dissection,
    Protocol,
    headline,
    label_units,
    significant_detectors,
)
from jaxdissect.pages.tables import Cell, Table, of_columns

Concepts = Sequence[tuple[str, str]]
"""[C] (name, category) of every concept."""

SCORE = "all layers"
"""The row that adds up the layers of a profile."""


def units_table(
    result: Dissection, concepts: Concepts, *, certainty: Certainty | None = None
) -> Table:
    """One row per unit: its label, and its best concept within every category.

    Args:
        result: a dissection of U units against C concepts.
        concepts: [C] (name, category) of every concept.
        certainty: of the same units and concepts, or None where it was not measured.

    Returns:
        Columns unit (0-based), label, category, iou, is_detector, threshold and
        tail_mass (the share of pixels above the threshold), then the best label and
        its IoU in every category, in order of the categories' first appearance. Names
        are empty where every IoU is 0, as for a dead unit. Last, where measured: low
        and high (the interval of the label's IoU), chance (its IoU by chance), q, and
        beyond_chance (whether it is a detector whose label is). In order of the units'
        numbers; where some detectors are no more than chance, the others come first.
    """
    units = result.detectors
    labels = units.names(concepts, none=("", ""))
    columns: dict[str, list[Cell]] = {
        "unit": list(range(len(labels))),
        "label": [name for name, _ in labels],
        "category": [category for _, category in labels],
        "iou": units.iou.tolist(),
        "is_detector": units.is_detector.tolist(),
        # A float32's own digits, not those of the double nearest to it.
        "threshold": [float(str(threshold)) for threshold in result.thresholds],
        "tail_mass": (result.overlap.unit / result.overlap.pixels).tolist(),
    }
    categories = [category for _, category in concepts]
    for category in dict.fromkeys(categories):
        members = [c for c, name in enumerate(categories) if name == category]
        best = label_units(result.iou[:, members])
        columns[f"{category}_label"] = best.names([concepts[c][0] for c in members])
        columns[f"{category}_iou"] = best.iou.tolist()
    if certainty is None:
        return of_columns(columns)
    at = np.arange(len(labels)), np.maximum(units.concept, 0)
    beyond = significant_detectors(units, certainty)
    columns |= {
        "low": certainty.low.tolist(),
        "high": certainty.high.tolist(),
        "chance": certainty.chance[at].tolist(),
        "q": certainty.q_values[at].tolist(),
        "beyond_chance": beyond.tolist(),
    }
    table = of_columns(columns)
    if (units.is_detector & ~beyond).any():
        table.rows.sort(key=lambda row: not row[-1])
    return table


def profile_table(
    results: Mapping[str, Dissection],
    concepts: Concepts,
    categories: Sequence[str],
    protocol: Protocol,
    *,
    certainties: Mapping[str, Certainty | None] | None = None,
) -> Table:
    """Detectors of every layer, and of which categories.

    Args:
        results: {layer: its dissection}, in the network's order.
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
    sure = certainties or {}
    numbers = [
        headline(result, concepts, protocol, certainty=sure.get(layer))
        for layer, result in results.items()
    ]
    counts = ("units", "detectors", "unique_labels", "unique_by_category")
    columns = {name: _with_sum([getattr(n, name) for n in numbers]) for name in counts}
    columns["relative_unique"] = [
        unique / units
        for unique, units in zip(
            columns["unique_labels"], columns["units"], strict=True
        )
    ]
    for name in ("significant_detectors", "significant_labels"):
        beyond = [getattr(n, name) for n in numbers]
        total = None if None in beyond else sum(beyond)
        columns[name] = [NOT_TESTED if n is None else n for n in [*beyond, total]]
    detected = [_detected(result, concepts) for result in results.values()]
    for name in categories:
        own = [[c for c in pairs if c[1] == name] for pairs in detected]
        columns[f"{name}_units"] = _with_sum([len(pairs) for pairs in own])
        columns[f"{name}_unique"] = _with_sum([len(set(pairs)) for pairs in own])
    return of_columns({"layer": [*results, SCORE], **columns})


def relative_unique(profile: Table, num_layers: int = 2) -> float:
    """Unique labels of the last layers per unit of theirs.

    Reference:
        Varshneya et al., IJCAI 2021, relative unique detectors.
    """
    units, unique = (
        np.array(profile.column(name)[:-1], int)[-num_layers:].sum()
        for name in ("units", "unique_labels")
    )
    return (unique / units).item()


def preset_labels(results: Mapping[str, Dissection], concepts: Concepts) -> Table:
    """Every unit's label, IoU and whether it is a detector, by each preset."""
    names = [name for name, _ in concepts]
    columns: dict[str, list[Cell]] = {}
    for preset, result in results.items():
        units = result.detectors
        columns.setdefault("unit", list(range(len(units.iou))))
        columns[f"{preset}_label"] = units.names(names)
        columns[f"{preset}_iou"] = units.iou.tolist()
        columns[f"{preset}_is_detector"] = units.is_detector.tolist()
    return of_columns(columns)


def preset_counts(
    results: Mapping[str, Dissection],
    concepts: Concepts,
    protocols: Mapping[str, Protocol],
) -> Table:
    """What each preset counts, and how often it agrees with the first one.

    Args:
        results: {preset: dissection of the same units}.
        concepts: [C] (name, category) of every concept.
        protocols: {preset: its conventions}.

    Returns:
        A row per preset: detectors by IoU, that chance was not tested, both counts of
        unique labels, the median of the best IoU, and the share of units whose label is
        that of the first preset.
    """
    (first, *_) = results.values()
    numbers = [headline(r, concepts, protocols[name]) for name, r in results.items()]
    return of_columns(
        {
            "preset": list(results),
            "detectors": [n.detectors for n in numbers],
            "significant_detectors": [NOT_TESTED] * len(numbers),
            "unique_labels": [n.unique_labels for n in numbers],
            "unique_by_category": [n.unique_by_category for n in numbers],
            "median_iou": [n.median_iou for n in numbers],
            "same_label": [
                (r.detectors.concept == first.detectors.concept).mean().item()
                for r in results.values()
            ],
        }
    )


def rotation_means(table: Table) -> Table:
    """Means over rotations of every column but the first two, for each power.

    >>> columns = ["power", "rotation", "detectors"]
    >>> rotation_means(Table(columns, [[1.0, 0, 4], [1.0, 1, 5]])).rows
    [[1.0, 4.5]]
    """
    values = np.array(table.rows, float)
    rows = [
        [power, *values[values[:, 0] == power, 2:].mean(0).tolist()]
        for power in np.unique(values[:, 0]).tolist()
    ]
    return Table([table.columns[0], *table.columns[2:]], rows)


def untested(table: Table) -> Table:
    """The same table, which says that its detectors are counted by IoU alone.

    >>> untested(Table(["detectors"], [[4]]))
    Table(columns=['detectors', 'significant_detectors'], \
rows=[[4, 'chance not tested']])
    """
    rows: list[list[Cell]] = [[*row, NOT_TESTED] for row in table.rows]
    return Table([*table.columns, "significant_detectors"], rows)


def _detected(result: Dissection, concepts: Concepts) -> list[tuple[str, str]]:
    """The label of every detector."""
    units = result.detectors
    labels = zip(units.names(concepts), units.is_detector, strict=True)
    return [tuple(label) for label, is_detector in labels if is_detector]


def _with_sum(numbers: list) -> list:
    return [*numbers, sum(numbers)]
