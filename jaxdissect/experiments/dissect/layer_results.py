"""What a dissection leaves of each layer: tables, arrays, cards, a report."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np

from jaxdissect import dissection
from jaxdissect.data.concepts import Concept, ConceptSource
from jaxdissect.errors import printable
from jaxdissect.experiments.dissect import cards, netdissect_csv, profile
from jaxdissect.experiments.dissect import page as dissection_report
from jaxdissect.experiments.dissect import strips as drawing
from jaxdissect.experiments.dissect.measuring import Run
from jaxdissect.pages import tables
from jaxdissect.plots import figures
from jaxdissect.runs import outputs, subjects

ABSENT_SHOWN = 8
"""Concepts without a pixel that are named."""


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
        print_table(layer, each, headline, this.probe.source.concepts)
        if cells := supposed(this, layer):
            print(f"  cells: {cells}")
    if len(found) > 1:
        write_profile(results, this, found)


def write_layer(
    folder: Path,
    this: Run,
    layer: str,
    found: dissection.Findings,
    strips: Sequence[str],
    extra: Sequence[tuple[str, tables.Table]],
) -> dissection.Headline:
    """Tables, arrays, summary, cards and the report of a layer."""
    source, result, protocol = this.probe.source, found.dissection, this.protocol
    headline = dissection.headline(
        result, source.concepts, protocol, certainty=found.certainty
    )
    units = cards.unit_cards(
        result,
        source.concepts,
        strips,
        captions_of(this, found),
        certainty=found.certainty,
        activity=found.activity,
    )
    facts = facts_of(this, layer)
    absent = absent_concepts(result, source)
    if absent:
        facts["without a pixel"] = absent
        print(f"without a pixel: {absent}")
    save_tables(folder, this, found)
    save_arrays(folder / "iou.npz", found, source)
    cards.save_cards(folder / "cards.json", units)
    summary = {
        **headline._asdict(),
        "chance": dissection.NOT_TESTED
        if found.certainty is None
        else f"q <= {dissection.MAX_Q}",
        "labels": label_ious(found, source.concepts),
        "protocol": protocol._asdict(),
        "num_images": len(this.probe.indices),
        "facts": facts,
    }
    outputs.write_json(folder / "summary.json", summary)
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


def facts_of(this: Run, layer: str) -> dict[str, str]:
    """What was dissected and how, in words."""
    preset, notes = this.config.protocol.preset, this.probe.source.notes
    cells = supposed(this, layer)
    return {
        "layer": layer,
        **this.subject.facts,
        **({"cells": cells} if cells else {}),
        "images": f"{len(this.probe.indices)} {this.probe.source.what}",
        **({"of these images": " ".join(notes)} if notes else {}),
        "protocol": f"{preset}: " + _readable(this.protocol._asdict()),
        **outputs.computed_with(),
    }


def supposed(this: Run, layer: str) -> str:
    """What is to be said of a layer's cells, where it matters where they lie."""
    placed = this.protocol.alignment == "receptive_field"
    if not placed and not this.config.compare_presets:
        return ""
    return subjects.supposed(this.subject.centres[layer])


def absent_concepts(result: dissection.Dissection, source: ConceptSource) -> str:
    """Which concepts, and whole categories, no image has a pixel of; "" for none."""
    there = np.asarray(result.overlap.concept) > 0
    absent = [c for c, has in zip(source.concepts, there, strict=True) if not has]
    if not absent:
        return ""
    present = {c.category for c, has in zip(source.concepts, there, strict=True) if has}
    empty = [name for name in source.categories if name not in present]
    names = [f"{concept.category}/{concept.name}" for concept in absent[:ABSENT_SHOWN]]
    more = len(absent) - len(names)
    said = f"{len(absent)} of {len(there)} concepts: {', '.join(names)}"
    said += f" and {more} more" if more else ""
    return said + (f"; nothing of {', '.join(empty)}" if empty else "")


def captions_of(this: Run, found: dissection.Findings) -> list[list[str]]:
    """What to write below each unit's top images."""
    captions, indices = this.probe.source.captions, this.probe.indices
    return [[captions[indices[at]] for at in row] for row in found.top.indices]


def save_tables(folder: Path, this: Run, found: dissection.Findings) -> None:
    """units.csv, and the same in the format of the CVPR 2017 code."""
    source, result = this.probe.source, found.dissection
    table = tables.units_table(result, source.concepts, certainty=found.certainty)
    tables.write_csv(folder / "units.csv", *table)
    netdissect_csv.write(
        folder / "netdissect.csv",
        result,
        source.concepts,
        source.categories,
        union=this.protocol.union,
    )


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
        **({} if found.certainty is None else found.certainty._asdict()),
        **{name: c for name, c in result.overlap._asdict().items() if c is not None},
    )


def detected(
    found: dissection.Findings, concepts: Sequence[Concept]
) -> dict[str, tuple[float, bool | None]]:
    """{category/label of a detector: (IoU, whether beyond chance) of the unit that
    stands first}: those beyond chance before the others, then the best first."""
    units, sure = found.dissection.detectors, found.certainty
    above = sure and dissection.significant_detectors(units, sure)
    first: dict[str, tuple[float, bool | None]] = {}
    for unit in dissection.by_significance(units, sure):
        if units.is_detector[unit]:
            concept = concepts[units.concept[unit]]
            beyond = None if above is None else bool(above[unit])
            name = f"{concept.category}/{concept.name}"
            first.setdefault(name, (float(units.iou[unit]), beyond))
    return first


def label_ious(
    found: dissection.Findings, concepts: Sequence[Concept]
) -> dict[str, float]:
    """{category/label of a detector: IoU of the unit that stands first}."""
    return {name: iou for name, (iou, _) in detected(found, concepts).items()}


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
        certainties={layer: each.certainty for layer, each in found.items()},
    )
    tables.write_csv(results / "profile.csv", *table)
    figures.save(
        profile.profile_figure(table, source.categories), results / "profile.png"
    )
    score, beyond = (
        table.rows[-1][table.columns.index(name)]
        for name in ("unique_labels", "significant_labels")
    )
    if beyond != dissection.NOT_TESTED:
        beyond = f"{beyond} beyond chance"
    last = profile.relative_unique(table)
    print(
        f"interpretability score (unique labels by IoU, all layers): {score} "
        f"({beyond}); unique labels per unit of the last two layers: {last:.3f}"
    )


def print_table(
    layer: str,
    found: dissection.Findings,
    headline: dissection.Headline,
    concepts: Sequence[Concept],
) -> None:
    """A few lines for the terminal."""
    print(f"{layer}: {headline.in_words()}")
    for name, (iou, beyond) in list(detected(found, concepts).items())[:12]:
        print(
            f"  {iou:.3f}  {printable(name, 60)}"
            + ("  (not beyond chance)" * (beyond is False))
        )


def _readable(values: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())
