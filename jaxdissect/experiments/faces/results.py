"""What networks trained on several splits say: means over splits, with intervals."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from jaxdissect.experiments.gradients import answers as said
from jaxdissect.experiments.gradients import curves, results
from jaxdissect.experiments.gradients.answers import ORDERS, Answers
from jaxdissect.pages.claims import mean_and_interval
from jaxdissect.pages.tables import Cell, Table, markdown, write_csv
from jaxdissect.plots import figures

THESIS_ERROR = 4.88
"""Percent, of one split: two of 41 images."""


def write(
    folder: Path, found: Sequence[Answers], splits: Sequence[int], scaling: str
) -> None:
    """Write tables, figures and results.md of all splits.

    Args:
        folder: where to.
        found: what each split's network said.
        splits: their seeds.
        scaling: what the size of a step is of.
    """
    of = f"{len(found)} splits"
    counts = found[0].curves.counts
    each = [said.errors(one.curves) for one in found]
    own, overall = (
        {o: np.stack([e[part][o].mean(0) for e in each]) for o in ORDERS}
        for part in (0, 1)
    )
    figures.save(
        curves.knockout_figure(counts, own, overall, of), folder / "knockouts.png"
    )
    shares = [np.stack(part) for part in zip(*map(results.shares, found), strict=True)]
    success, any_error = (part.mean(0) for part in shares)
    drawn = curves.steps_figure(
        found[0].steps, success, any_error, found[0].classes, results.SIZES[scaling]
    )
    figures.save(drawn, folder / "steps.png")
    table = splits_table(found, splits)
    write_csv(folder / "splits.csv", *table)
    steps = steps_table(found[0], *shares)
    write_csv(folder / "steps.csv", *steps)
    text = (
        f"# Networks trained on {of}\n\n{summary(found)}\n\n## Split by split\n\n"
        f"{markdown(table)}\n\n## Steps towards other classes, {results.SIZES[scaling]}"
        f"\n\n{markdown(steps)}\n"
    )
    (folder / "results.md").write_text(text, encoding="utf-8")


def errors_in_percent(found: Sequence[Answers]) -> Float[np.ndarray, "R"]:
    """Each network's error on its own test images, in percent."""
    return np.array([100 * (1 - one.curves.random.top1[0, 0]) for one in found])


def splits_table(found: Sequence[Answers], splits: Sequence[int]) -> Table:
    """One row per split: error, areas between curves, alikeness of scores."""
    rows: list[list[Cell]] = [
        [
            split,
            float(error),
            *said.areas(one.curves),
            float(one.consistency.within.mean()),
            float(one.consistency.between.mean()),
        ]
        for split, error, one in zip(
            splits, errors_in_percent(found), found, strict=True
        )
    ]
    columns = ["split", "error_percent", *said.Areas._fields, "within", "between"]
    return Table(columns, rows)


def steps_table(
    one: Answers,
    success: Float[np.ndarray, "R K S"],
    any_error: Float[np.ndarray, "R K S"],
) -> Table:
    """One row per size of step: success and any error in percent, over splits."""
    rows: list[list[Cell]] = [
        [
            step,
            mean_and_interval(100 * success.mean(1)[:, s]),
            mean_and_interval(100 * any_error.mean(1)[:, s]),
        ]
        for s, step in enumerate(one.steps)
    ]
    return Table(["step", "taken for the class aimed at", "for any wrong class"], rows)


def summary(found: Sequence[Answers]) -> str:
    """The numbers over all splits, mean and 95 % t interval of the mean."""
    each = [said.areas(one.curves) for one in found]
    area = [np.array(values) for values in zip(*each, strict=True)]
    names = (
        "strongest above weakest first, errors of the class",
        "strongest above random, errors of the class",
        "strongest above weakest first, errors over all classes",
        "strongest above random, errors over all classes",
    )
    lines = [
        f"- test error: {mean_and_interval(errors_in_percent(found))} % (the thesis: "
        f"{THESIS_ERROR} %, of one split)"
    ]
    lines += [
        f"- area, {name}: {mean_and_interval(values)}"
        for name, values in zip(names, area, strict=True)
    ]
    within, between = (
        np.array([part[k].mean() for part in (one.consistency for one in found)])
        for k in (0, 1)
    )
    lines.append(
        "- scores of two images less the mean of all, mean cosine: within a class "
        f"{mean_and_interval(within)}, between {mean_and_interval(between)}, "
        f"difference {mean_and_interval(within - between)}"
    )
    return "\n".join(lines)
