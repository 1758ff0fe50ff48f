"""`dissect`: a network and labelled images -> thresholds, IoU, labels, a report."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import jax
import numpy as np

from jaxdissect import dissection, networks
from jaxdissect.cli import (
    build,
    drawing,
    outputs,
    probing,
    resuming,
    sources,
    subjects,
)
from jaxdissect.cli.config import DissectConfig
from jaxdissect.data.concepts import Concept, ConceptSource
from jaxdissect.dissection.layers import make_layers
from jaxdissect.reports import cards, dissection_report, tables


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
    protocol = probing.make_protocol(config.protocol, subject.image_size)
    probe = sources.probe_of(config, subject.image_size)
    manifest = outputs.manifest(
        config, weights=subject.digest, images=probe.source.digest
    )
    with resuming.resumable_folder(out, manifest) as work:
        found = find(config, subject, probe, protocol, work.progress)
        strips = drawing.top_strips(
            subject, probe, protocol, found, batch_size=config.batch_size
        )
        for layer, each in found.items():
            folder = work.results / layer if len(found) > 1 else work.results
            folder.mkdir(exist_ok=True)
            headline = write(
                folder, config, subject, probe, protocol, layer, each, strips[layer]
            )
            print_table(layer, each.dissection, headline, probe.source.concepts)
    pages = sorted(out.glob("**/report.html"))
    print("\n".join(f"report: {page}" for page in pages))


def find(
    config: DissectConfig,
    subject: subjects.Subject,
    probe: sources.Probe,
    protocol: dissection.Protocol,
    progress: Path,
) -> dict[str, dissection.Findings]:
    """Run the network over the images as often as it takes."""
    look = probing.look_at(
        subject,
        probe,
        protocol,
        batch_size=config.batch_size,
        keep_bytes=config.keep_mib * 2**20,
    )
    acts, labels, _ = look.batch(0)
    layers = make_layers(acts, labels, subject.centres, subject.image_size, protocol)
    return dissection.find(
        probing.passes_over(look, progress),
        layers,
        probe.source.category_numbers(),
        num_images=look.num_images,
        num_top=config.num_top,
        protocol=protocol,
        memory_bytes=config.memory_mib * 2**20,
    )


def write(
    folder: Path,
    config: DissectConfig,
    subject: subjects.Subject,
    probe: sources.Probe,
    protocol: dissection.Protocol,
    layer: str,
    found: dissection.Findings,
    strips: Sequence[str],
) -> cards.Headline:
    """units.csv, iou.npz, summary.json, cards.json and report.html of a layer."""
    source, result = probe.source, found.dissection
    headline = cards.headline(result, source.concepts, protocol)
    tables.write_csv(folder / "units.csv", *tables.units_table(result, source.concepts))
    save_arrays(folder / "iou.npz", found, source)
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
    units = cards.unit_cards(result, source.concepts, strips, captions)
    cards.save_cards(folder / "cards.json", units)
    page = dissection_report.render(
        f"What {layer} looks for", facts, headline, units, source.categories, protocol
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
