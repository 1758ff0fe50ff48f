"""What classes ask of units, as files: tables, figures, and the numbers in words."""

from pathlib import Path
from typing import TYPE_CHECKING

from jaxdissect.experiments.gradients import figures, tables
from jaxdissect.pages import inline
from jaxdissect.pages.tables import markdown, of_columns, write_columns
from jaxdissect.plots.figures import save

if TYPE_CHECKING:
    from jaxdissect.experiments.gradients.experiment import Result

TABLES = ("scores", "knockouts", "steps", "consistency")


def write(folder: Path, result: "Result") -> None:
    """Tables, figures and results.md into a folder."""
    for name in TABLES:
        write_columns(folder / f"{name}.csv", getattr(tables, name)(result))
    for name, figure in figures.figures_of(result).items():
        save(figure, folder / f"{name}.png")
    (folder / "results.md").write_text(words(result), encoding="utf-8")


def html(result: "Result") -> str:
    """What was found, with its figures, for a notebook."""
    title, drawn = "What classes ask of units", figures.figures_of(result)
    return inline.findings(title, findings(result), drawn)


def words(result: "Result") -> str:
    """results.md: facts, findings, the strongest and weakest units."""
    facts = "\n".join(f"- {name}: {value}" for name, value in result.facts.items())
    lines = "\n".join(f"- {line}" for line in findings(result))
    shown = range(min(5, len(result.classes)))
    table = markdown(of_columns(tables.extremes(result, shown)))
    return (
        f"# What classes ask of units\n\n{facts}\n\n## Knock-outs and steps\n\n{lines}"
        f"\n\n## Strongest and weakest units\n\n{table}\n"
    )


def findings(result: "Result") -> list[str]:
    """Errors, areas between them, alikeness and steps, in words."""
    own, overall = tables.errors(result.curves)
    area, alike = tables.areas(result.curves), result.consistency
    success, any_error = tables.shares(result)
    last = int(result.curves.counts[-1])
    return [
        f"error with all units: {overall['random'][0, 0]:.1%}",
        *(
            f"{last} units removed, {order}: errors of the class "
            f"{own[order][:, -1].mean():.1%}, of all {overall[order][:, -1].mean():.1%}"
            for order in tables.ORDERS
        ),
        f"area between strongest and weakest first: {area.own_weakest:.3f} of the "
        f"class's errors, {area.overall_weakest:.3f} of all",
        f"area between strongest first and random: {area.own_random:.3f} of the "
        f"class's errors, {area.overall_random:.3f} of all",
        f"scores of two images less the mean of all, mean cosine: "
        f"{alike.within.mean():.3f} within a class, {alike.between.mean():.3f} between",
        f"largest step ({result.steps[-1]:g}): {success[:, -1].mean():.1%} of images "
        f"taken for the class aimed at, {any_error[:, -1].mean():.1%} for a wrong one",
    ]
