"""Pictures of answers: images with the regions of units."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxdissect.data.listing import shown as as_text
from jaxdissect.dissection import queries
from jaxdissect.experiments.query import figures as query_figures
from jaxdissect.experiments.query.page import Shown
from jaxdissect.experiments.query.searching import Found, Question, Scope, on_pixels
from jaxdissect.pages import pictures
from jaxdissect.plots import figures
from jaxdissect.runs import labelled


class Drawn(NamedTuple):
    """A picture [s s 3], and what is said below it."""

    picture: np.ndarray
    name: str
    detail: str
    is_right: bool | None = None

    def shown(self) -> Shown:
        """As a page shows it."""
        return Shown(
            pictures.data_uri(self.picture), self.name, self.detail, self.is_right
        )


def most_evident(scope: Scope, probe: labelled.Probe, found: Found) -> list[Drawn]:
    """The images searched on which the concept is most evident, with its labels."""
    top = _best(found.evidence, scope.config.num_shown)
    if not len(top):
        return []
    indices = probe.indices[top]
    seen = probe.source.load(indices, size=scope.subject.image_size, stride=1)
    truth = (seen.labels == found.question.label + 1).any(-1)
    drawn = []
    marked = _marked(scope, seen.images, found.question, truth)
    for rank, picture in zip(top.tolist(), marked, strict=True):
        detail = f"evidence {found.evidence[rank]:.3f}, IoU {found.iou[rank]:.2f}"
        name = probe.source.captions[probe.indices[rank]]
        drawn.append(Drawn(picture, name, detail, bool(found.has_concept[rank])))
    return drawn


def own_pictures(scope: Scope, found: Found) -> list[Drawn]:
    """One's own pictures, those on which the concept is most evident first."""
    if not len(scope.pictures):
        return []
    nowhere = np.zeros(scope.pictures.shape[:3], bool)
    marked = _marked(scope, scope.pictures, found.question, nowhere)
    return [
        Drawn(
            marked[number],
            as_text(scope.config.images[number].name),
            f"evidence {found.own_evidence[number]:.3f}",
        )
        for number in np.argsort(-found.own_evidence, kind="stable").tolist()
    ]


def firing(scope: Scope) -> list[queries.FiringUnits]:
    """What fires on each of one's own pictures."""
    if not len(scope.pictures):
        return []
    acts, layer = on_pixels(scope, scope.pictures)
    return [
        queries.firing_units(
            layer,
            maps,
            scope.asked.saved.result.thresholds,
            scope.asked.tails,
            rank_by=scope.config.rank_by,
        )
        for maps in acts
    ]


def fired(scope: Scope, number: int, units: queries.FiringUnits) -> list[Drawn]:
    """A picture of one's own once for each of the first units that fire on it."""
    nowhere = np.zeros(scope.pictures.shape[1:3], bool)
    drawn = []
    for at, unit in enumerate(units.units[: scope.config.num_shown].tolist()):
        card = scope.asked.saved.cards[unit]
        label = card.label or "no label"
        drawn.append(
            Drawn(
                query_figures.marked(
                    scope.pictures[number], units.regions[at], nowhere
                ),
                f"unit {unit}: {label if card.is_detector else f'({label})'}",
                f"strength {units.strength[at]:.2f}, area {100 * units.area[at]:.1f} %",
            )
        )
    return drawn


def save_grid(path: Path, drawn: list[Drawn], title: str, bright: str) -> None:
    """Write pictures with their captions as PNG."""
    shown = [
        (
            each.picture,
            each.name
            + (" · without it" if each.is_right is False else "")
            + f"\n{each.detail}",
        )
        for each in drawn
    ]
    figures.save(query_figures.picture_grid(shown, title, bright=bright), path)


def _best(evidence: np.ndarray, number: int) -> np.ndarray:
    top = np.argsort(-evidence, kind="stable")[:number]
    return top[evidence[top] > 0]


def _marked(
    scope: Scope, images: np.ndarray, question: Question, truth: np.ndarray
) -> list[np.ndarray]:
    acts, layer = on_pixels(scope, images)
    thresholds = scope.asked.saved.result.thresholds[question.units]
    maps = np.moveaxis(acts[..., question.units], -1, 1)
    return [
        query_figures.marked(
            image, queries.concept_regions(layer, each, thresholds), there
        )
        for image, each, there in zip(images, maps, truth, strict=True)
    ]
