"""What networks trained on several splits say: means over splits, with intervals."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from jaxdissect.experiments import gradients
from jaxdissect.pages import inline
from jaxdissect.pages.claims import mean_and_interval
from jaxdissect.pages.tables import markdown, of_columns, write_columns
from jaxdissect.plots.figure import Figure
from jaxdissect.plots.figures import save

if TYPE_CHECKING:
    from jaxdissect.experiments.faces.experiment import Result

THESIS_ERROR = 4.88
"""Percent, of one split: two of 41 images."""


def write(folder: Path, result: "Result") -> None:
    """Tables, figures and results.md of all splits; each one's in a folder."""
    for split, answers in zip(result.splits, result.answers, strict=True):
        own = folder / f"split-{split}"
        own.mkdir()
        answers.write(own)
    for name, figure in figures_of(result).items():
        save(figure, folder / f"{name}.png")
    tables = {"splits": splits(result), "steps": steps(result)}
    for name, columns in tables.items():
        write_columns(folder / f"{name}.csv", columns)
    text = (
        f"# Networks trained on {len(result.splits)} splits\n\n"
        f"{summary(result.answers)}\n\n## Split by split\n\n"
        f"{markdown(of_columns(tables['splits']))}\n\n"
        f"## Steps towards other classes, {result.step_size}\n\n"
        f"{markdown(of_columns(tables['steps']))}\n"
    )
    (folder / "results.md").write_text(text, encoding="utf-8")


def html(result: "Result") -> str:
    """What was found, with its figures, for a notebook."""
    title = f"Networks trained on {len(result.splits)} splits"
    lines = summary(result.answers).splitlines()
    return inline.findings(title, lines, figures_of(result))


def figures_of(result: "Result") -> dict[str, Figure]:
    """{name: figure} of means over splits."""
    first, *_ = result.answers
    errors = [gradients.errors(answers.curves) for answers in result.answers]
    own, overall = (
        {o: np.stack([e[part][o].mean(0) for e in errors]) for o in gradients.ORDERS}
        for part in (0, 1)
    )
    of = f"{len(result.splits)} splits"
    success, any_error = (part.mean(0) for part in _shares(result))
    return {
        "knockouts": gradients.knockout_figure(first.curves.counts, own, overall, of),
        "steps": gradients.steps_figure(
            first.steps, success, any_error, first.classes, result.step_size
        ),
    }


def errors_in_percent(
    answers: Sequence[gradients.Result],
) -> Float[np.ndarray, "R"]:
    """Each network's error on its own test images, in percent."""
    return np.array([100 * (1 - one.curves.random.top1[0, 0]) for one in answers])


def splits(result: "Result") -> dict[str, list[Any]]:
    """{column: one value per split}: error, areas between curves, alikeness."""
    areas = [gradients.areas(one.curves) for one in result.answers]
    within, between = _alikeness(result.answers)
    return {
        "split": list(result.splits),
        "error_percent": errors_in_percent(result.answers).tolist(),
        **{name: [getattr(a, name) for a in areas] for name in gradients.Areas._fields},
        "within": within.tolist(),
        "between": between.tolist(),
    }


def steps(result: "Result") -> dict[str, list[Any]]:
    """{column: one value per size of step}: errors in percent, over splits."""
    success, any_error = (
        [mean_and_interval(values) for values in 100 * share.mean(1).T]
        for share in _shares(result)
    )
    return {
        "step": list(result.answers[0].steps),
        "taken for the class aimed at": success,
        "for any wrong class": any_error,
    }


def summary(answers: Sequence[gradients.Result]) -> str:
    """The numbers over all splits, mean and 95 % t interval of the mean."""
    each = [gradients.areas(one.curves) for one in answers]
    area = [np.array(values) for values in zip(*each, strict=True)]
    names = (
        "strongest above weakest first, errors of the class",
        "strongest above random, errors of the class",
        "strongest above weakest first, errors over all classes",
        "strongest above random, errors over all classes",
    )
    error = mean_and_interval(errors_in_percent(answers))
    within, between = _alikeness(answers)
    lines = [
        f"- test error: {error} % (the thesis: {THESIS_ERROR} %, of one split)",
        *(
            f"- area, {name}: {mean_and_interval(values)}"
            for name, values in zip(names, area, strict=True)
        ),
        "- scores of two images less the mean of all, mean cosine: within a class "
        f"{mean_and_interval(within)}, between {mean_and_interval(between)}, "
        f"difference {mean_and_interval(within - between)}",
    ]
    return "\n".join(lines)


def _shares(result: "Result") -> list[Float[np.ndarray, "R K S"]]:
    """Of the images aimed at each class: success, and any error."""
    shares = map(gradients.shares, result.answers)
    return [np.stack(part) for part in zip(*shares, strict=True)]


def _alikeness(answers: Sequence[gradients.Result]) -> tuple[np.ndarray, np.ndarray]:
    """[R] mean cosines of two images' scores within a class, and between classes."""
    parts = [one.consistency for one in answers]
    return (
        np.array([part.within.mean() for part in parts]),
        np.array([part.between.mean() for part in parts]),
    )
