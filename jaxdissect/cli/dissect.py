"""`dissect`: weights and scenes -> thresholds, IoU, labels -> tables and a report."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import jax
import numpy as np

from jaxdissect import dissection, networks
from jaxdissect.cli import build, generated, outputs, probing
from jaxdissect.cli.config import DissectConfig
from jaxdissect.data.concepts import Concept
from jaxdissect.reports import cards, dissection_report, pictures, tables
from jaxdissect.streaming import TopExamples
from jaxdissect.upsampling import bilinear_matrix, upsample


def run(config: DissectConfig) -> None:
    """Dissect one layer and write everything under `config.out`."""
    build.use_compilation_cache()
    build.check_positive(config, "num_images", "num_top", "batch_size")
    trained = build.load_trained(config.weights)
    if config.random_weights:
        trained = build.with_random_weights(trained, config.seed)
    protocol = probing.make_protocol(config.protocol, trained.image_size)
    images = probing.CONCEPT_IMAGES[config.images]
    out = config.out or default_out(config)
    manifest = build.analysis_manifest(config, trained)
    with outputs.results_folder(out, manifest) as folder:
        probe = observe(config, trained, protocol, images)
        result = probing.dissect_layer(
            trained.network, config.layer, probe, images, protocol
        )
        headline = write(folder, config, trained, protocol, probe, result)
    print_table(result, headline, images.concepts)
    print(f"report: {out / 'report.html'}")


def default_out(config: DissectConfig) -> Path:
    """A folder that tells what is in it."""
    kind = "random-" if config.random_weights else ""
    name, preset = build.run_name(config.weights), config.protocol.preset
    return Path("runs") / f"dissect-{kind}{name}-{config.layer}-{preset}"


def observe(
    config: DissectConfig,
    trained: build.Trained,
    protocol: dissection.Protocol,
    images: probing.ConceptImages,
) -> probing.Probe:
    """Run the network over the probe images once."""
    build.unit_shapes(trained, (config.layer,))
    forward = build.forward_to(trained.network, (config.layer,))
    return probing.observe(
        partial(forward, trained.weights.params),
        (config.layer,),
        images,
        protocol,
        seed=config.seed,
        num_images=config.num_images,
        image_size=trained.image_size,
        batch_size=config.batch_size,
    )


def write(
    folder: Path,
    config: DissectConfig,
    trained: build.Trained,
    protocol: dissection.Protocol,
    probe: probing.Probe,
    result: dissection.Dissection,
) -> cards.Headline:
    """units.csv, iou.npz, summary.json and report.html."""
    images = probing.CONCEPT_IMAGES[config.images]
    headline = cards.headline(result, images.concepts, protocol)
    tables.write_csv(folder / "units.csv", *tables.units_table(result, images.concepts))
    top = probing.top_images(probe, config.layer, config.num_top)
    np.savez_compressed(
        folder / "iou.npz",
        iou=result.iou,
        thresholds=result.thresholds,
        concepts=np.array([concept.name for concept in images.concepts]),
        categories=np.array([concept.category for concept in images.concepts]),
        top_images=top.indices,
        top_peaks=top.peaks,
        **result.overlap._asdict(),
    )
    summary = {
        **headline._asdict(),
        "labels": label_ious(result, images.concepts),
        "protocol": protocol._asdict(),
        "num_images": config.num_images,
        "facts": facts(config, trained, protocol),
    }
    outputs.write_json(folder / "summary.json", summary)
    strips, captions = top_pictures(
        config, trained.network, protocol, probe, top, result
    )
    units = cards.unit_cards(result, images.concepts, strips, captions)
    cards.save_cards(folder / "cards.json", units)
    page = dissection_report.render(
        f"What {config.layer} looks for",
        summary["facts"],
        headline,
        units,
        images.categories,
        protocol,
    )
    (folder / "report.html").write_text(page, encoding="utf-8")
    return headline


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


def top_pictures(
    config: DissectConfig,
    network: networks.Network,
    protocol: dissection.Protocol,
    probe: probing.Probe,
    top: TopExamples,
    result: dissection.Dissection,
) -> tuple[list[str], list[list[str]]]:
    """Every unit's top images as one strip, dimmed where the unit is off."""
    images = probing.CONCEPT_IMAGES[config.images]
    size, batch_size = probe.image_size, config.batch_size
    observed = probe.acts[config.layer]
    centres = networks.centres(network, config.layer, size)
    to_pixels = [
        bilinear_matrix(cells, size, size, centres, padding=protocol.padding)
        for cells in observed[0].shape[1:3]
    ]
    shown = np.unique(top.indices)
    split = generated.split_indices("probe", config.num_images)
    rendered = images.render(config.seed, [split[i] for i in shown], size=size)
    strips, captions = [], []
    units = outputs.progress(top.indices, len(top.indices), "drawing units")
    for unit, indices in enumerate(units):
        at = np.searchsorted(shown, indices)
        acts = [observed[i // batch_size][i % batch_size, ..., [unit]] for i in indices]
        maps = upsample(np.moveaxis(np.stack(acts), 1, -1), *to_pixels)[..., 0]
        regions = np.asarray(maps > result.thresholds[unit])
        strips.append(
            pictures.data_uri(pictures.region_strip(rendered.images[at], regions))
        )
        captions.append([images.classes[target] for target in rendered.targets[at]])
    return strips, captions


def facts(
    config: DissectConfig, trained: build.Trained, protocol: dissection.Protocol
) -> dict[str, str]:
    """What was dissected and how, for the report's head."""
    metadata = trained.weights.metadata
    accuracy = metadata.get("summary", {}).get("test_top1")
    return {
        "network": build.run_name(config.weights),
        "layer": config.layer,
        "weights": (
            f"random, seed {config.seed}"
            if config.random_weights
            else f"sha256 {trained.weights.digest[:12]}"
        ),
        "top-1": "unknown"
        if accuracy is None
        else f"{accuracy:.1%} on held-out images",
        "images": f"{config.num_images} generated {config.images}, seed {config.seed}",
        "protocol": f"{config.protocol.preset}: " + _readable(protocol._asdict()),
        "versions": _readable(outputs.versions()),
        "precision": f"float32, matmul highest, on {jax.default_backend()}",
    }


def print_table(
    result: dissection.Dissection,
    headline: cards.Headline,
    concepts: Sequence[Concept],
) -> None:
    """A few lines for the terminal."""
    print(
        f"{headline.detectors} of {headline.units} units are detectors of "
        f"{headline.unique_labels} different concepts "
        f"({headline.unique_by_category} counted by category)"
    )
    for name, iou in list(label_ious(result, concepts).items())[:12]:
        print(f"  {iou:.3f}  {name}")


def _readable(values: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())
