"""The command `explain`."""

from jaxdissect import caching
from jaxdissect.data.listing import shown as as_text
from jaxdissect.experiments import dissect
from jaxdissect.experiments.explain import experiment, writing
from jaxdissect.experiments.explain.settings import ExplainSettings
from jaxdissect.runs import publishing, subjects


def run(settings: ExplainSettings) -> None:
    """Explain what a network makes of pictures; all goes under `settings.out`."""
    caching.use_compilation_cache()
    model = subjects.load_with_logits(settings)
    experiment.check_asked(settings, model)
    pictures = dissect.pictures_of(settings.images, model.image_size)
    folder = dissect.find_or_make(settings, settings.seed, folder=settings.dissection)
    dissected = dissect.open_dissection(folder)
    scope = experiment.scope_of(model, dissected, pictures, settings)
    about = [*(as_text(path.stem) for path in settings.images), *settings.classes]
    kind = "explain" if settings.score == "probability" else f"explain-{settings.score}"
    out = settings.out or dissect.answer_folder(kind, folder, about)
    findings: list[str] = []

    def make(work: publishing.Work) -> None:
        result = experiment.explain(scope, progress=work.progress)
        result.write(work.results, out)
        findings.extend(writing.findings(result))

    publishing.make_once(out, scope.record, make)
    print("\n".join([*findings, f"report: {out / 'report.html'}"]))
