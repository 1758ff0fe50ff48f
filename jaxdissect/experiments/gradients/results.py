"""What one network said, as files: tables, figures, and the numbers in words."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from jaxdissect.experiments.gradients import answers as said
from jaxdissect.experiments.gradients import curves
from jaxdissect.experiments.gradients.answers import Answers
from jaxdissect.pages.tables import markdown, write_csv
from jaxdissect.plots import figures

SIZES = {
    "l2": "L2 norm of the change",
    "sign": "change of every pixel",
    "raw": "factor of the gradient",
}
"""What the size of a step is of."""


def write(folder: Path, found: Answers, facts: Mapping[str, Any]) -> None:
    """Write tables, curves and results.md into a folder."""
    for name, table in {
        "scores": said.scores_table(found),
        "knockouts": said.knockouts_table(found),
        "steps": said.steps_table(found),
        "consistency": said.consistency_table(found),
    }.items():
        write_csv(folder / f"{name}.csv", *table)
    own, overall = said.errors(found.curves)
    number = len(found.classes)
    drawn = {
        "knockouts": curves.knockout_figure(
            found.curves.counts, own, overall, f"{number} classes' orders"
        ),
        "knockouts_by_class": curves.knockouts_by_class(found),
        "steps": curves.steps_figure(
            found.steps, *shares(found), found.classes, facts["step's size"]
        ),
    }
    for name, figure in drawn.items():
        figures.save(figure, folder / f"{name}.png")
    (folder / "results.md").write_text(words(found, facts), encoding="utf-8")


def shares(found: Answers) -> tuple[np.ndarray, np.ndarray]:
    """[K S] shares of the images aimed at a class: success, and any error."""
    number = np.maximum(found.outcomes.number, 1)
    return (found.outcomes.success / number).T, (found.outcomes.errors / number).T


def words(found: Answers, facts: Mapping[str, Any]) -> str:
    """results.md: facts, the strongest and weakest units, areas, consistency."""
    own, overall = said.errors(found.curves)
    area = said.areas(found.curves)
    alike = found.consistency
    last = int(found.curves.counts[-1])
    success, any_error = shares(found)
    listed = "\n".join(f"- {name}: {value}" for name, value in facts.items())
    shown = range(min(5, len(found.classes)))
    lines = [f"- error with all units: {overall['random'][0, 0]:.1%}"]
    lines += [
        f"- {last} units removed, {order}: errors of the class "
        f"{own[order][:, -1].mean():.1%}, of all {overall[order][:, -1].mean():.1%}"
        for order in said.ORDERS
    ]
    lines += [
        f"- area between strongest and weakest first: {area.own_weakest:.3f} of the "
        f"class's errors, {area.overall_weakest:.3f} of all",
        f"- area between strongest first and random: {area.own_random:.3f} of the "
        f"class's errors, {area.overall_random:.3f} of all",
        f"- scores of two images less the mean of all, mean cosine: "
        f"{alike.within.mean():.3f} within a class, {alike.between.mean():.3f} between",
        f"- largest step ({found.steps[-1]:g}): {success[:, -1].mean():.1%} of images "
        f"taken for the class aimed at, {any_error[:, -1].mean():.1%} for a wrong one",
    ]
    table = markdown(said.extremes_table(found, shown))
    return (
        "# What classes ask of units\n\n"
        f"{listed}\n\n## Knock-outs and steps\n\n" + "\n".join(lines) + "\n\n"
        f"## Strongest and weakest units\n\n{table}\n"
    )
