"""A dissection, asked which images show a concept, and which units fire on pictures."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxdissect.data import images
from jaxdissect.dissection import queries
from jaxdissect.dissection.layers import Layer, make_layers
from jaxdissect.errors import BadInput
from jaxdissect.experiments import dissect
from jaxdissect.experiments.dissect import OpenDissection, Pictures, UnitCard
from jaxdissect.experiments.query import questions, writing
from jaxdissect.experiments.query.questions import Question
from jaxdissect.experiments.query.settings import QuerySettings
from jaxdissect.model import Model
from jaxdissect.pages.pictures import marked
from jaxdissect.runs import labelled, outputs, probes, publishing, subjects
from jaxdissect.runs.progress import Progress, progress_of
from jaxdissect.streaming import accumulate, combine


class Shown(NamedTuple):
    """A picture with the regions of units.

    Attributes:
        picture: [s s 3] with values in [0, 255].
        name: such as "farm" or "unit 7: boat"; any characters.
        detail: such as "evidence 0.07, IoU 0.43".
        is_right: whether it is what it was found as; None where that is not known.
    """

    picture: np.ndarray
    name: str
    detail: str
    is_right: bool | None = None


class ConceptAnswer(NamedTuple):
    """Where a concept is.

    Attributes:
        name: of the concept; any characters.
        category: the concept's.
        units: [M] that were asked, the best first.
        num_detectors: units that detect it.
        dissection_iou: [M] of the units and the concept, when they were dissected.
        evidence: [N] of each image searched.
        iou: [N] of its regions and labels.
        has_concept: [N] whether it is labelled with the concept.
        whole_iou: IoU over all of them together.
        peaks: [N M] of the units.
        classifiers: [M] how well each tells the concept; none if all images show it,
            or none.
        own_evidence: [P] of one's own pictures.
        shown: the images searched on which it is most evident.
        own_shown: one's own pictures, in that order.
    """

    name: str
    category: str
    units: list[int]
    num_detectors: int
    dissection_iou: list[float]
    evidence: np.ndarray
    iou: np.ndarray
    has_concept: np.ndarray
    whole_iou: float
    peaks: np.ndarray
    classifiers: list[queries.UnitClassifier]
    own_evidence: np.ndarray
    shown: list[Shown]
    own_shown: list[Shown]

    @property
    def full_name(self) -> str:
        """category/name."""
        return f"{self.category}/{self.name}"


class PictureAnswer(NamedTuple):
    """What fires on a picture of one's own.

    Attributes:
        name: of tables.
        title: of pages.
        picture: itself, [s s 3].
        firing: all units that are on somewhere, in order.
        shown: the first of them.
    """

    name: str
    title: str
    picture: np.ndarray
    firing: queries.FiringUnits
    shown: list[Shown]


class Result(NamedTuple):
    """What a dissection says of concepts and pictures.

    Attributes:
        layer: whose units were asked.
        concepts: in the order asked.
        pictures: in the order asked.
        indices: [N] of the images searched, in their source.
        captions: [N] theirs.
        pictures_asked: [P] names of one's own pictures.
        cards: [U] what each unit looks for.
        rank_by: order of the units that fire on a picture.
        num_shown: images shown of each concept.
        facts: what was asked and how, in reading order.
        record: what makes it the same run: settings, versions, hashes of what it read.
    """

    layer: str
    concepts: tuple[ConceptAnswer, ...]
    pictures: tuple[PictureAnswer, ...]
    indices: np.ndarray
    captions: Sequence[str]
    pictures_asked: Sequence[str]
    cards: Sequence[UnitCard]
    rank_by: str
    num_shown: int
    facts: dict[str, str]
    record: Mapping[str, Any]

    def table(self) -> dict[str, list[Any]]:
        """{column: cells}: evidence of each concept on every image.

        Where no concept was asked about: every unit that is on, on each picture.
        """
        if self.concepts:
            return writing.concept_columns(self)
        return writing.picture_columns(self)

    def write(self, folder: Path) -> None:
        """Tables, figures and the page into a folder."""
        writing.write(folder, self)

    def save(self, folder: str | Path) -> None:
        """The files that the command writes, whole or not at all.

        Raises:
            BadInput: the folder holds something else.
        """
        publishing.save(self, Path(folder))

    def __repr__(self) -> str:
        return "\n".join(writing.findings(self))

    def _repr_html_(self) -> str:
        return writing.html(self)


class Scope(NamedTuple):
    """All that questions refer to.

    Attributes:
        settings: how to ask.
        subject: the network.
        dissected: its dissection.
        questions: the concepts asked about.
        probe: labelled images to search, or None where no concept is asked about.
        pictures: one's own.
    """

    settings: QuerySettings
    subject: subjects.Subject
    dissected: OpenDissection
    questions: list[Question]
    probe: labelled.Probe | None
    pictures: Pictures

    @property
    def record(self) -> dict[str, Any]:
        """What makes it the same run."""
        layer, iou = self.dissected.layer, self.dissected.saved.result.iou
        return outputs.manifest(
            self.settings,
            weights=self.subject.digest,
            dissected=images.fingerprint([layer], iou),
            searched="" if self.probe is None else self.probe.source.digest,
            pictures=images.fingerprint([], self.pictures.images),
        )


def run(
    model: Model,
    dissection: str | Path | OpenDissection | dissect.Result | None = None,
    settings: QuerySettings | None = None,
    *,
    pictures: np.ndarray | Sequence[str | Path] | None = None,
    progress: Progress | bool = True,
) -> Result:
    """Ask a dissection where concepts are, and what fires on pictures.

    Args:
        model: the network that was dissected.
        dissection: what `dissect` gives, of one layer, or a folder that it wrote; by
            default the one that settings name, or else made in memory.
        settings: the questions.
        pictures: of your own: files, or uint8 [P S S 3]; by default those of settings.
        progress: whether to show bars.

    Raises:
        BadInput: no question, or one that cannot be answered.
    """
    settings = settings or QuerySettings()
    if dissection is None:
        dissection = settings.dissection
    chosen = settings.images if pictures is None else pictures
    check_asked(settings, len(chosen))
    own = dissect.pictures_of(chosen, model.image_size)
    dissected = dissect.opened(dissection, model, settings.seed, progress=progress)
    return answer(scope_of(model, dissected, own, settings), progress=progress)


def check_asked(settings: QuerySettings, num_pictures: int) -> None:
    """Refuse what has no question."""
    if not settings.concepts and not num_pictures:
        raise BadInput("`concepts` and `images` are both empty; there is no question")


def scope_of(
    model: Model, dissected: OpenDissection, pictures: Pictures, settings: QuerySettings
) -> Scope:
    """All that questions refer to, checked.

    Raises:
        BadInput: the dissection is of another network, an unknown concept, or images
            to search that cannot be.
    """
    model = dissect.as_dissected(model, dissected)
    subject = subjects.of_trained(model, (dissected.layer,), facts={})
    known = dissected.saved.concepts
    concepts = questions.concept_numbers(settings.concepts, known)
    units = [questions.units_of(settings, dissected, concept) for concept in concepts]
    if not concepts:
        return Scope(settings, subject, dissected, [], None, pictures)
    probe = questions.outside_of(settings, dissected, subject.image_size)
    labels = questions.numbers_in(probe.source, [known[c] for c in concepts])
    asked = list(map(Question, concepts, labels, units))
    return Scope(settings, subject, dissected, asked, probe, pictures)


def answer(scope: Scope, *, progress: Progress | bool = True) -> Result:
    """Look for all concepts at once, then at one's own pictures."""
    concepts: list[ConceptAnswer] = []
    captions, indices, question = [], np.zeros(0, int), {}
    if scope.probe is not None:
        concepts = _search(scope, scope.probe, progress_of(progress))
        source, indices = scope.probe.source, scope.probe.indices
        captions = [source.captions[index] for index in indices]
        of = "of " if source.what[0].isdigit() else ""
        question["searched"] = (
            f"{len(indices)} {of}{source.what}, none of them dissected"
        )
    if len(scope.pictures.images):
        question["pictures"] = str(len(scope.pictures.images))
    return Result(
        layer=scope.dissected.layer,
        concepts=tuple(concepts),
        pictures=tuple(_look_at_pictures(scope)),
        indices=indices,
        captions=captions,
        pictures_asked=scope.pictures.names,
        cards=scope.dissected.saved.cards,
        rank_by=scope.settings.rank_by,
        num_shown=scope.settings.num_shown,
        facts=dissect.answer_facts(scope.dissected, question),
        record=scope.record,
    )


