"""Which units are for a prediction and which against, and where: by gradients."""

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from jaxdissect import model as models
from jaxdissect.base import AnyArray, Params, Tail
from jaxdissect.data import generated, images
from jaxdissect.errors import BadInput
from jaxdissect.experiments import dissect
from jaxdissect.experiments.dissect import OpenDissection, Pictures
from jaxdissect.experiments.explain import writing
from jaxdissect.experiments.explain.settings import ExplainSettings
from jaxdissect.gradients import first_order_drops, prediction_gradients
from jaxdissect.model import Model
from jaxdissect.runs import outputs, publishing, subjects
from jaxdissect.runs.progress import Progress, progress_of
from jaxdissect.runs.scores import SCORES
from jaxdissect.upsampling import Centres

NUM_GENERATED = 3
"""Generated images that are explained where none are named."""

MEMORY_BYTES = 2**31
"""What asking about one picture may take, as if no array were freed."""


class Head(NamedTuple):
    """What comes after the layer that is asked.

    Attributes:
        tail: (params, acts [B H W U]) -> logits [B K]; the same object every time, as
            it is compiled.
        params: of the network.
        classes: [K] names.
    """

    tail: Tail
    params: Params
    classes: tuple[str, ...]


class Evidence(NamedTuple):
    """What the units of a layer add to a class on one picture.

    Attributes:
        number: of the class.
        probability: of it.
        logit: of it.
        contributions: [H W U] gradient x activation.
        drops: [U] these, summed over positions.
    """

    number: int
    probability: float
    logit: float
    contributions: Float[np.ndarray, "H W U"]
    drops: Float[np.ndarray, "U"]

    def strongest(self, most: int) -> tuple[list[int], list[int]]:
        """Units for the class, and against it; the strongest first."""
        order = np.argsort(-self.drops, kind="stable")
        supporting = order[self.drops[order] > 0][:most]
        opposing = order[self.drops[order] < 0][::-1][:most]
        return supporting.tolist(), opposing.tolist()

    def shares(self) -> Float[np.ndarray, "U"]:
        """[U] each unit's part of all that is for the class, or against it."""
        gains, losses = (np.maximum(d, 0) for d in (self.drops, -self.drops))
        return gains / (gains.sum() or 1.0) + losses / (losses.sum() or 1.0)


class PictureAnswer(NamedTuple):
    """What is found about a picture.

    Attributes:
        name: of tables.
        title: of pages.
        detail: what it is, or empty.
        image: [S S 3] with values in [0, 255].
        probabilities: [K] of all classes.
        evidence: one for each class asked about.
    """

    name: str
    title: str
    detail: str
    image: np.ndarray
    probabilities: np.ndarray
    evidence: list[Evidence]


class Result(NamedTuple):
    """Which units are for predictions and which against.

    Attributes:
        pictures: one for each picture.
        classes: [K] names.
        dissected: the layer's dissection.
        centres: where the cells of the layer's maps sit on the pictures.
        score: what gradients are of, "probability" or "logit".
        num_units: shown of those for a class, and as many against.
        facts: what was asked and how, in reading order.
        record: what makes it the same run: settings, versions, hashes of what it read.
    """

    pictures: tuple[PictureAnswer, ...]
    classes: tuple[str, ...]
    dissected: OpenDissection
    centres: Centres
    score: str
    num_units: int
    facts: dict[str, str]
    record: Mapping[str, Any]

    def table(self) -> dict[str, list[Any]]:
        """{column: cells}: all units for each class, those for it first."""
        return writing.columns(self)

    def write(self, folder: Path, final: Path | None = None) -> None:
        """Table, numbers and the page into a folder.

        Args:
            folder: where to.
            final: where the page will lie, if elsewhere: it leads to the dissection's.
        """
        writing.write(folder, self, final or folder)

    def save(self, folder: str | Path) -> None:
        """The files that the command writes, whole or not at all.

        Raises:
            BadInput: the folder holds something else.
        """
        out = Path(folder)
        publishing.make_once(
            out, self.record, lambda work: self.write(work.results, out)
        )

    def __repr__(self) -> str:
        return "\n".join(writing.findings(self))

    def _repr_html_(self) -> str:
        return writing.html(self)


class Scope(NamedTuple):
    """All that is asked.

    Attributes:
        settings: what to ask.
        subject: the network up to the layer that was dissected.
        head: the rest of it.
        dissected: the layer's dissection.
        pictures: to explain.
    """

    settings: ExplainSettings
    subject: subjects.Subject
    head: Head
    dissected: OpenDissection
    pictures: Pictures

    @property
    def record(self) -> dict[str, Any]:
        """What makes it the same run."""
        layer, iou = self.dissected.layer, self.dissected.saved.result.iou
        return outputs.manifest(
            self.settings,
            weights=self.subject.digest,
            outputs=self.subject.facts.get("outputs", "logits"),
            dissected=images.fingerprint([layer], iou),
            pictures=images.fingerprint([], self.pictures.images),
        )


def run(
    model: Model,
    pictures: np.ndarray | Sequence[str | Path] | None = None,
    settings: ExplainSettings | None = None,
    *,
    dissection: str | Path | OpenDissection | dissect.Result | None = None,
    progress: Progress | bool = True,
) -> Result:
    """Explain what a network makes of pictures, by the units of a dissected layer.

    Args:
        model: the network.
        pictures: files, or uint8 [P S S 3]; by default those of settings, or else a
            few generated ones of the kind that was dissected.
        settings: which classes, and of what gradients are.
        dissection: what `dissect` gives, of one layer, or a folder that it wrote; by
            default the one that settings name, or else made in memory.
        progress: whether to show bars.

    Raises:
        BadInput: an unknown class, a picture that cannot be read, or a dissection of
            another network.
    """
    settings = settings or ExplainSettings()
    model = models.with_logits(model, model.subject.network or "")
    check_asked(settings, model)
    chosen = settings.images if pictures is None else pictures
    own = dissect.pictures_of(chosen, model.image_size)
    dissected = dissect.opened(
        settings.dissection if dissection is None else dissection,
        model,
        settings.seed,
        progress=progress,
    )
    return explain(scope_of(model, dissected, own, settings), progress=progress)


