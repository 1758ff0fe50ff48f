"""What an attack does to units, as one HTML page that needs nothing but a browser."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from jaxdissect.pages.base import environment
from jaxdissect.pages.tables import Table


class Moved(NamedTuple):
    """A unit and how its peak changes.

    Attributes:
        name: such as "bed"; any characters.
        unit: its number.
        change: as a share of its scale.
        detail: such as an interval, or empty.
    """

    name: str
    unit: int
    change: float
    detail: str = ""


class Picture(NamedTuple):
    """A picture and what is said below it.

    Attributes:
        picture: a `data:` address, see `pictures`.
        name: any characters.
        detail: likewise.
    """

    picture: str
    name: str
    detail: str


class AttackedImage(NamedTuple):
    """An image that is drawn.

    Attributes:
        title: such as "farm to bedroom".
        moved: the units that move most on it.
        pictures: before, after, the difference, and where units move.
    """

    title: str
    moved: Sequence[Moved]
    pictures: Sequence[Picture]


class Aim(NamedTuple):
    """Everything about one class that was aimed at.

    Attributes:
        name: of the class.
        said: a sentence.
        risen: units whose peaks rise most, on average over images.
        fallen: those whose peaks fall most.
    """

    name: str
    said: str
    risen: Sequence[Moved]
    fallen: Sequence[Moved]


class Section(NamedTuple):
    """A table, with what is said above it and a figure beside it.

    Attributes:
        title: of the section.
        said: sentences.
        table: columns and rows; floats are shown with three digits.
        figure: as a `data:` address, or empty.
        alt: what the figure shows, for those who cannot see it.
    """

    title: str
    said: Sequence[str]
    table: Table
    figure: str = ""
    alt: str = ""


def render(
    title: str,
    facts: Mapping[str, str],
    said: Sequence[str],
    sections: Sequence[Section],
    aims: Sequence[Aim],
    shown: Sequence[AttackedImage],
) -> str:
    """Write the page.

    All texts may hold any characters.

    Args:
        title: of the page.
        facts: what was attacked and how, in reading order.
        said: the findings.
        sections: tables and figures.
        aims: which units move, class by class.
        shown: images drawn.

    Returns:
        HTML, to be written in UTF-8.

    >>> aim = Aim("farm", "", [Moved("barn", 7, 0.24)], [Moved("snow", 3, -0.53)])
    >>> page = render("Attack", {}, [], [], [aim], [])
    >>> "barn" in page and "+24 %" in page and "-53 %" in page
    True
    """
    template = environment(cell=_cell, percent=percent).get_template("attack.html.j2")
    return template.render(
        title=title, facts=facts, said=said, sections=sections, aims=aims, shown=shown
    )


def percent(share: float) -> str:
    """A change in percent, with its sign.

    >>> percent(0.241), percent(-0.5), percent(0.0)
    ('+24 %', '-50 %', '0 %')
    """
    rounded = round(100 * share)
    sign = "+" if rounded > 0 else "-" if rounded < 0 else ""
    return f"{sign}{abs(rounded)} %"


def _cell(cell: str | int | float) -> str:
    return f"{cell:.3g}" if isinstance(cell, float) else str(cell)
