"""What a dissection leaves: tables, arrays, cards, a report; and its words."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from jaxdissect import dissection
from jaxdissect.errors import printable
from jaxdissect.experiments.dissect import (
    cards,
    conventions,
    netdissect_csv,
    page,
    profile,
)
from jaxdissect.experiments.dissect import tables as unit_tables
from jaxdissect.pages import inline, tables
from jaxdissect.plots import figures
from jaxdissect.runs import outputs

if TYPE_CHECKING:
    from jaxdissect.experiments.dissect.experiment import LayerResult

ABSENT_SHOWN = 8
"""Concepts without a pixel that are named."""

SHOWN = 12
"""Labels of detectors that are printed."""

Layers = Mapping[str, "LayerResult"]


def write(results: Path, layers: Layers) -> None:
    """Everything of every layer, and of several their profile.

    Args:
        results: folder to write into; each of several layers gets one in it.
        layers: {layer: what was found}.
    """
    for layer, found in layers.items():
        folder = results / layer if len(layers) > 1 else results
        folder.mkdir(exist_ok=True)
        write_layer(folder, found)
    if len(layers) > 1:
        table = profile_table(layers)
        tables.write_csv(results / "profile.csv", *table)
        categories = next(iter(layers.values())).categories
        figures.save(profile.profile_figure(table, categories), results / "profile.png")


def write_layer(folder: Path, found: "LayerResult") -> None:
    """Tables, arrays, summary, cards and the report of a layer."""
    tables.write_csv(folder / "units.csv", *units_table(found))
    netdissect_csv.write(
        folder / "netdissect.csv",
        found.findings.dissection,
        found.concepts,
        found.categories,
        union=found.protocol.union,
    )
    save_arrays(folder / "iou.npz", found)
    cards.save_cards(folder / "cards.json", found.cards)
    tested = found.findings.certainty is not None
    summary = {
        **found.headline._asdict(),
        "chance": f"q <= {dissection.MAX_Q}" if tested else dissection.NOT_TESTED,
        "labels": {name: iou for name, (iou, _) in detected(found).items()},
        "protocol": found.protocol._asdict(),
        "num_images": found.num_images,
        "facts": found.facts,
    }
    outputs.write_json(folder / "summary.json", summary)
    if found.presets is not None:
        counts, labels = found.presets
        tables.write_csv(folder / "presets.csv", *counts)
        tables.write_csv(folder / "labels_by_preset.csv", *labels)
    if found.rotation is not None:
        rotation = conventions.untested(found.rotation)
        tables.write_csv(folder / "rotation.csv", *rotation)
        figure = conventions.rotation_figure(found.rotation)
        figures.save(figure, folder / "rotation.png")
    (folder / "report.html").write_text(report(found), encoding="utf-8")


def report(found: "LayerResult") -> str:
    """The page about a layer."""
    extra = []
    if found.presets is not None:
        extra.append(("The same units by other conventions", found.presets[0]))
    if found.rotation is not None:
        means = conventions.untested(conventions.rotation_means(found.rotation))
        extra.append(("The same function along other axes", means))
    return page.render(
        f"What {found.layer} looks for",
        found.facts,
        found.headline,
        found.cards,
        found.categories,
        found.protocol,
        extra=extra,
    )


def html(found: "LayerResult") -> str:
    """The page about a layer, for a notebook."""
    return inline.framed(report(found))


def units_table(found: "LayerResult") -> tables.Table:
    """One row per unit."""
    result, certainty = found.findings.dissection, found.findings.certainty
    return unit_tables.units_table(result, found.concepts, certainty=certainty)


def save_arrays(file: Path, found: "LayerResult") -> None:
    """Every number behind the tables."""
    result, top = found.findings.dissection, found.findings.top
    certainty = found.findings.certainty
    np.savez_compressed(
        file,
        iou=result.iou,
        thresholds=result.thresholds,
        concepts=np.array([concept.name for concept in found.concepts]),
        categories=np.array([concept.category for concept in found.concepts]),
        top_images=top.indices,
        top_peaks=top.peaks,
        **({} if certainty is None else certainty._asdict()),
        **{name: c for name, c in result.overlap._asdict().items() if c is not None},
    )


def detected(found: "LayerResult") -> dict[str, tuple[float, bool | None]]:
    """{category/label of a detector: (IoU, whether beyond chance) of the unit that
    stands first}: those beyond chance before the others, then the best first."""
    units, certainty = found.findings.dissection.detectors, found.findings.certainty
    above = certainty and dissection.significant_detectors(units, certainty)
    first: dict[str, tuple[float, bool | None]] = {}
    for unit in dissection.by_significance(units, certainty):
        if units.is_detector[unit]:
            concept = found.concepts[units.concept[unit]]
            beyond = None if above is None else bool(above[unit])
            name = f"{concept.category}/{concept.name}"
            first.setdefault(name, (float(units.iou[unit]), beyond))
    return first


def profile_table(layers: Layers) -> tables.Table:
    """What the layers detect, side by side."""
    first = next(iter(layers.values()))
    return profile.profile_table(
        {layer: found.findings.dissection for layer, found in layers.items()},
        first.concepts,
        first.categories,
        first.protocol,
        certainties={name: found.findings.certainty for name, found in layers.items()},
    )


def in_words(found: "LayerResult") -> str:
    """A few lines: the headline, and the first labels."""
    lines = [f"{found.layer}: {found.headline.in_words()}"]
    for name, (iou, beyond) in list(detected(found).items())[:SHOWN]:
        doubt = "  (not beyond chance)" if beyond is False else ""
        lines.append(f"  {iou:.3f}  {printable(name, 60)}{doubt}")
    return "\n".join(lines)


def summary(layers: Layers) -> str:
    """What the command prints: of every layer, and of several their score."""
    lines = []
    for found in layers.values():
        if found.absent:
            lines.append(f"without a pixel: {found.absent}")
        lines.append(in_words(found))
        if found.cells:
            lines.append(f"  cells: {found.cells}")
    if len(layers) > 1:
        lines.append(_score(profile_table(layers)))
    return "\n".join(lines)


def _score(table: tables.Table) -> str:
    score, beyond = (
        table.rows[-1][table.columns.index(name)]
        for name in ("unique_labels", "significant_labels")
    )
    if beyond != dissection.NOT_TESTED:
        beyond = f"{beyond} beyond chance"
    return (
        f"interpretability score (unique labels by IoU, all layers): {score} "
        f"({beyond}); unique labels per unit of the last two layers: "
        f"{profile.relative_unique(table):.3f}"
    )