def _search(
    scope: Scope, probe: labelled.Probe, progress: Progress
) -> list[ConceptAnswer]:
    units = sorted({unit for asked in scope.questions for unit in asked.units})
    seen, peaks = _search_outside(scope, probe, units, progress)
    own = _search_own(scope)
    evidence, iou = queries.evidence(seen), queries.region_iou(seen)
    saved, answers = scope.dissected.saved, []
    for q, question in enumerate(scope.questions):
        has_concept = np.asarray(seen.shown[:, q] > 0)
        of_units = peaks[:, np.searchsorted(units, question.units)]
        intersection = seen.both[:, q].sum()
        union = seen.on[:, q].sum() + seen.shown[:, q].sum() - intersection
        name, category = saved.concepts[question.concept]
        detectors = queries.detectors_of(saved.result.detectors, question.concept)
        answers.append(
            ConceptAnswer(
                name=name,
                category=category,
                units=question.units,
                num_detectors=len(detectors),
                dissection_iou=saved.result.iou[
                    question.units, question.concept
                ].tolist(),
                evidence=evidence[:, q],
                iou=iou[:, q],
                has_concept=has_concept,
                whole_iou=float(intersection / max(union, 1)),
                peaks=of_units,
                classifiers=_classifiers(scope, question, of_units, has_concept),
                own_evidence=own[:, q],
                shown=_most_evident(
                    scope, probe, question, evidence[:, q], iou[:, q], has_concept
                ),
                own_shown=_own_by_evidence(scope, question, own[:, q]),
            )
        )
    return answers


