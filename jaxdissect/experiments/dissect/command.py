"""The command `dissect`."""

from pathlib import Path

from jaxdissect import caching, range_checks
from jaxdissect.experiments.dissect import experiment, writing
from jaxdissect.experiments.dissect.settings import DissectSettings
from jaxdissect.runs import labelled, publishing, subjects


def run(settings: DissectSettings) -> None:
    """Dissect layers of a network and write everything under `settings.out`."""
    caching.use_compilation_cache()
    subject = experiment.subject_of(subjects.load(settings), settings)
    dissect_subject(settings, subject, settings.out or default_out(settings))


def default_out(settings: DissectSettings) -> Path:
    """A folder that tells what is in it."""
    kind = "random-" if settings.random_weights else ""
    name, preset = subjects.run_name(settings), settings.protocol.preset
    images = "" if settings.images == "scenes" else f"-{settings.images}"
    layers = "+".join(settings.layers)
    return Path("runs") / f"dissect-{kind}{name}-{layers}{images}-{preset}"


def dissect_subject(
    settings: DissectSettings, subject: subjects.Subject, out: Path
) -> None:
    """Dissect any network: tables, arrays and a report for every layer.

    Args:
        settings: everything but the network: images, protocol, sizes.
        subject: the network, and the layers to dissect.
        out: folder for the results; killed runs go on.

    Raises:
        BadInput: settings or images that cannot be, or `out` holds another run.
    """
    range_checks.check(settings)
    size = subject.image_size
    protocol = experiment.protocol_of(settings, size)
    whole = labelled.probe_of(settings, size)
    probe, _ = labelled.choosing_of(settings, whole, protocol, size)
    print("".join(f"{note}\n" for note in probe.source.notes), end="")

    def make(work: publishing.Work) -> None:
        found = experiment.run_subject(subject, whole, settings, progress=work.progress)
        found.write(work.results)
        print(writing.summary(found.layers))

    record = experiment.record_of(subject, probe, settings)
    publishing.make_once(out, record, make)
    pages = sorted(out.glob("**/report.html"))
    print("\n".join(f"report: {page}" for page in pages))
