"""The command `scale`."""

from pathlib import Path

from jaxdissect import caching
from jaxdissect.experiments.scale import experiment
from jaxdissect.experiments.scale.settings import ScaleSettings
from jaxdissect.runs import halves, publishing, subjects


def run(settings: ScaleSettings) -> None:
    """Choose units on one split, scale them on another, write to `settings.out`."""
    caching.use_compilation_cache()
    model = halves.load(settings)
    name = f"scale-{subjects.run_name(settings)}-{settings.layer}"
    out = settings.out or Path("runs") / f"{name}{halves.suffix(settings)}"
    images = halves.open_images(settings, model)
    halves.announce(images)
    experiment.check(model, settings)

    def make(work: publishing.Work) -> None:
        found = experiment.run(model, images, settings, progress=work.progress)
        found.write(work.results)

    publishing.make_once(out, halves.manifest(settings, model, images), make)
    print(f"\n{(out / 'findings.txt').read_text('utf-8')}")
    print(f"results: {out}")
