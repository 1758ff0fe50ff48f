"""`dissect`: weights and scenes -> thresholds, IoU, labels -> tables and a report."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np

from jaxdissect import dissection, networks
from jaxdissect.base import BadInput
from jaxdissect.cli import build, outputs
from jaxdissect.cli.config import DissectConfig, ProtocolConfig
from jaxdissect.data import scenes
from jaxdissect.reports import cards, dissection_report, pictures, tables
from jaxdissect.streaming import TopExamples, accumulate, top_examples
from jaxdissect.upsampling import bilinear_matrix, upsample

PRESETS = {"pnas20": dissection.PNAS20, "cvpr17": dissection.CVPR17}
CATEGORY_NUMBERS = [
    scenes.CATEGORIES.index(concept.category) for concept in scenes.CONCEPTS
]


class Probe(NamedTuple):
    """What the network did on the probe images.

    Attributes:
        acts: per batch, [B H W U].
        labels: per batch, concept label maps [B h w L] on the protocol's grid.
        top: the images on which each unit peaks highest, by position in the probe set.
    """

    acts: list[np.ndarray]
    labels: list[np.ndarray]
    top: TopExamples


def run(config: DissectConfig) -> None:
    """Dissect one layer and write everything under `config.out`."""
    build.use_compilation_cache()
    build.check_positive(config, "num_images", "num_top", "batch_size")
    protocol = make_protocol(config.protocol)
    trained = build.load_trained(config.weights)
    if config.random_weights:
        trained = build.with_random_weights(trained, config.seed)
    if trained.image_size % protocol.stride:
        raise BadInput(
            f"`stride` is {protocol.stride}; it must divide the image size "
            f"{trained.image_size}"
        )
    out = config.out or default_out(config)
    manifest = build.analysis_manifest(config, trained)
    with outputs.results_folder(out, manifest) as folder:
        probe = observe(config, trained, protocol)
        result = dissection.dissect(
            lambda: zip(probe.acts, probe.labels, strict=True),
            CATEGORY_NUMBERS,
            networks.centres(trained.network, config.layer, trained.image_size),
            trained.image_size,
            num_images=config.num_images,
            protocol=protocol,
        )
        headline = write(folder, config, trained, protocol, probe, result)
    print_table(result, headline)
    print(f"report: {out / 'report.html'}")


def make_protocol(config: ProtocolConfig) -> dissection.Protocol:
    """A preset with whatever else was given.

    Raises:
        BadInput: a value that is not allowed.
    """
    given = dataclasses.asdict(config)
    preset = PRESETS[given.pop("preset")]
    changed = {name: value for name, value in given.items() if value is not None}
    return dissection.check_protocol(preset._replace(**changed))


def default_out(config: DissectConfig) -> Path:
    """A folder that tells what is in it."""
    kind = "random-" if config.random_weights else ""
    name, preset = build.run_name(config.weights), config.protocol.preset
    return Path("runs") / f"dissect-{kind}{name}-{config.layer}-{preset}"


def observe(
    config: DissectConfig, trained: build.Trained, protocol: dissection.Protocol
) -> Probe:
    """Run the network over the probe scenes once."""
    build.unit_shapes(trained, (config.layer,))
    forward = build.forward_to(trained, (config.layer,))
    indices = build.split_indices("probe", config.num_images)
    # A mask cell takes the label of its middle pixel.
    middle = slice(protocol.stride // 2, None, protocol.stride)
    acts, labels = [], []
    for batch in build.scene_batches(
        config.seed, indices, trained.image_size, config.batch_size, "probing units"
    ):
        acts.append(np.asarray(forward(batch.images)[config.layer]))
        labels.append(batch.labels[:, middle, middle])
    starts = np.cumsum([0, *map(len, acts)])
    peaks = (
        (a.max((1, 2)), start + np.arange(len(a)))
        for start, a in zip(starts, acts, strict=False)
    )
    return Probe(acts, labels, accumulate(top_examples(config.num_top), peaks))


def write(
    folder: Path,
    config: DissectConfig,
    trained: build.Trained,
    protocol: dissection.Protocol,
    probe: Probe,
    result: dissection.Dissection,
) -> cards.Headline:
    """units.csv, iou.npz, summary.json and report.html."""
    headline = cards.headline(result, scenes.CONCEPTS, protocol)
    tables.write_csv(folder / "units.csv", *tables.units_table(result, scenes.CONCEPTS))
    np.savez_compressed(
        folder / "iou.npz",
        iou=result.iou,
        thresholds=result.thresholds,
        concepts=np.array([concept.name for concept in scenes.CONCEPTS]),
        categories=np.array([concept.category for concept in scenes.CONCEPTS]),
        top_images=probe.top.indices,
        top_peaks=probe.top.peaks,
        **result.overlap._asdict(),
    )
    summary = {
        **headline._asdict(),
        "labels": label_ious(result),
        "protocol": protocol._asdict(),
        "num_images": config.num_images,
        "facts": facts(config, trained, protocol),
    }
    outputs.write_json(folder / "summary.json", summary)
    strips, captions = top_pictures(config, trained, protocol, probe, result)
    units = cards.unit_cards(result, scenes.CONCEPTS, strips, captions)
    cards.save_cards(folder / "cards.json", units)
    page = dissection_report.render(
        f"What {config.layer} looks for",
        summary["facts"],
        headline,
        units,
        scenes.CATEGORIES,
        protocol,
    )
    (folder / "report.html").write_text(page, encoding="utf-8")
    return headline


def label_ious(result: dissection.Dissection) -> dict[str, float]:
    """{category/label of a detector: its best IoU}, best first."""
    found = result.detectors
    best: dict[str, float] = {}
    for unit in np.argsort(-found.iou, kind="stable"):
        if found.is_detector[unit]:
            concept = scenes.CONCEPTS[found.concept[unit]]
            name = f"{concept.category}/{concept.name}"
            best.setdefault(name, float(found.iou[unit]))
    return best


def top_pictures(
    config: DissectConfig,
    trained: build.Trained,
    protocol: dissection.Protocol,
    probe: Probe,
    result: dissection.Dissection,
) -> tuple[list[str], list[list[str]]]:
    """Every unit's top images as one strip, dimmed where the unit is off."""
    size, batch_size = trained.image_size, config.batch_size
    centres = networks.centres(trained.network, config.layer, size)
    to_pixels = [
        bilinear_matrix(cells, size, size, centres, padding=protocol.padding)
        for cells in probe.acts[0].shape[1:3]
    ]
    shown = np.unique(probe.top.indices)
    split = build.split_indices("probe", config.num_images)
    rendered = scenes.render(config.seed, [split[i] for i in shown], size=size)
    strips, captions = [], []
    units = outputs.progress(probe.top.indices, len(probe.top.indices), "drawing units")
    for unit, indices in enumerate(units):
        at = np.searchsorted(shown, indices)
        acts = [
            probe.acts[i // batch_size][i % batch_size, ..., [unit]] for i in indices
        ]
        maps = upsample(np.moveaxis(np.stack(acts), 1, -1), *to_pixels)[..., 0]
        regions = np.asarray(maps > result.thresholds[unit])
        strips.append(
            pictures.data_uri(pictures.region_strip(rendered.images[at], regions))
        )
        captions.append([trained.classes[target] for target in rendered.targets[at]])
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
        else f"{accuracy:.1%} on held-out scenes",
        "images": f"{config.num_images} generated scenes, seed {config.seed}",
        "protocol": f"{config.protocol.preset}: " + _readable(protocol._asdict()),
        "versions": _readable(outputs.versions()),
        "precision": f"float32, matmul highest, on {jax.default_backend()}",
    }


def print_table(result: dissection.Dissection, headline: cards.Headline) -> None:
    """A few lines for the terminal."""
    print(
        f"{headline.detectors} of {headline.units} units are detectors of "
        f"{headline.unique_labels} different concepts "
        f"({headline.unique_by_category} counted by category)"
    )
    for name, iou in list(label_ious(result).items())[:12]:
        print(f"  {iou:.3f}  {name}")


def _readable(values: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())
