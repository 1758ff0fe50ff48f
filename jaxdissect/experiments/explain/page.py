"""Which units are for predictions and which against, as one HTML page."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

import numpy as np

from jaxdissect.dissection.layers import make_layers
from jaxdissect.experiments.dissect import UnitCard
from jaxdissect.pages import base, pictures
from jaxdissect.pages.numbers import MINUS
from jaxdissect.upsampling import upsample

if TYPE_CHECKING:
    from jaxdissect.experiments.explain.experiment import (
        Evidence,
        PictureAnswer,
        Result,
    )

PALETTE_SIZE = 6
"""Colours in the style sheet; further categories begin again with the first."""

SIDE = 224
"""Pixels along each side of a picture on the page."""

NUM_TOP_IMAGES = 3
"""Of a unit's own, shown beside it."""

TOP_IMAGE_SIDE = 72

NUM_BEST = 5
"""Classes whose probabilities are shown."""

LEAST = 1e-3
"""Probabilities nearer to 0 or 1 are only said to be so."""

TIMES = "\N{MULTIPLICATION SIGN}"
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


class ShownUnit(NamedTuple):
    """A unit that is for a class, or against it.

    Attributes:
        card: what it looks for.
        drop: of the class's score without the unit, to first order; against where
            negative.
        share: of all that is for the class, or against it, in [0, 1].
        where: the picture as a `data:` address, coloured where the unit acts.
        top_images: the first of the unit's own top images, likewise.
    """

    card: UnitCard
    drop: float
    share: float
    where: str
    top_images: tuple[str, ...]


class ShownClass(NamedTuple):
    """A class asked about.

    Attributes:
        name: any characters.
        probability: in [0, 1].
        said: what was found, a sentence.
        supporting: units for it, the strongest first.
        opposing: units against it, the strongest first.
    """

    name: str
    probability: float
    said: str
    supporting: Sequence[ShownUnit]
    opposing: Sequence[ShownUnit]


class ShownPicture(NamedTuple):
    """What is said of a picture.

    Attributes:
        name: any characters.
        detail: what it is, or empty.
        picture: itself, as a `data:` address.
        best: (class, probability) of the most probable ones.
        classes: those asked about.
    """

    name: str
    detail: str
    picture: str
    best: Sequence[tuple[str, float]]
    classes: Sequence[ShownClass]


def render(
    result: "Result", said_of: "Callable[[Result, Evidence], str]", link: str = ""
) -> str:
    """The page: predictions, and which units are for and against them.

    Args:
        result: the answers; texts may hold any characters.
        said_of: what was found about a class, in words.
        link: to the dissection's report, or empty.

    Raises:
        BadInput: the dissection's pictures are damaged.
    """
    saved, layer = result.dissected.saved, result.dissected.layer
    categories = dict.fromkeys(category for _, category in saved.concepts)
    environment = base.environment(
        "jaxdissect.experiments.explain", percent=percent, amount=amount
    )
    return environment.get_template("explain.html.j2").render(
        title=f"Which units of {layer} speak for the prediction, and where?",
        facts=result.facts,
        answers=[shown_picture(result, one, said_of) for one in result.pictures],
        colour={name: i % PALETTE_SIZE for i, name in enumerate(categories)},
        score=result.score,
        link=link,
    )


def link(result: "Result", final: Path) -> str:
    """To the dissection's report from a page in a folder; empty where there is none."""
    report = result.dissected.folder / "report.html"
    if not report.exists():
        return ""
    return quote(Path(os.path.relpath(report, final)).as_posix())


def most_probable(answer: "PictureAnswer") -> list[int]:
    """Numbers of a picture's most probable classes."""
    return np.argsort(-answer.probabilities, kind="stable")[:NUM_BEST].tolist()


def shown_picture(
    result: "Result",
    answer: "PictureAnswer",
    said_of: "Callable[[Result, Evidence], str]",
) -> ShownPicture:
    """A picture's part of the page.

    Raises:
        BadInput: the dissection's pictures are damaged.
    """
    large = pictures.scaled(answer.image, SIDE)
    classes = []
    for evidence in answer.evidence:
        sides = (
            _shown_units(result, evidence, units, large, len(answer.image))
            for units in evidence.strongest(result.num_units)
        )
        name, said = result.classes[evidence.number], said_of(result, evidence)
        classes.append(ShownClass(name, evidence.probability, said, *sides))
    return ShownPicture(
        answer.title,
        answer.detail,
        pictures.data_uri(large, quality=85),
        [
            (result.classes[number], float(answer.probabilities[number]))
            for number in most_probable(answer)
        ],
        classes,
    )


def percent(probability: float) -> str:
    """The same in percent.

    >>> percent(0.5), percent(0.00001), percent(0.99999)
    ('50.0 %', '< 0.1 %', '> 99.9 %')
    """
    bound = {True: "< 0.1 %", False: "> 99.9 %"}
    if LEAST <= probability <= 1 - LEAST:
        return f"{100 * probability:.1f} %"
    return bound[probability < LEAST]


def amount(value: float) -> str:
    """A number of any size in two digits, with its sign.

    >>> amount(0.2), amount(12.34), amount(3.2e-7) == f"+3.2 {TIMES} 10⁻⁷"
    ('+0.20', '+12', True)
    """
    digits, _, power = f"{value:+#.2g}".rstrip(".").partition("e")
    if power:
        raised = str(int(power)).translate(SUPERSCRIPTS)
        digits = f"{digits} {TIMES} 10{raised}"
    return digits.replace("-", MINUS)


def _shown_units(
    result: "Result",
    evidence: "Evidence",
    units: list[int],
    large: np.ndarray,
    size: int,
) -> list[ShownUnit]:
    name, saved = result.dissected.layer, result.dissected.saved
    layer = make_layers(
        {name: evidence.contributions[None]},
        large[None],
        {name: result.centres},
        size,
        saved.protocol,
    )[name]
    maps = evidence.contributions[None, ..., units]
    finer = np.asarray(upsample(maps, layer.rows, layer.columns))[0]
    shares = evidence.shares()
    return [
        ShownUnit(
            saved.cards[unit],
            float(evidence.drops[unit]),
            float(shares[unit]),
            pictures.data_uri(pictures.signed_overlay(large, finer[..., at])),
            _top_images(saved.cards[unit]),
        )
        for at, unit in enumerate(units)
    ]


def _top_images(card: UnitCard) -> tuple[str, ...]:
    if not card.captions:
        return ()
    strip = pictures.of_strip(pictures.picture_of(card.strip), len(card.captions))
    small = [pictures.scaled(image, TOP_IMAGE_SIDE) for image in strip[:NUM_TOP_IMAGES]]
    return tuple(map(pictures.data_uri, small))
