"""The command `agreement`."""

from pathlib import Path

from jaxdissect import caching
from jaxdissect.experiments.agreement import experiment
from jaxdissect.experiments.agreement.settings import AgreementSettings
from jaxdissect.runs import halves, publishing, subjects


def run(settings: AgreementSettings) -> None:
    """Predict on one split, remove on another, write to `settings.out`."""
    caching.use_compilation_cache()
    network = halves.load(settings)
    experiment.check(network, settings)
    name = f"agreement-{subjects.run_name(settings)}-{settings.layer}"
    out = settings.out or Path("runs") / f"{name}{halves.suffix(settings)}"
    images = halves.open_images(settings, network)
    halves.announce(images)

    def make(work: publishing.Work) -> None:
        found = experiment.run(network, images, settings, progress=work.progress)
        found.write(work.results)

    publishing.make_once(out, halves.manifest(settings, network, images), make)
    print(f"\n{(out / 'findings.txt').read_text('utf-8')}")
    print(f"results: {out}")
