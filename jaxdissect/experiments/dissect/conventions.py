"""How labels depend on conventions, and on the axes units are read along."""

from collections.abc import Mapping, Sequence

import numpy as np

from jaxdissect.dissection import NO_LABEL, Dissection, Protocol
from jaxdissect.dissection.tally import NOT_TESTED, headline
from jaxdissect.pages.tables import Cell, Table
from jaxdissect.plots.figure import Figure
from jaxdissect.plots.figures import BLUE, DPI, GREY, SIZE, VERMILION


def labels_by_preset(
    found: Mapping[str, Dissection], concepts: Sequence[tuple[str, str]]
) -> Table:
    """Every unit's label by each preset's conventions.

    Args:
        found: {preset: dissection of the same units}.
        concepts: [C] (name, category) of every concept.

    Returns:
        A row per unit: label, IoU and whether it is a detector, for each preset.
    """
    names = [name for name, _ in concepts]
    columns = ["unit"]
    for preset in found:
        columns += [f"{preset}_label", f"{preset}_iou", f"{preset}_is_detector"]
    units = len(next(iter(found.values())).iou)
    rows: list[list[Cell]] = []
    for unit in range(units):
        row: list[Cell] = [unit]
        for result in found.values():
            label = int(result.detectors.concept[unit])
            row += [
                "" if label == NO_LABEL else names[label],
                result.detectors.iou[unit].item(),
                bool(result.detectors.is_detector[unit]),
            ]
        rows.append(row)
    return Table(columns, rows)


def preset_counts(
    found: Mapping[str, Dissection],
    concepts: Sequence[tuple[str, str]],
    protocols: Mapping[str, Protocol],
) -> Table:
    """What each preset counts, and how often it agrees with the first one.

    Args:
        found: {preset: dissection of the same units}.
        concepts: [C] (name, category) of every concept.
        protocols: {preset: its conventions}.

    Returns:
        A row per preset: detectors by IoU, that chance was not tested, both counts of
        unique labels, the median of the best IoU, and the share of units whose label is
        that of the first preset.
    """
    (first, *_) = found.values()
    rows: list[list[Cell]] = []
    for preset, result in found.items():
        numbers = headline(result, concepts, protocols[preset])
        same = (result.detectors.concept == first.detectors.concept).mean()
        rows.append(
            [
                preset,
                numbers.detectors,
                NOT_TESTED,
                numbers.unique_labels,
                numbers.unique_by_category,
                numbers.median_iou,
                same.item(),
            ]
        )
    return Table(
        [
            "preset",
            "detectors",
            "significant_detectors",
            "unique_labels",
            "unique_by_category",
            "median_iou",
            "same_label",
        ],
        rows,
    )


def untested(table: Table) -> Table:
    """The same table, which says that its detectors are counted by IoU alone.

    >>> untested(Table(["detectors"], [[4]]))
    Table(columns=['detectors', 'significant_detectors'], \
rows=[[4, 'chance not tested']])
    """
    rows: list[list[Cell]] = [[*row, NOT_TESTED] for row in table.rows]
    return Table([*table.columns, "significant_detectors"], rows)


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


def rotation_figure(table: Table) -> Figure:
    """Unique labels of a layer whose units are rotated more and more.

    Args:
        table: of columns power, rotation, detectors and unique_labels.

    Reference:
        Bau et al., Network Dissection, CVPR 2017, figure 4.
    """
    figure = Figure(SIZE, DPI, layout="constrained")
    axes = figure.subplots()
    values = np.array(table.rows, float)
    columns = {name: values[:, i] for i, name in enumerate(table.columns)}
    powers = np.unique(columns["power"])
    for name, colour in (("detectors", VERMILION), ("unique_labels", BLUE)):
        axes.scatter(columns["power"], columns[name], s=14, color=colour, alpha=0.6)
        means = [columns[name][columns["power"] == power].mean() for power in powers]
        axes.plot(powers, means, color=colour, label=name.replace("_", " "))
    axes.axhline(0, color=GREY, linewidth=0.6)
    axes.set_xlabel("how far the units are rotated (0: as trained, 1: a random basis)")
    axes.set_ylabel(f"of the layer, by IoU ({NOT_TESTED})")
    axes.set_title("The same function, read along other axes")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8)
    return figure