def check_asked(settings: ExplainSettings, model: Model) -> None:
    """Refuse scores and classes that the network does not have."""
    models.check_score(model, settings.score)
    class_numbers(settings.classes, model.classes)


def scope_of(
    model: Model,
    dissected: OpenDissection,
    pictures: Pictures,
    settings: ExplainSettings,
) -> Scope:
    """All that is asked, with generated pictures where there are none.

    Raises:
        BadInput: the dissection is of another network, or there are no pictures.
    """
    model, layer = dissect.as_dissected(model, dissected), dissected.layer
    facts = {name: said for name, said in model.facts.items() if name == "outputs"}
    subject = subjects.of_trained(model, (layer,), facts=facts)
    head = Head(model.split(layer).tail, model.params, model.classes)
    if not len(pictures.images):
        pictures = generated_pictures(settings, dissected, model.image_size)
    return Scope(settings, subject, head, dissected, pictures)


def explain(scope: Scope, *, progress: Progress | bool = True) -> Result:
    """Ask the units of a layer about all pictures.

    Raises:
        BadInput: an unknown class, or outputs that are not finite.
    """
    settings, dissected, pictures = scope.settings, scope.dissected, scope.pictures
    asked, answers = class_numbers(settings.classes, scope.head.classes), []
    total = len(pictures.images)
    parts = zip(*pictures, strict=True)
    for name, title, detail, image in progress_of(progress).bar(
        parts, total, "explaining"
    ):
        acts = scope.subject.forward(image[None])[dissected.layer]
        chances, evidence = evidence_of(scope.head, acts, asked, settings.score)
        answers.append(PictureAnswer(name, title, detail, image, chances, evidence))
    question = {"pictures": str(total), "gradients of": f"the {settings.score}"}
    return Result(
        pictures=tuple(answers),
        classes=tuple(scope.head.classes),
        dissected=dissected,
        centres=scope.subject.centres[dissected.layer],
        score=settings.score,
        num_units=settings.num_units,
        facts=dissect.answer_facts(dissected, question | dict(scope.subject.facts)),
        record=scope.record,
    )


def generated_pictures(
    settings: ExplainSettings, dissected: OpenDissection, size: int
) -> Pictures:
    """Images of the kind that was dissected, but of the split kept for reports.

    Raises:
        BadInput: those dissected are not generated.
    """
    kind = dissected.run["config"]["images"]
    if kind not in generated.GENERATORS:
        raise BadInput(
            f"`images` is empty, and {kind} images, which were dissected, are not "
            "generated; name a picture"
        )
    generator = generated.GENERATORS[kind]
    indices = generated.split_indices("report", NUM_GENERATED)
    drawn = generator.render(settings.seed, indices, size=size)
    names = [f"{kind.removesuffix('s')} {index}" for index in indices]
    truth = [f"generated as {generator.classes[target]}" for target in drawn.targets]
    return Pictures(names, names, truth, drawn.images)


def class_numbers(names: Sequence[str], classes: Sequence[str]) -> list[int]:
    """Numbers of the classes named, each once.

    Raises:
        BadInput: one that is none.

    >>> class_numbers(["farm", "farm"], ["beach", "farm"])
    [1]
    """
    for name in names:
        if name not in classes:
            close = difflib.get_close_matches(name, classes, n=1)
            near = f"did you mean {close[0]}?" if close else f"such as {classes[0]}"
            raise BadInput(
                f"`classes` has {name!r}, which is none of the {len(classes)} classes "
                f"of the network; {near}"
            )
    return list(dict.fromkeys(classes.index(name) for name in names))


def evidence_of(
    head: Head, acts: Float[AnyArray, "1 H W U"], asked: Sequence[int], score: str
) -> tuple[Float[np.ndarray, "K"], list[Evidence]]:
    """Ask a layer about classes.

    Args:
        head: what comes after it.
        acts: on one picture.
        asked: numbers of classes; empty for the one predicted and the runner-up.
        score: of `scores.SCORES`.

    Returns:
        Probabilities of all classes, and the units' evidence for each one asked.

    Raises:
        BadInput: the network's outputs are not finite.
    """
    with jax.default_matmul_precision("highest"):
        outputs = np.asarray(_outputs(head.tail, head.params, acts), np.float64)[0]
        if not np.isfinite(outputs).all():
            raise BadInput("the network's outputs are not finite on one of `images`")
        odds = np.exp(outputs - outputs.max())
        chances = odds / odds.sum()
        numbers = list(asked) or np.argsort(-outputs, kind="stable")[:2].tolist()
        gradients = prediction_gradients(
            *(head.tail, head.params, acts, np.array(numbers)),
            score=SCORES[score],
            memory_bytes=MEMORY_BYTES,
        )[:, 0]
        acts = jnp.broadcast_to(acts, gradients.shape)
        maps = np.asarray(gradients * acts)
        drops = np.asarray(first_order_drops(gradients, acts))
    return chances, [
        Evidence(number, float(chances[number]), float(outputs[number]), *parts)
        for number, *parts in zip(numbers, maps, drops, strict=True)
    ]


_outputs = jax.jit(lambda tail, params, acts: tail(params, acts), static_argnums=0)
