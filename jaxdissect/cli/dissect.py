"""`dissect`: a network and labelled images -> thresholds, IoU, labels, a report."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np

from jaxdissect import dissection, networks
from jaxdissect.base import BadInput
from jaxdissect.cli import (
    build,
    drawing,
    outputs,
    probing,
    resuming,
    rotating,
    sources,
    subjects,
)
from jaxdissect.cli.config import DissectConfig
from jaxdissect.data.concepts import Concept, ConceptSource
from jaxdissect.reports import (
    cards,
    conventions,
    dissection_report,
    figures,
    netdissect_csv,
    profile,
    tables,
)

LEAST_DRAWS = 40
"""One beyond each end of a 95 % interval."""


def run(config: DissectConfig) -> None:
    """Dissect layers of a trained network and write everything under `config.out`."""
    build.use_compilation_cache()
    trained = build.load_trained(config.weights)
    if config.random_weights:
        trained = build.with_random_weights(trained, config.seed)
    layers = layers_of(config, trained)
    subject = subjects.of_trained(trained, layers, facts_of(config, trained))
    dissect_subject(config, subject, config.out or default_out(config))


def layers_of(config: DissectConfig, trained: build.Trained) -> tuple[str, ...]:
    """The layers named, or all convolutional ones."""
    if config.layers == ("all",):
        return networks.conv_layers(trained.network)
    return config.layers


def default_out(config: DissectConfig) -> Path:
    """A folder that tells what is in it."""
    kind = "random-" if config.random_weights else ""
    name, preset = build.run_name(config.weights), config.protocol.preset
    images = "" if config.images == "scenes" else f"-{config.images}"
    layers = "+".join(config.layers)
    return Path("runs") / f"dissect-{kind}{name}-{layers}{images}-{preset}"


def dissect_subject(
    config: DissectConfig, subject: subjects.Subject, out: Path
) -> None:
    """Dissect any network: tables, arrays and a report for every layer.

    Args:
        config: everything but the network: images, protocol, sizes.
        subject: the network, and the layers to dissect.
        out: folder for the results; killed runs go on.

    Raises:
        BadInput: settings or images that cannot be, or `out` holds another run.
    """
    given = () if config.num_images is None else ("num_images",)
    build.check_positive(config, "num_top", "batch_size", "memory_mib", *given)
    rotating.check(config)
    if config.num_draws and config.num_draws < LEAST_DRAWS:
        raise BadInput(
            f"`num_draws` is {config.num_draws}; it must be 0 or at least {LEAST_DRAWS}"
        )
    protocol = probing.make_protocol(config.protocol, subject.image_size)
    probe = sources.probe_of(config, subject.image_size)
    manifest = outputs.manifest(
        config, weights=subject.digest, images=probe.source.digest
    )
    with resuming.resumable_folder(out, manifest) as work:
        found = probing.find(
            config,
            subject,
            probe,
            protocol,
            work.progress,
            num_draws=config.num_draws,
        )
        seen = Run(config, subject, probe, protocol)
        extra = comparisons(seen, found, work)
        strips = drawing.top_strips(
            subject, probe, protocol, found, batch_size=config.batch_size
        )
        for layer, each in found.items():
            folder = folder_of(work.results, layer, found)
            headline = write(folder, seen, layer, each, strips[layer], extra[layer])
            print_table(layer, each.dissection, headline, probe.source.concepts)
        if len(found) > 1:
            write_profile(work.results, seen, found)
    pages = sorted(out.glob("**/report.html"))
    print("\n".join(f"report: {page}" for page in pages))


class Run(NamedTuple):
    """What a run dissects, and how."""

    config: DissectConfig
    subject: subjects.Subject
    probe: sources.Probe
    protocol: dissection.Protocol


def folder_of(results: Path, layer: str, layers: Collection[str]) -> Path:
    """Where a layer's results go: into a folder of its own if there are several."""
    folder = results / layer if len(layers) > 1 else results
    folder.mkdir(exist_ok=True)
    return folder


def comparisons(
    this: Run, found: Mapping[str, dissection.Findings], work: resuming.Work
) -> dict[str, list[tuple[str, tables.Table]]]:
    """Tables of what other conventions and other axes make of each layer."""
    config, concepts = this.config, this.probe.source.concepts
    extra: dict[str, list[tuple[str, tables.Table]]] = {layer: [] for layer in found}
    if config.compare_presets:
        protocols = probing.presets(this.subject.image_size)
        by_preset = {
            preset: probing.find(
                config, this.subject, this.probe, protocol, work.progress, preset
            )
            for preset, protocol in protocols.items()
        }
        for layer in found:
            results = {p: each[layer].dissection for p, each in by_preset.items()}
            folder = folder_of(work.results, layer, found)
            counts = conventions.preset_counts(results, concepts, protocols)
            labels = conventions.labels_by_preset(results, concepts)
            tables.write_csv(folder / "presets.csv", *counts)
            tables.write_csv(folder / "labels_by_preset.csv", *labels)
            extra[layer].append(("The same units by other conventions", counts))
    if config.rotate:
        units = {layer: len(each.dissection.iou) for layer, each in found.items()}
        rotated = rotating.rotation_tables(
            config, this.subject, this.probe, this.protocol, units, work.progress
        )
        for layer, table in rotated.items():
            folder = folder_of(work.results, layer, found)
            tables.write_csv(folder / "rotation.csv", *table)
            figures.save(conventions.rotation_figure(table), folder / "rotation.png")
            extra[layer].append(("The same function along other axes", table))
    return extra


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


def write(
    folder: Path,
    this: Run,
    layer: str,
    found: dissection.Findings,
    strips: Sequence[str],
    extra: Sequence[tuple[str, tables.Table]],
) -> cards.Headline:
    """Tables, arrays, summary, cards and the report of a layer."""
    (config, subject, probe, protocol), result = this, found.dissection
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


def facts_of(config: DissectConfig, trained: build.Trained) -> dict[str, str]:
    """What is said about a trained network in the report's head."""
    accuracy = trained.weights.metadata.get("summary", {}).get("test_top1")
    known = "unknown" if accuracy is None else f"{accuracy:.1%} on held-out images"
    digest = f"sha256 {trained.weights.digest[:12]}"
    return {
        "network": build.run_name(config.weights),
        "weights": f"random, seed {config.seed}" if config.random_weights else digest,
        "top-1": "that of chance" if config.random_weights else known,
    }


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
