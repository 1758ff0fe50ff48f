"""Every word of the attack page, and the page: HTML that needs nothing but a browser.

How to read the page is told in `templates/attack.html.j2`.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from jaxdissect.attacks import ALL_TARGETS, RoleEffect
from jaxdissect.experiments.attack import figures
from jaxdissect.experiments.attack.figures import NUM_BARS, Drawn
from jaxdissect.experiments.attack.units import MEASURES, Moved, moved_most, name_of
from jaxdissect.pages import inline, pictures
from jaxdissect.pages.base import environment
from jaxdissect.pages.tables import Cell, Table

if TYPE_CHECKING:
    from jaxdissect.experiments.attack.experiment import Result

QUALITY = 88
"""Of the JPEGs: the differences are fine-grained."""

QUANTILES = (0.1, 0.5, 0.9)

GROUPS = {
    "target": "units that matter most to the target",
    "source": "those that matter most to the source",
    "random": "random ones",
}


class Aim(NamedTuple):
    """A class that was aimed at.

    Attributes:
        name: of the class.
        text: a sentence.
        risen: units whose peaks rise most, on average over images.
        fallen: those whose peaks fall most.
    """

    name: str
    text: str
    risen: Sequence[Moved]
    fallen: Sequence[Moved]


class Section(NamedTuple):
    """A table, with a sentence above it and a figure beside it.

    Attributes:
        title: of the section.
        text: a sentence or two.
        table: columns and rows; floats are shown with three digits.
        figure: as a `data:` address, or empty.
        alt: what the figure shows, for those who cannot see it.
    """

    title: str
    text: str
    table: Table
    figure: str = ""
    alt: str = ""


def page(result: "Result") -> str:
    """The page, as HTML to be written in UTF-8."""
    return render(
        f"What an attack does to {result.layer}",
        result.facts,
        sentences(result),
        sections(result),
        aims(result),
        result.drawn,
    )


def render(
    title: str,
    facts: Mapping[str, str],
    findings: Sequence[str],
    sections: Sequence[Section],
    aims: Sequence[Aim],
    images: Sequence[Drawn],
) -> str:
    """Write the page; all texts may hold any characters.

    >>> aim = Aim("farm", "", [Moved("barn", 7, 0.24)], [Moved("snow", 3, -0.53)])
    >>> page = render("Attack", {}, [], [], [aim], [])
    >>> "barn" in page and "+24 %" in page and "-53 %" in page
    True
    """
    made = environment(
        "jaxdissect.experiments.attack",
        cell=_cell,
        percent=figures.percent,
        jpeg=_jpeg,
    )
    return made.get_template("attack.html.j2").render(
        title=title,
        facts=facts,
        findings=findings,
        sections=sections,
        aims=aims,
        images=images,
    )


def sentences(result: "Result") -> list[str]:
    """What was found, in words."""
    done, number = result.attacks, len(result.attacks.success)
    good = done.success
    if not good.any():
        return [f"None of {number} attacks succeeds."]
    success = (
        f"{good.sum()} of {number} attacks succeed ({100 * good.mean():.0f} %), "
        f"{(good & done.rounded).sum()} of them in 8 bits, too. The L2 norm of the "
        f"change is {done.distance[good].mean():.3g} and the largest change of a pixel "
        f"{255 * done.largest[good].mean():.1f} / 255, on average."
    )
    over_all = {
        measure: {e.role: e for e in effects.role_effects if e.target == ALL_TARGETS}
        for measure, effects in result.measured.items()
    }
    return [success] + [
        _about_peaks(measure, roles) for measure, roles in over_all.items() if roles
    ]


def _about_peaks(measure: str, effects: Mapping[str, RoleEffect]) -> str:
    others = effects["others"].mean
    parts = [
        f"{group} by {effects[role].mean:.3g} ({_times(effects[role].mean, others)}, "
        f"q = {effects[role].q:.2g}; with its sign {effects[role].signed:+.3g})"
        for role, group in GROUPS.items()
    ]
    return (
        f"Peaks move, in {measure} and over all targets, of {', of '.join(parts)}; of "
        f"all others by {others:.3g}."
    )


def _times(mean: float, others: float) -> str:
    return f"{mean / others:.2f} times the others" if others > 0 else "the others stay"


def aims(result: "Result") -> list[Aim]:
    """Which units move most, class by class; only those whose interval leaves out 0."""
    found = []
    for target, effects in result.measured[MEASURES[1]].unit_effects.items():
        if target != ALL_TARGETS:
            moved = moved_most(
                result.cards, effects.mean, NUM_BARS, effects.interval, all_units=False
            )
            names = ", ".join(
                f"{name_of(result.cards[unit])} {unit}"
                for unit in result.important[target].tolist()
            )
            text = f"Units that matter most to it: {names}."
            found.append(Aim(result.name(target), text, *moved))
    return found


def sections(result: "Result") -> list[Section]:
    """Tables and figures of the page."""
    as_it_is, share = (_roles_table(result, measure) for measure in MEASURES)
    return [
        Section(
            "Which units move",
            "Absolute change of the units' peaks as they are, as in the paper. "
            "Units whose values are large move by more.",
            as_it_is,
            inline.picture(figures.role_figure_of(result)) if as_it_is.rows else "",
            "Mean absolute change of the peaks of units, by role and target",
        ),
        Section(
            "The same as shares of the units' scales", "Units are alike here.", share
        ),
        Section(
            "How small the attacks are",
            "L2 norm of the whole change, and the largest change of a pixel's "
            "channel, with colours in [0, 1]; of attacks that succeed.",
            _strength_table(result),
        ),
        Section(
            "Single steps for comparison",
            "The same images after one step along the sign of a gradient: towards "
            "the target, or away from the source (FGSM).",
            steps_table(result),
        ),
    ]


def _roles_table(result: "Result", measure: str) -> Table:
    rows: list[list[Cell]] = []
    for effect in result.measured[measure].role_effects:
        row: list[Cell] = [result.name(effect.target), effect.role, effect.images]
        row += [effect.signed, effect.mean, _ends(effect.low, effect.high)]
        more = (effect.excess, _ends(effect.excess_low, effect.excess_high), effect.q)
        rows.append([*row, *(("", "", "") if effect.role == "others" else more)])
    columns = ["target", "units", "images", "signed mean", "mean size", "99 %"]
    return Table([*columns, "more than others", "99 %", "q"], rows)


def _strength_table(result: "Result") -> Table:
    done = result.attacks
    rows: list[list[Cell]] = []
    for target in [*dict.fromkeys(done.targets.tolist()), ALL_TARGETS]:
        own = (done.targets == target) | (target == ALL_TARGETS)
        good = own & done.success
        counts = (own.sum(), good.sum(), (good & done.rounded).sum())
        row: list[Cell] = [result.name(target), *map(int, counts)]
        for values in (done.distance[good], done.largest[good]):
            row += spread(values).values() or [""] * (1 + len(QUANTILES))
        rows.append(row)
    columns = ["target", "attacked", "succeed", "also in 8 bits"]
    for name in ("L2", "largest change"):
        columns += [f"{name}: mean", "10 %", "median", "90 %"]
    return Table(columns, rows)


def steps_table(result: "Result") -> Table:
    """What single steps come to."""
    rows: list[list[Cell]] = [
        [
            "towards the target" if step.towards_target else "away from the source",
            f"{255 * step.size:.3g} / 255",
            f"{100 * step.hits:.0f} %",
            f"{100 * step.errors:.0f} %",
        ]
        for step in result.steps
    ]
    return Table(["step", "size", "taken for the target", "any change"], rows)


def spread(values: np.ndarray) -> dict[str, float]:
    """{"mean", "0.1", ...: mean and quantiles}; empty of no values."""
    if not len(values):
        return {}
    quantiles = {f"{q:g}": np.quantile(values, q).item() for q in QUANTILES}
    return {"mean": values.mean().item(), **quantiles}


def _ends(low: float, high: float) -> str:
    return f"{low:.3g} to {high:.3g}"


def _cell(cell: Cell) -> str:
    return f"{cell:.3g}" if isinstance(cell, float) else str(cell)


def _jpeg(pixels: np.ndarray) -> str:
    return pictures.data_uri(pixels, QUALITY)
