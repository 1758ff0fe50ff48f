"""The command `compare`."""

from pathlib import Path

from jaxdissect import caching, model
from jaxdissect.experiments.compare import experiment
from jaxdissect.experiments.compare.settings import CompareSettings
from jaxdissect.runs import halves, publishing


def run(settings: CompareSettings) -> None:
    """Measure every training, compare regimes, write to `settings.out`."""
    caching.use_compilation_cache()
    models = [model.load(path) for path in settings.trainings]
    experiment.check(models, settings)
    images = [halves.scenes_for(settings, trained) for trained in models]
    out = settings.out or Path("runs") / f"compare-{settings.layer}"

    def make(work: publishing.Work) -> None:
        found = experiment.run(
            models,
            settings,
            images=images,
            progress=work.progress,
            tell=print,
        )
        found.write(work.results)

    publishing.make_once(out, experiment.record_of(models, settings), make)
    print(f"\n{(out / 'findings.txt').read_text('utf-8')}")
    print(f"results: {out}")
