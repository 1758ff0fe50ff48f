"""`dissect`: a network and labelled images -> thresholds, IoU, labels, a report."""

from pathlib import Path

from jaxdissect import caching, model, range_checks
from jaxdissect.errors import BadInput
from jaxdissect.experiments.dissect import alternatives, layer_results, measuring
from jaxdissect.experiments.dissect.settings import DissectSettings
from jaxdissect.model import Model
from jaxdissect.runs import labelled, outputs, probes, publishing, subjects

LEAST_DRAWS = 40
"""One beyond each end of a 95 % interval."""


def run(config: DissectSettings) -> None:
    """Dissect layers of a trained network and write everything under `config.out`."""
    caching.use_compilation_cache()
    trained = subjects.load(config)
    if config.random_weights:
        trained = model.with_random_weights(trained, config.seed)
    layers = layers_of(config, trained)
    subject = subjects.of_trained(trained, layers, facts_of(config, trained))
    dissect_subject(config, subject, config.out or default_out(config))


def layers_of(config: DissectSettings, trained: Model) -> tuple[str, ...]:
    """The layers named, or all that are usually dissected."""
    if config.layers == ("all",):
        return model.usual_layers(trained)
    return config.layers


def default_out(config: DissectSettings) -> Path:
    """A folder that tells what is in it."""
    kind = "random-" if config.random_weights else ""
    name, preset = subjects.run_name(config), config.protocol.preset
    images = "" if config.images == "scenes" else f"-{config.images}"
    layers = "+".join(config.layers)
    return Path("runs") / f"dissect-{kind}{name}-{layers}{images}-{preset}"


def dissect_subject(
    config: DissectSettings, subject: subjects.Subject, out: Path
) -> None:
    """Dissect any network: tables, arrays and a report for every layer.

    Args:
        config: everything but the network: images, protocol, sizes.
        subject: the network, and the layers to dissect.
        out: folder for the results; killed runs go on.

    Raises:
        BadInput: settings or images that cannot be, or `out` holds another run.
    """
    range_checks.check(config)
    if config.num_draws and config.num_draws < LEAST_DRAWS:
        raise BadInput(
            f"`num_draws` is {config.num_draws}; it must be 0 or at least {LEAST_DRAWS}"
        )
    size = subject.image_size
    protocol = probes.make_protocol(config.protocol, size)
    whole = labelled.probe_of(config, size)
    probe, choosing = labelled.choosing_of(config, whole, protocol, size)
    for note in probe.source.notes:
        print(note)
    this = measuring.Run(config, subject, probe, choosing, protocol)
    manifest = outputs.manifest(
        config, weights=subject.digest, images=probe.source.digest
    )

    def make(work: publishing.Work) -> None:
        found = measuring.find(this, work.progress, num_draws=config.num_draws)
        sections: alternatives.Sections = {layer: [] for layer in found}
        if config.compare_presets:
            alternatives.by_presets(this, whole, found, work, sections)
        if config.rotate:
            alternatives.by_rotations(this, found, work, sections)
        layer_results.write(this, found, sections, work.results)

    publishing.make_once(out, manifest, make)
    pages = sorted(out.glob("**/report.html"))
    print("\n".join(f"report: {page}" for page in pages))


def facts_of(config: DissectSettings, trained: Model) -> dict[str, str]:
    """What is said about a trained network in the report's head."""
    accuracy = trained.weights.metadata.get("summary", {}).get("test_top1")
    known = "unknown" if accuracy is None else f"{accuracy:.1%} on held-out images"
    digest = f"sha256 {trained.weights.digest[:12]}"
    return {
        "network": subjects.run_name(config),
        **trained.facts,
        "weights": f"random, seed {config.seed}" if config.random_weights else digest,
        "top-1": "that of chance" if config.random_weights else known,
    }
