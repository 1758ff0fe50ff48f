"""The command `gradients`."""

from pathlib import Path

from jaxdissect import caching
from jaxdissect.experiments.gradients import experiment
from jaxdissect.experiments.gradients.settings import GradientsSettings
from jaxdissect.runs import publishing, subjects


def run(settings: GradientsSettings) -> None:
    """Ask a trained network and write everything under `settings.out`."""
    caching.use_compilation_cache()
    model = subjects.load_with_logits(settings)
    experiment.check(model, settings)
    images = experiment.open_images(model, settings)
    out = settings.out or Path("runs") / f"gradients-{subjects.run_name(settings)}"

    def make(work: publishing.Work) -> None:
        result = experiment.run(model, images, settings, progress=work.progress)
        result.write(work.results)

    publishing.make_once(out, experiment.record_of(model, images, settings), make)
    print(f"results: {out / 'results.md'}")
