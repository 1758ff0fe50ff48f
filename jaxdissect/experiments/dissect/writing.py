"""What a dissection leaves: tables, arrays, cards, a report; and its words."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from jaxdissect import dissection
from jaxdissect.errors import printable
from jaxdissect.experiments.dissect import (
    cards,
    figures,
    netdissect,
    page,
    tables,
)
from jaxdissect.pages import inline
from jaxdissect.pages.tables import Table, write_csv
from jaxdissect.plots.figures import save
from jaxdissect.runs import outputs

if TYPE_CHECKING:
    from jaxdissect.experiments.dissect.experiment import LayerResult

ABSENT_SHOWN = 8
"""Concepts without a pixel that are named."""

SHOWN = 12
"""Labels of detectors that are printed."""

Layers = Mapping[str, "LayerResult"]
"""{layer: what its units look for}."""


def write(folder: Path, layers: Layers) -> None:
    """Everything of every layer, each of several in a folder, and their profile."""
    for layer, result in layers.items():
        place = folder / layer if len(layers) > 1 else folder
        place.mkdir(exist_ok=True)
        write_layer(place, result)
    if len(layers) > 1:
        profile = profile_table(layers)
        write_csv(folder / "profile.csv", *profile)
        categories = next(iter(layers.values())).categories
        save(figures.profile_figure(profile, categories), folder / "profile.png")


def write_layer(folder: Path, result: "LayerResult") -> None:
    """Tables, arrays, summary, cards and the report of a layer."""
    write_csv(folder / "units.csv", *units_table(result))
    netdissect.write(
        folder / "netdissect.csv",
        result.findings.dissection,
        result.concepts,
        result.categories,
        union=result.protocol.union,
    )
    save_arrays(folder / "iou.npz", result)
    cards.save_cards(folder / "cards.json", result.cards)
    tested = result.findings.certainty is not None
    summary = {
        **result.headline._asdict(),
        "chance": f"q <= {dissection.MAX_Q}" if tested else dissection.NOT_TESTED,
        "labels": {name: iou for name, (iou, _) in detected(result).items()},
        "protocol": result.protocol._asdict(),
        "num_images": result.num_images,
        "facts": result.facts,
    }
    outputs.write_json(folder / "summary.json", summary)
    if result.presets is not None:
        counts, labels = result.presets
        write_csv(folder / "presets.csv", *counts)
        write_csv(folder / "labels_by_preset.csv", *labels)
    if result.rotation is not None:
        rotation = tables.untested(result.rotation)
        write_csv(folder / "rotation.csv", *rotation)
        save(figures.rotation_figure(result.rotation), folder / "rotation.png")
    (folder / "report.html").write_text(report(result), encoding="utf-8")


def report(result: "LayerResult") -> str:
    """The page about a layer."""
    extra = []
    if result.presets is not None:
        extra.append(("The same units by other conventions", result.presets[0]))
    if result.rotation is not None:
        means = tables.untested(tables.rotation_means(result.rotation))
        extra.append(("The same function along other axes", means))
    return page.render(
        f"What {result.layer} looks for",
        result.facts,
        result.headline,
        result.cards,
        result.categories,
        result.protocol,
        extra=extra,
    )


def html(result: "LayerResult") -> str:
    """The page about a layer, for a notebook."""
    return inline.framed(report(result))


def units_table(result: "LayerResult") -> Table:
    """One row per unit."""
    findings = result.findings
    return tables.units_table(
        findings.dissection, result.concepts, certainty=findings.certainty
    )


def save_arrays(file: Path, result: "LayerResult") -> None:
    """Every number behind the tables."""
    counted, top, _, certainty = result.findings
    overlap = counted.overlap._asdict()
    np.savez_compressed(
        file,
        iou=counted.iou,
        thresholds=counted.thresholds,
        concepts=np.array([concept.name for concept in result.concepts]),
        categories=np.array([concept.category for concept in result.concepts]),
        top_images=top.indices,
        top_peaks=top.peaks,
        **({} if certainty is None else certainty._asdict()),
        **{name: counts for name, counts in overlap.items() if counts is not None},
    )


def detected(result: "LayerResult") -> dict[str, tuple[float, bool | None]]:
    """{category/label of a detector: (IoU, whether beyond chance) of the unit that
    stands first}: those beyond chance before the others, then the best first."""
    units, certainty = result.findings.dissection.detectors, result.findings.certainty
    above = certainty and dissection.significant_detectors(units, certainty)
    first: dict[str, tuple[float, bool | None]] = {}
    for unit in dissection.by_significance(units, certainty):
        if units.is_detector[unit]:
            concept = result.concepts[units.concept[unit]]
            beyond = None if above is None else bool(above[unit])
            name = f"{concept.category}/{concept.name}"
            first.setdefault(name, (float(units.iou[unit]), beyond))
    return first


def profile_table(layers: Layers) -> Table:
    """What the layers detect, side by side."""
    first = next(iter(layers.values()))
    findings = {layer: result.findings for layer, result in layers.items()}
    return tables.profile_table(
        {layer: of_layer.dissection for layer, of_layer in findings.items()},
        first.concepts,
        first.categories,
        first.protocol,
        certainties={name: of_layer.certainty for name, of_layer in findings.items()},
    )


def in_words(result: "LayerResult") -> str:
    """A few lines: the headline, and the first labels."""
    lines = [f"{result.layer}: {result.headline.in_words()}"]
    for name, (iou, beyond) in list(detected(result).items())[:SHOWN]:
        doubt = "  (not beyond chance)" if beyond is False else ""
        lines.append(f"  {iou:.3f}  {printable(name, 60)}{doubt}")
    return "\n".join(lines)


def summary(layers: Layers) -> str:
    """What the command prints: of every layer, and of several their score."""
    lines = []
    for result in layers.values():
        if result.absent:
            lines.append(f"without a pixel: {result.absent}")
        lines.append(in_words(result))
        if result.cells:
            lines.append(f"  cells: {result.cells}")
    if len(layers) > 1:
        lines.append(_score(profile_table(layers)))
    return "\n".join(lines)


def _score(profile: Table) -> str:
    score, beyond = (
        profile.column(name)[-1] for name in ("unique_labels", "significant_labels")
    )
    if beyond != dissection.NOT_TESTED:
        beyond = f"{beyond} beyond chance"
    return (
        f"interpretability score (unique labels by IoU, all layers): {score} "
        f"({beyond}); unique labels per unit of the last two layers: "
        f"{tables.relative_unique(profile):.3f}"
    )
