"""The command `regimes`."""

from pathlib import Path

from jaxdissect import caching
from jaxdissect.experiments import train
from jaxdissect.experiments.regimes import experiment
from jaxdissect.experiments.regimes.settings import RegimesSettings
from jaxdissect.runs import publishing


def run(settings: RegimesSettings) -> None:
    """Train every regime with every seed, measure them, write to `settings.out`."""
    caching.use_compilation_cache()
    data = train.base_of(settings).data
    named = Path("runs") / f"regimes-{data.name}{train.form(settings)}"
    out = settings.out or named
    trainings = experiment.trained(settings, out / "trainings")

    def make(work: publishing.Work) -> None:
        experiment.measure(settings, trainings, work.progress).write(work.results)

    record = train.record_of(settings, trainings)
    publishing.make_once(out / "results", record, make)
    print(f"results: {out / 'results' / 'results.md'}")
