"""The command `faces`."""

from pathlib import Path

from jaxdissect import caching
from jaxdissect.experiments import train
from jaxdissect.experiments.faces import experiment
from jaxdissect.experiments.faces.settings import FacesSettings
from jaxdissect.runs import publishing


def run(settings: FacesSettings) -> None:
    """Train a network on every split, ask each, and write to `settings.out`."""
    caching.use_compilation_cache()
    out = settings.out or Path("runs") / f"faces-{settings.base.data.name}"
    trainings = experiment.trained(settings, out / "trainings")

    def make(work: publishing.Work) -> None:
        result = experiment.ask(settings, trainings, work.progress)
        result.write(work.results)

    record = train.record_of(settings, trainings)
    publishing.make_once(out / "results", record, make)
    print(f"results: {out / 'results' / 'results.md'}")
