"""Which units speak for a prediction, and where."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxdissect import caching, model, networks
from jaxdissect.data import generated, images
from jaxdissect.data.listing import shown as as_text
from jaxdissect.errors import BadInput
from jaxdissect.experiments.dissect import asking, telling
from jaxdissect.experiments.explain import explaining, voicing
from jaxdissect.experiments.explain import page as explanation
from jaxdissect.experiments.explain.settings import ExplainSettings
from jaxdissect.model import Model
from jaxdissect.pages import tables
from jaxdissect.runs import outputs, publishing, subjects
from jaxdissect.runs.progress import Progress

NUM_GENERATED = 3
"""Generated images that are explained where none are named."""

COLUMNS = (
    *("picture", "class", "probability", "unit", "label", "category", "iou"),
    *("is_detector", "score_drop", "share"),
)


class Pictures(NamedTuple):
    """What is explained.

    Attributes:
        names: [P] of tables.
        titles: [P] (name, what it is) as the page has them.
        images: [P S S 3].
    """

    names: Sequence[str]
    titles: Sequence[tuple[str, str]]
    images: np.ndarray


def run(config: ExplainSettings) -> None:
    """Ask a trained network about pictures; everything goes under `config.out`."""
    caching.use_compilation_cache()
    trained = subjects.load_with_logits(config)
    model.check_score(trained, config.score)
    explaining.class_numbers(config.classes, trained.classes)
    own = asking.own_pictures(config.images, trained.image_size)
    asked = asking.open_dissection(
        asking.folder_of(config, config.dissection, config.seed)
    )
    trained = asking.as_dissected(trained, asked)
    subject = subjects.of_trained(trained, (asked.layer,), facts=said_of(trained))
    if config.images:
        titles = [(as_text(path.name), "") for path in config.images]
        shown = Pictures([as_text(path) for path in config.images], titles, own)
    else:
        shown = generated_pictures(config, asked, trained.image_size)
    tail = networks.split(trained.network, asked.layer).tail
    head = explaining.Head(tail, trained.weights.params, trained.classes)
    about = [*(as_text(path.stem) for path in config.images), *config.classes]
    kind = "explain" if config.score == "probability" else f"explain-{config.score}"
    out = config.out or telling.default_out(kind, asked.folder, about)
    explain_subject(config, subject, head, asked, shown, out)


def generated_pictures(
    config: ExplainSettings, asked: asking.Asked, size: int
) -> Pictures:
    """Images of the kind that was dissected, but of the split kept for reports.

    Raises:
        BadInput: those dissected are not generated.
    """
    kind = asked.run["config"]["images"]
    if kind not in generated.GENERATORS:
        raise BadInput(
            f"`images` is empty, and {kind} images, which were dissected, are not "
            "generated; name a picture"
        )
    generator = generated.GENERATORS[kind]
    indices = generated.split_indices("report", NUM_GENERATED)
    drawn = generator.render(config.seed, indices, size=size)
    names = [f"{kind.removesuffix('s')} {index}" for index in indices]
    truth = [f"generated as {generator.classes[target]}" for target in drawn.targets]
    return Pictures(names, list(zip(names, truth, strict=True)), drawn.images)


def explain_subject(
    config: ExplainSettings,
    subject: subjects.Subject,
    head: explaining.Head,
    asked: asking.Asked,
    shown: Pictures,
    out: Path,
) -> None:
    """Explain what any network makes of pictures: a table and a page.

    Args:
        config: what to ask; its weights, dissection and images are those given here.
        subject: the network up to the layer that was dissected.
        head: the rest of it.
        asked: its dissection.
        shown: the pictures.
        out: folder for the results.

    Raises:
        BadInput: what cannot be answered, or `out` holds another run.
    """
    asking.check_weights(asked, subject.digest)
    classes = explaining.class_numbers(config.classes, head.classes)
    manifest = outputs.manifest(
        config,
        weights=subject.digest,
        outputs=subject.facts.get("outputs", "logits"),
        dissected=images.fingerprint([asked.layer], asked.saved.result.iou),
        pictures=images.fingerprint([], shown.images),
    )
    centres = subject.centres[asked.layer]
    scope = voicing.Scope(config, asked, head.classes, centres, out)
    findings: list[str] = []

    def make(work: publishing.Work) -> None:
        answers, rows, numbers = [], [], {}
        pairs = zip(shown.names, shown.titles, shown.images, strict=True)
        total = len(shown.images)
        for name, title, image in Progress().bar(pairs, total, "explaining"):
            acts = subject.forward(image[None])[asked.layer]
            chances, told = explaining.statements(head, acts, classes, config.score)
            answer = voicing.picture_answer(scope, title, image, chances, told)
            rows += [row for each in told for row in rows_of(name, each, scope)]
            numbers[name] = numbers_of(answer, told, config.num_units)
            answers.append(answer)
        write(work.results, scope, subject.facts, answers, rows, numbers)
        findings.extend(f"{a.name}: {s.said}" for a in answers for s in a.classes)

    publishing.make_once(out, manifest, make)
    print("\n".join([*findings, f"report: {out / 'report.html'}"]))


def write(
    folder: Path,
    scope: voicing.Scope,
    known: Mapping[str, str],
    answers: Sequence[explanation.PictureAnswer],
    rows: Sequence[Sequence[Any]],
    numbers: dict[str, Any],
) -> None:
    """units.csv, summary.json and report.html."""
    asked, score = scope.asked, scope.config.score
    question = {"pictures": str(len(answers)), "gradients of": f"the {score}"}
    question |= known
    facts = telling.facts_of(asked, question)
    tables.write_csv(folder / "units.csv", COLUMNS, rows)
    outputs.write_json(folder / "summary.json", {"pictures": numbers, "facts": facts})
    page = explanation.render(
        f"Which units of {asked.layer} speak for the prediction, and where?",
        facts,
        answers,
        list(dict.fromkeys(category for _, category in asked.saved.concepts)),
        score=score,
    )
    (folder / "report.html").write_text(page, encoding="utf-8")


def said_of(trained: Model) -> dict[str, str]:
    """What is to be said of the network's outputs, if they are of the user's own."""
    return {name: said for name, said in trained.facts.items() if name == "outputs"}


def rows_of(
    picture: str, said: explaining.Statement, scope: voicing.Scope
) -> list[list[Any]]:
    """All units of the layer, those that speak for a class first."""
    shares, name = said.shares(), scope.classes[said.number]
    rows = []
    for unit in np.argsort(-said.drops, kind="stable").tolist():
        card = scope.asked.saved.cards[unit]
        known = [unit, card.label, card.category, card.iou, card.is_detector]
        drop = [said.drops[unit].item(), shares[unit].item()]
        rows.append([picture, name, said.probability, *known, *drop])
    return rows


def numbers_of(
    answer: explanation.PictureAnswer,
    told: Sequence[explaining.Statement],
    num_units: int,
) -> dict[str, Any]:
    """What was found about a picture, in numbers."""
    classes = {}
    for each, said in zip(answer.classes, told, strict=True):
        speaking, opposing = said.speakers(num_units)
        classes[each.name] = {
            "said": each.said,
            "probability": said.probability,
            "logit": said.logit,
            "for": speaking,
            "against": opposing,
            "all_for": float(np.maximum(said.drops, 0).sum()),
            "all_against": float(np.minimum(said.drops, 0).sum()),
        }
    return {"best": dict(answer.best), "classes": classes}