def _search_outside(
    scope: Scope, probe: labelled.Probe, units: Sequence[int], progress: Progress
) -> tuple[queries.ConceptImages, np.ndarray]:
    layer_name, size = scope.dissected.layer, scope.settings.batch_size
    look = probes.look_at(
        scope.subject, probe, scope.dissected.saved.protocol, batch_size=size
    )

    def batch(number: int) -> tuple[np.ndarray, np.ndarray]:
        acts, labels, _ = look.batch(number)
        return acts[layer_name], labels

    layer = _layer(scope, *batch(0))
    parts = {
        "images": _concept_images(scope, layer),
        "peaks": queries.unit_peaks(units),
    }

    num, label = look.num_batches, "searching"
    seen = progress.accumulate(combine(**parts), batch, num, label)
    return seen["images"], seen["peaks"]


def _search_own(scope: Scope) -> np.ndarray:
    pictures = scope.pictures.images
    if not len(pictures):
        return np.zeros((0, len(scope.questions)))
    acts, layer = _acts_of(scope, pictures)
    unlabelled = np.zeros((*pictures.shape[:3], 0), int)
    looked = accumulate(_concept_images(scope, layer), [(acts, unlabelled)])
    return queries.evidence(looked)


def _concept_images(scope: Scope, layer: Layer):
    return queries.concept_images(
        layer,
        scope.dissected.saved.result.thresholds,
        [question.units for question in scope.questions],
        [question.label for question in scope.questions],
    )


def _classifiers(
    scope: Scope, question: Question, peaks: np.ndarray, has_concept: np.ndarray
) -> list[queries.UnitClassifier]:
    if has_concept.all() or not has_concept.any():
        return []
    thresholds = scope.dissected.saved.result.thresholds[question.units].tolist()
    return [
        queries.unit_as_classifier(peak, has_concept, threshold)
        for peak, threshold in zip(peaks.T, thresholds, strict=True)
    ]


