"""What a dissection leaves of each layer: tables, arrays, cards, a report."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import jax
import numpy as np

from jaxdissect import dissection
from jaxdissect.cli import drawing, outputs
from jaxdissect.cli.probing import Run
from jaxdissect.data.concepts import Concept, ConceptSource
from jaxdissect.reports import (
    cards,
    dissection_report,
    figures,
    netdissect_csv,
    profile,
    tables,
)


def folder_of(results: Path, layer: str, layers: Collection[str]) -> Path:
    """Where a layer's results go: into a folder of its own if there are several."""
    folder = results / layer if len(layers) > 1 else results
    folder.mkdir(exist_ok=True)
    return folder


def write(
    this: Run,
    found: Mapping[str, dissection.Findings],
    sections: Mapping[str, Sequence[tuple[str, tables.Table]]],
    results: Path,
) -> None:
    """Everything of every layer, and of several their profile.

    Args:
        this: the run.
        found: {layer: what was found}.
        sections: {layer: titled tables for its report}.
        results: folder to write into.
    """
    strips = drawing.top_strips(
        this.subject,
        this.probe,
        this.protocol,
        found,
        batch_size=this.config.batch_size,
    )
    for layer, each in found.items():
        folder = folder_of(results, layer, found)
        headline = write_layer(
            folder, this, layer, each, strips[layer], sections[layer]
        )
        print_table(layer, each.dissection, headline, this.probe.source.concepts)
    if len(found) > 1:
        write_profile(results, this, found)


def write_layer(
    folder: Path,
    this: Run,
    layer: str,
    found: dissection.Findings,
    strips: Sequence[str],
    extra: Sequence[tuple[str, tables.Table]],
) -> cards.Headline:
    """Tables, arrays, summary, cards and the report of a layer."""
    (config, subject, probe, _, protocol), result = this, found.dissection
    source = probe.source
    headline = cards.headline(
        result, source.concepts, protocol, certainty=found.certainty
    )
    tables.write_csv(folder / "units.csv", *tables.units_table(result, source.concepts))
    save_arrays(folder / "iou.npz", found, source)
    netdissect_csv.write(
        folder / "netdissect.csv",
        result,
        source.concepts,
        source.categories,
        union=protocol.union,
    )
    facts = {
        "layer": layer,
        **subject.facts,
        "images": f"{len(probe.indices)} {source.what}",
        "protocol": f"{config.protocol.preset}: " + _readable(protocol._asdict()),
        "versions": _readable(outputs.versions()),
        "precision": f"float32, matmul highest, on {jax.default_backend()}",
    }
    summary = {
        **headline._asdict(),
        "labels": label_ious(result, source.concepts),
        "protocol": protocol._asdict(),
        "num_images": len(probe.indices),
        "facts": facts,
    }
    outputs.write_json(folder / "summary.json", summary)
    captions = [
        [source.captions[probe.indices[position]] for position in row]
        for row in found.top.indices
    ]
    units = cards.unit_cards(
        result,
        source.concepts,
        strips,
        captions,
        certainty=found.certainty,
        activity=found.activity,
    )
    cards.save_cards(folder / "cards.json", units)
    page = dissection_report.render(
        f"What {layer} looks for",
        facts,
        headline,
        units,
        source.categories,
        protocol,
        extra=extra,
    )
    (folder / "report.html").write_text(page, encoding="utf-8")
    return headline


def save_arrays(file: Path, found: dissection.Findings, source: ConceptSource) -> None:
    """Every number behind the tables."""
    result = found.dissection
    np.savez_compressed(
        file,
        iou=result.iou,
        thresholds=result.thresholds,
        concepts=np.array([concept.name for concept in source.concepts]),
        categories=np.array([concept.category for concept in source.concepts]),
        top_images=found.top.indices,
        top_peaks=found.top.peaks,
        **result.overlap._asdict(),
    )


def label_ious(
    result: dissection.Dissection, concepts: Sequence[Concept]
) -> dict[str, float]:
    """{category/label of a detector: its best IoU}, best first."""
    found = result.detectors
    best: dict[str, float] = {}
    for unit in np.argsort(-found.iou, kind="stable"):
        if found.is_detector[unit]:
            concept = concepts[found.concept[unit]]
            name = f"{concept.category}/{concept.name}"
            best.setdefault(name, float(found.iou[unit]))
    return best


def write_profile(
    results: Path, this: Run, found: Mapping[str, dissection.Findings]
) -> None:
    """profile.csv and profile.png: what the layers detect, side by side."""
    source = this.probe.source
    table = profile.profile_table(
        {layer: each.dissection for layer, each in found.items()},
        source.concepts,
        source.categories,
        this.protocol,
    )
    tables.write_csv(results / "profile.csv", *table)
    figures.save(
        profile.profile_figure(table, source.categories), results / "profile.png"
    )
    score = table.rows[-1][table.columns.index("unique_labels")]
    last = profile.relative_unique(table)
    print(
        f"interpretability score (unique labels, all layers): {score}; unique labels "
        f"per unit of the last two layers: {last:.3f}"
    )


def print_table(
    layer: str,
    result: dissection.Dissection,
    headline: cards.Headline,
    concepts: Sequence[Concept],
) -> None:
    """A few lines for the terminal."""
    print(
        f"{layer}: {headline.detectors} of {headline.units} units are detectors of "
        f"{headline.unique_labels} different concepts "
        f"({headline.unique_by_category} counted by category)"
    )
    for name, iou in list(label_ious(result, concepts).items())[:12]:
        print(f"  {iou:.3f}  {name}")


def _readable(values: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())
