"""Looking for concepts, and at pictures, with the units of a dissected layer."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from jaxdissect.dissection import queries
from jaxdissect.dissection import queries as classifiers
from jaxdissect.dissection.layers import Layer, make_layers
from jaxdissect.experiments.dissect import asking
from jaxdissect.experiments.query.settings import QuerySettings
from jaxdissect.runs import labelled, probes, subjects
from jaxdissect.runs.progress import Progress
from jaxdissect.streaming import accumulate, combine


class Question(NamedTuple):
    """A concept, and who is asked about it.

    Attributes:
        concept: its 0-based number in the dissection.
        label: its number in the label maps of the images to search.
        units: that speak for it, the best first.
    """

    concept: int
    label: int
    units: list[int]


class Scope(NamedTuple):
    """All that questions refer to.

    Attributes:
        config: how to ask.
        subject: the network.
        asked: its dissection.
        probe: labelled images to search, or None.
        pictures: [P S S 3] of one's own.
    """

    config: QuerySettings
    subject: subjects.Subject
    asked: asking.Asked
    probe: labelled.Probe | None
    pictures: np.ndarray

    def name_of(self, found: "Found") -> str:
        """category/name of a concept."""
        name, category = self.asked.saved.concepts[found.question.concept]
        return f"{category}/{name}"


class Found(NamedTuple):
    """Where a concept is.

    Attributes:
        question: what was asked.
        evidence: [N] of each image searched.
        iou: [N] of its regions and labels.
        has_concept: [N] whether it is labelled with the concept.
        whole_iou: IoU over all of them together.
        peaks: [N M] of the question's units.
        units: [M] how well each tells the concept; none if all images show it, or none.
        own_evidence: [P] of one's own pictures.
    """

    question: Question
    evidence: np.ndarray
    iou: np.ndarray
    has_concept: np.ndarray
    whole_iou: float
    peaks: np.ndarray
    units: list[classifiers.UnitClassifier]
    own_evidence: np.ndarray


def search(
    scope: Scope, probe: labelled.Probe, questions: Sequence[Question]
) -> list[Found]:
    """Look for all concepts at once, on labelled images and on one's own."""
    result = scope.asked.saved.result
    units = sorted({unit for question in questions for unit in question.units})
    seen, peaks = _look_outside(scope, probe, questions, units)
    own = _look_at_own(scope, questions)
    evidence, iou = queries.evidence(seen), queries.region_iou(seen)
    found = []
    for q, question in enumerate(questions):
        has_concept = np.asarray(seen.shown[:, q] > 0)
        of_units = peaks[:, np.searchsorted(units, question.units)]
        both = 0 < has_concept.sum() < len(has_concept)
        told = [
            classifiers.unit_as_classifier(
                peak, has_concept, float(result.thresholds[unit])
            )
            for peak, unit in zip(
                of_units.T, question.units if both else [], strict=False
            )
        ]
        intersection = seen.both[:, q].sum()
        union = seen.on[:, q].sum() + seen.shown[:, q].sum() - intersection
        found.append(
            Found(
                question,
                evidence[:, q],
                iou[:, q],
                has_concept,
                float(intersection / max(union, 1)),
                of_units,
                told,
                own[:, q],
            )
        )
    return found


def on_pixels(scope: Scope, images: np.ndarray) -> tuple[np.ndarray, Layer]:
    """Activations [B H W U] of images, and how they lie on the images' pixels."""
    name, size = scope.asked.layer, scope.config.batch_size
    parts = [
        np.asarray(scope.subject.forward(images[start : start + size])[name])
        for start in range(0, len(images), size)
    ]
    acts = np.concatenate(parts)
    return acts, _layer(scope, acts, images)


def _look_outside(
    scope: Scope,
    probe: labelled.Probe,
    questions: Sequence[Question],
    units: Sequence[int],
) -> tuple[queries.ConceptImages, np.ndarray]:
    asked, subject = scope.asked, scope.subject
    look = probes.look_at(
        subject, probe, asked.saved.protocol, batch_size=scope.config.batch_size
    )
    acts, labels, _ = look.batch(0)
    layer = _layer(scope, acts[asked.layer], labels)

    def batches() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        numbers = range(look.num_batches)
        for number in Progress().bar(numbers, look.num_batches, "searching"):
            acts, labels, _ = look.batch(number)
            yield acts[asked.layer], labels

    looked = accumulate(
        combine(
            images=_concept_images(scope, layer, questions),
            peaks=queries.unit_peaks(units),
        ),
        batches(),
    )
    return looked["images"], looked["peaks"]


def _look_at_own(scope: Scope, questions: Sequence[Question]) -> np.ndarray:
    if not len(scope.pictures):
        return np.zeros((0, len(questions)))
    acts, layer = on_pixels(scope, scope.pictures)
    unlabelled = np.zeros((*scope.pictures.shape[:3], 0), int)
    looked = _concept_images(scope, layer, questions)
    return queries.evidence(accumulate(looked, [(acts, unlabelled)]))


def _concept_images(scope: Scope, layer: Layer, questions: Sequence[Question]):
    return queries.concept_images(
        layer,
        scope.asked.saved.result.thresholds,
        [question.units for question in questions],
        [question.label for question in questions],
    )


def _layer(scope: Scope, acts: np.ndarray, grid: np.ndarray) -> Layer:
    name = scope.asked.layer
    return make_layers(
        {name: acts},
        grid,
        scope.subject.centres,
        scope.subject.image_size,
        scope.asked.saved.protocol,
    )[name]