def _most_evident(
    scope: Scope,
    probe: labelled.Probe,
    question: Question,
    evidence: np.ndarray,
    iou: np.ndarray,
    has_concept: np.ndarray,
) -> list[Shown]:
    """The images searched on which the concept is most evident, with its labels."""
    top = np.argsort(-evidence, kind="stable")[: scope.settings.num_shown]
    top = top[evidence[top] > 0]
    if not len(top):
        return []
    indices = probe.indices[top]
    seen = probe.source.load(indices, size=scope.subject.image_size, stride=1)
    truth = (seen.labels == question.label + 1).any(-1)
    return [
        Shown(
            picture,
            probe.source.captions[index],
            f"evidence {evidence[rank]:.3f}, IoU {iou[rank]:.2f}",
            bool(has_concept[rank]),
        )
        for picture, index, rank in zip(
            _marked(scope, seen.images, question, truth), indices, top, strict=True
        )
    ]


def _own_by_evidence(
    scope: Scope, question: Question, evidence: np.ndarray
) -> list[Shown]:
    """One's own pictures, those on which the concept is most evident first."""
    images = scope.pictures.images
    if not len(images):
        return []
    drawn = _marked(scope, images, question, np.zeros(images.shape[:3], bool))
    titles = scope.pictures.titles
    return [
        Shown(drawn[n], titles[n], f"evidence {evidence[n]:.3f}")
        for n in np.argsort(-evidence, kind="stable").tolist()
    ]


def _look_at_pictures(scope: Scope) -> list[PictureAnswer]:
    """What fires on each of one's own pictures."""
    pictures, result = scope.pictures, scope.dissected.saved.result
    if not len(pictures.images):
        return []
    acts, layer = _acts_of(scope, pictures.images)
    nowhere, answers = np.zeros(pictures.images.shape[1:3], bool), []
    for name, title, image, maps in zip(
        pictures.names, pictures.titles, pictures.images, acts, strict=True
    ):
        firing = queries.firing_units(
            layer,
            maps,
            result.thresholds,
            scope.dissected.tails,
            rank_by=scope.settings.rank_by,
        )
        itself = marked(image, ~nowhere, nowhere)
        shown = _firing_shown(scope, image, firing)
        answers.append(PictureAnswer(name, title, itself, firing, shown))
    return answers


def _firing_shown(
    scope: Scope, image: np.ndarray, firing: queries.FiringUnits
) -> list[Shown]:
    """A picture once for each of the first units that fire on it."""
    nowhere, shown = np.zeros(image.shape[:2], bool), []
    for at, unit in enumerate(firing.units[: scope.settings.num_shown].tolist()):
        card = scope.dissected.saved.cards[unit]
        label = card.label or "no label"
        name = f"unit {unit}: {label if card.is_detector else f'({label})'}"
        area = f"{100 * firing.area[at]:.1f} %"
        detail = f"strength {firing.strength[at]:.2f}, area {area}"
        shown.append(Shown(marked(image, firing.regions[at], nowhere), name, detail))
    return shown


def _marked(
    scope: Scope, images: np.ndarray, question: Question, truth: np.ndarray
) -> list[np.ndarray]:
    acts, layer = _acts_of(scope, images)
    thresholds = scope.dissected.saved.result.thresholds[question.units]
    maps = np.moveaxis(acts[..., question.units], -1, 1)
    return [
        marked(image, queries.concept_regions(layer, of_image, thresholds), there)
        for image, of_image, there in zip(images, maps, truth, strict=True)
    ]


def _acts_of(scope: Scope, images: np.ndarray) -> tuple[np.ndarray, Layer]:
    """Activations [B H W U] of images, and how they lie on the images' pixels."""
    name, size = scope.dissected.layer, scope.settings.batch_size
    parts = [
        np.asarray(scope.subject.forward(images[start : start + size])[name])
        for start in range(0, len(images), size)
    ]
    acts = np.concatenate(parts)
    return acts, _layer(scope, acts, images)


def _layer(scope: Scope, acts: np.ndarray, grid: np.ndarray) -> Layer:
    name, subject = scope.dissected.layer, scope.subject
    protocol = scope.dissected.saved.protocol
    return make_layers(
        {name: acts}, grid, subject.centres, subject.image_size, protocol
    )[name]
