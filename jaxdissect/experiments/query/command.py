"""The command `query`."""

from jaxdissect import caching
from jaxdissect.data.listing import shown as as_text
from jaxdissect.experiments import dissect
from jaxdissect.experiments.query import experiment, writing
from jaxdissect.experiments.query.settings import QuerySettings
from jaxdissect.runs import publishing, subjects


def run(settings: QuerySettings) -> None:
    """Ask the dissection of a network; everything goes under `settings.out`."""
    caching.use_compilation_cache()
    experiment.check_asked(settings, len(settings.images))
    model = subjects.load(settings)
    pictures = dissect.pictures_of(settings.images, model.image_size)
    folder = dissect.find_or_make(settings, settings.seed, folder=settings.dissection)
    scope = experiment.scope_of(
        model, dissect.open_dissection(folder), pictures, settings
    )
    about = [*settings.concepts, *(as_text(path.stem) for path in settings.images)]
    out = settings.out or dissect.answer_folder("query", folder, about)
    findings: list[str] = []

    def make(work: publishing.Work) -> None:
        result = experiment.answer(scope, progress=work.progress)
        result.write(work.results)
        findings.extend(writing.findings(result))

    publishing.make_once(out, scope.record, make)
    print("\n".join([*findings, f"report: {out / 'report.html'}"]))
