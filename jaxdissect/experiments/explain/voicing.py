"""What units say of a picture, as a page shows it."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import numpy as np
from jaxtyping import UInt8

from jaxdissect.dissection.layers import make_layers
from jaxdissect.experiments.dissect import asking
from jaxdissect.experiments.dissect.cards import UnitCard
from jaxdissect.experiments.explain import page as explanation
from jaxdissect.experiments.explain.explaining import Statement
from jaxdissect.experiments.explain.settings import ExplainSettings
from jaxdissect.pages import pictures
from jaxdissect.upsampling import Centres, upsample

SIDE = 224
"""Pixels along each side of a picture on the page."""

NUM_TOP_IMAGES = 3
"""Of a unit's own, shown beside it."""

TOP_IMAGE_SIDE = 72

NUM_BEST = 5
"""Classes whose probabilities are shown."""


class Scope(NamedTuple):
    """All that answers refer to.

    Attributes:
        config: what to ask.
        asked: the dissection.
        classes: names of all.
        centres: where the cells of the layer's maps sit on the pictures.
        out: where the page will lie, for links.
    """

    config: ExplainSettings
    asked: asking.Asked
    classes: tuple[str, ...]
    centres: Centres
    out: Path

    @property
    def link(self) -> str:
        """To the dissection's report, from the page; empty where there is none."""
        report = self.asked.folder / "report.html"
        if not report.exists():
            return ""
        return quote(Path(os.path.relpath(report, self.out)).as_posix())


def picture_answer(
    scope: Scope,
    title: tuple[str, str],
    image: UInt8[np.ndarray, "S S 3"],
    chances: np.ndarray,
    told: Sequence[Statement],
) -> explanation.PictureAnswer:
    """A picture's part of the page.

    Args:
        scope: what was asked.
        title: its name, and what it is.
        image: itself.
        chances: [K] probabilities of all classes.
        told: the statements of those asked about.

    Raises:
        BadInput: the dissection's pictures are damaged.
    """
    best = np.argsort(-chances, kind="stable")[:NUM_BEST].tolist()
    shown = pictures.scaled(image, SIDE)
    return explanation.PictureAnswer(
        *title,
        pictures.data_uri(shown, quality=85),
        [(scope.classes[number], float(chances[number])) for number in best],
        [_class_answer(scope, each, shown, len(image)) for each in told],
    )


def _class_answer(
    scope: Scope, said: Statement, shown: np.ndarray, size: int
) -> explanation.ClassAnswer:
    name, layer = scope.classes[said.number], scope.asked.layer
    speaking, opposing = (
        _voices(scope, said, units, shown, size)
        for units in said.speakers(scope.config.num_units)
    )
    if speaking or opposing:
        words = explanation.sentence(
            name, said.probability, _named(speaking), _named(opposing)
        )
    else:
        words = explanation.silence(name, said.probability, layer, scope.config.score)
    return explanation.ClassAnswer(name, said.probability, words, speaking, opposing)


def _named(voices: Sequence[explanation.Voice]) -> list[tuple[int, str]]:
    """What each unit detects; a label that is not detected would mislead."""
    return [(v.unit, v.label if v.is_detector else "") for v in voices]


def _voices(
    scope: Scope, said: Statement, units: list[int], shown: np.ndarray, size: int
) -> list[explanation.Voice]:
    name = scope.asked.layer
    layer = make_layers(
        {name: said.contributions[None]},
        shown[None],
        {name: scope.centres},
        size,
        scope.asked.saved.protocol,
    )[name]
    maps = said.contributions[None, ..., units]
    finer = np.asarray(upsample(maps, layer.rows, layer.columns))[0]
    shares = said.shares()
    return [
        explanation.Voice(
            card.unit,
            card.label,
            card.category,
            card.iou,
            card.is_detector,
            float(said.drops[unit]),
            float(shares[unit]),
            pictures.data_uri(pictures.signed_overlay(shown, finer[..., at])),
            _top_images(card),
            f"{scope.link}#unit-{unit}" if scope.link else "",
        )
        for at, unit in enumerate(units)
        for card in (scope.asked.saved.cards[unit],)
    ]


def _top_images(card: UnitCard) -> tuple[str, ...]:
    if not card.captions:
        return ()
    strip = pictures.of_strip(pictures.picture_of(card.strip), len(card.captions))
    small = [pictures.scaled(image, TOP_IMAGE_SIDE) for image in strip[:NUM_TOP_IMAGES]]
    return tuple(map(pictures.data_uri, small))
