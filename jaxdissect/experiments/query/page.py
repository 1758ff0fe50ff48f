"""Answers of a dissection as one HTML page that needs nothing but a browser."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from jaxdissect.pages import base
from jaxdissect.pages.tables import Table


class Shown(NamedTuple):
    """A picture and what is said below it.

    Attributes:
        picture: a `data:` address, see `pictures`.
        name: such as "farm" or "unit 7: boat"; any characters.
        detail: such as "evidence 0.07, IoU 0.43".
        is_right: whether it is what it was found as; None where that is not known.
    """

    picture: str
    name: str
    detail: str
    is_right: bool | None = None


class ConceptAnswer(NamedTuple):
    """Where a concept is.

    Attributes:
        name: of the concept; any characters.
        category: the concept's.
        said: sentences.
        outside: labelled images, those with the most evidence first.
        own: pictures of one's own, likewise.
        classifiers: how well each of the concept's units tells it.
        figure: the best unit's peaks as a `data:` address, or empty.
    """

    name: str
    category: str
    said: Sequence[str]
    outside: Sequence[Shown]
    own: Sequence[Shown]
    classifiers: Table
    figure: str


class PictureAnswer(NamedTuple):
    """What fires on a picture.

    Attributes:
        name: of the picture; any characters.
        picture: itself, as a `data:` address.
        said: a sentence.
        units: where units are on, in order.
    """

    name: str
    picture: str
    said: str
    units: Sequence[Shown]


def render(
    title: str,
    facts: Mapping[str, str],
    concepts: Sequence[ConceptAnswer],
    pictures: Sequence[PictureAnswer],
) -> str:
    """Write the page: where each concept is, and what fires on each picture.

    All texts may hold any characters.

    Args:
        title: of the page.
        facts: what was asked and how, in reading order.
        concepts: in the order asked.
        pictures: in the order asked.

    Returns:
        HTML, to be written in UTF-8.

    >>> answer = PictureAnswer("cat.jpg", "data:,", "No unit fires.", [])
    >>> page = render("Questions to conv5", {"layer": "conv5"}, [], [answer])
    >>> page[:15], page.count('<section class="question"')
    ('<!doctype html>', 1)
    """
    template = base.environment(cell=_cell).get_template("query.html.j2")
    return template.render(
        title=title, facts=facts, concepts=concepts, pictures=pictures
    )


def _cell(cell: str | int | float) -> str:
    return f"{cell:.3f}" if isinstance(cell, float) else str(cell)
