"""Names of the same units from two origins, side by side: a table and a page."""

import math
import re
from collections.abc import Sequence
from typing import NamedTuple

from jaxdissect.experiments.contrast.unit_names import Named
from jaxdissect.pages import base
from jaxdissect.pages.tables import Table

BRODEN_ENDINGS = re.compile(r"-[cs]$")
"""Of the names of Broden's colours and scenes."""


class Pair(NamedTuple):
    """A unit with its names.

    Attributes:
        unit: its number, 0-based.
        names: of both sides; empty for none.
        categories: of both; empty for none.
        scores: of both; None where there is none.
        same: whether both have the same name.
        picture: `data:` address of its top images; empty for none.
    """

    unit: int
    names: tuple[str, str]
    categories: tuple[str, str]
    scores: tuple[float | None, float | None]
    same: bool
    picture: str


def pairs(first: Named, second: Named) -> list[Pair]:
    """Every unit with its names of both sides, which have as many.

    Names are the same where they differ in nothing but capital letters and the endings
    -c and -s of Broden's colours and scenes.

    >>> one = Named("", "IoU", 0, ("sky",), ("",), (0.1,), ("",))
    >>> pairs(one, one._replace(names=("Sky-c",), scores=(math.nan,)))[0].same
    True
    """
    return [
        Pair(
            unit,
            (a, b),
            (first.categories[unit], second.categories[unit]),
            (_number(first.scores[unit]), _number(second.scores[unit])),
            bool(a) and _plain(a) == _plain(b),
            first.pictures[unit] or second.pictures[unit],
        )
        for unit, (a, b) in enumerate(zip(first.names, second.names, strict=True))
    ]


def table(found: Sequence[Pair]) -> Table:
    """One row per unit, in their order: number, names, categories, scores, same."""
    columns = ["unit"]
    for side in ("first", "second"):
        columns += [f"{side}_name", f"{side}_category", f"{side}_score"]
    rows: list[list[str | int | float | bool]] = []
    for pair in found:
        row: list[str | int | float | bool] = [pair.unit]
        for name, category, score in zip(
            pair.names, pair.categories, pair.scores, strict=True
        ):
            row += [name, category, "" if score is None else score]
        rows.append([*row, pair.same])
    return Table([*columns, "same_name"], rows)


def sentences(
    names: tuple[str, str], sides: tuple[Named, Named], found: Sequence[Pair]
) -> list[str]:
    """What was compared, and how often both say the same."""
    said = [_said(name, side) for name, side in zip(names, sides, strict=True)]
    both = [pair for pair in found if all(pair.names)]
    same = sum(pair.same for pair in found)
    return [
        *said,
        f"{same} of {len(both)} units with two names have the same name "
        "(but for capitals and the endings -c and -s)",
    ]


def render(
    names: tuple[str, str], sides: tuple[Named, Named], found: Sequence[Pair]
) -> str:
    """The page: every unit with both names, in order of their numbers."""
    return (
        base.environment()
        .get_template("named_units.html.j2")
        .render(
            title=f"{names[0]} beside {names[1]}",
            names=names,
            measures=[side.measure for side in sides],
            said=sentences(names, sides, found),
            pairs=found,
        )
    )


def _said(name: str, side: Named) -> str:
    shift = "unit n here is its unit n + 1" if side.numbering else "as they do here"
    measure = f", with {side.measure}" if side.measure else ""
    return (
        f"{name}: {side.origin}, {len(side.names)} units{measure}; its units count "
        f"from {side.numbering}, {shift}"
    )


def _number(score: float) -> float | None:
    return None if math.isnan(score) else score


def _plain(name: str) -> str:
    return BRODEN_ENDINGS.sub("", name.casefold().strip())
