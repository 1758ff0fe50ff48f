"""Answers of a dissection as tables, figures, words and a page."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxdissect.dissection import queries
from jaxdissect.experiments import dissect
from jaxdissect.experiments.query.figures import classifier_figure
from jaxdissect.pages import base, inline, tables
from jaxdissect.pages.pictures import OUTLINE, TRUTH, data_uri
from jaxdissect.plots import figures
from jaxdissect.plots.figure import Figure
from jaxdissect.plots.picture_grids import picture_grid
from jaxdissect.runs import outputs

if TYPE_CHECKING:
    from jaxdissect.experiments.query.experiment import (
        ConceptAnswer,
        PictureAnswer,
        Result,
        Shown,
    )

RANKINGS = {"strength": "how strongly they fire", "area": "the area they cover"}


def write(folder: Path, result: "Result") -> None:
    """Tables, figures, summary.json and the page."""
    if result.concepts:
        tables.write_columns(folder / "concepts.csv", concept_columns(result))
        tables.write_columns(folder / "classifiers.csv", classifier_columns(result))
    if result.pictures:
        tables.write_columns(folder / "images.csv", picture_columns(result))
    for name, figure in figures_of(result).items():
        figures.save(figure, folder / f"{name}.png")
    summary = {
        "concepts": {
            answer.full_name: numbers_of(answer) for answer in result.concepts
        },
        "findings": findings(result),
        "facts": result.facts,
    }
    outputs.write_json(folder / "summary.json", summary)
    (folder / "report.html").write_text(page(result), encoding="utf-8")


def html(result: "Result") -> str:
    """The page, for a notebook."""
    return inline.framed(page(result))


def page(result: "Result") -> str:
    """Where each concept is, and what fires on each picture, as one HTML page."""
    environment = base.environment(
        "jaxdissect.experiments.query", cell=_cell, data_uri=data_uri
    )
    return environment.get_template("query.html.j2").render(
        title=f"Questions to {result.layer}",
        facts=result.facts,
        concepts=[
            (
                answer,
                sentences(result, answer),
                shown_classifiers(answer),
                inline.picture(_classifier_figure(answer))
                if answer.classifiers
                else "",
            )
            for answer in result.concepts
        ],
        pictures=[(answer, said_of(result, answer)) for answer in result.pictures],
    )


def concept_columns(result: "Result") -> dict[str, list[Any]]:
    """{column: cells}: each concept's evidence on images, then one's own, most first.

    Of one's own pictures nobody knows whether they show it, so those cells are empty.
    """
    names = ("concept", "image", "caption", "evidence", "has_concept", "iou")
    columns: dict[str, list[Any]] = {name: [] for name in names}
    for answer in result.concepts:
        order = np.argsort(-answer.evidence, kind="stable")
        own = np.argsort(-answer.own_evidence, kind="stable")
        empty = [""] * len(own)
        cells: tuple[list[Any], ...] = (
            [answer.full_name] * (len(order) + len(own)),
            [
                *result.indices[order].tolist(),
                *(result.pictures_asked[n] for n in own),
            ],
            [*(result.captions[n] for n in order), *empty],
            [*answer.evidence[order].tolist(), *answer.own_evidence[own].tolist()],
            [*answer.has_concept[order].tolist(), *empty],
            [*answer.iou[order].tolist(), *empty],
        )
        for column, more in zip(columns.values(), cells, strict=True):
            column.extend(more)
    return columns


def classifier_columns(result: "Result") -> dict[str, list[Any]]:
    """{column: cells}: each unit of each concept as a classifier of images."""
    judged = [
        (answer.full_name, unit, iou, one)
        for answer in result.concepts
        for unit, iou, one in zip(
            answer.units, answer.dissection_iou, answer.classifiers, strict=False
        )
    ]
    classifiers = [one for *_, one in judged]
    return {
        "concept": [name for name, *_ in judged],
        "unit": [unit for _, unit, *_ in judged],
        "dissection_iou": [iou for _, _, iou, _ in judged],
        "threshold": [_digits(one.threshold) for one in classifiers],
        "balanced_accuracy": [one.balanced_accuracy for one in classifiers],
        "low": [float(one.interval.low) for one in classifiers],
        "high": [float(one.interval.high) for one in classifiers],
        "true_positive_rate": [one.true_positive_rate for one in classifiers],
        "false_positive_rate": [one.false_positive_rate for one in classifiers],
        "auc": [one.auc for one in classifiers],
        "images_with": [one.num_with for one in classifiers],
        "images_without": [one.num_without for one in classifiers],
    }


def shown_classifiers(answer: "ConceptAnswer") -> tables.Table:
    """The same of one concept, as a page shows it."""
    units = answer.classifiers
    return tables.of_columns(
        {
            "unit": answer.units[: len(units)],
            "dissection IoU": answer.dissection_iou[: len(units)],
            "threshold": [_digits(unit.threshold) for unit in units],
            "balanced accuracy": [_percent(unit.balanced_accuracy) for unit in units],
            "95 % interval": [
                f"{100 * unit.interval.low:.1f} to {_percent(unit.interval.high)}"
                for unit in units
            ],
            "above with it": [_percent(unit.true_positive_rate) for unit in units],
            "above without": [_percent(unit.false_positive_rate) for unit in units],
            "AUC": [unit.auc for unit in units],
        }
    )


def picture_columns(result: "Result") -> dict[str, list[Any]]:
    """{column: cells}: every unit that is on somewhere on a picture of one's own."""
    on = [
        (answer, at, result.cards[unit])
        for answer in result.pictures
        for at, unit in enumerate(answer.firing.units.tolist())
    ]
    return {
        "image": [answer.name for answer, *_ in on],
        "unit": [card.unit for *_, card in on],
        "label": [card.label for *_, card in on],
        "category": [card.category for *_, card in on],
        "is_detector": [card.is_detector for *_, card in on],
        "area": [float(answer.firing.area[at]) for answer, at, _ in on],
        "peak": [_digits(answer.firing.peak[at]) for answer, at, _ in on],
        "threshold": [card.threshold for *_, card in on],
        "strength": [float(answer.firing.strength[at]) for answer, at, _ in on],
    }


def figures_of(result: "Result") -> dict[str, Figure]:
    """{file: figure}: most evident images, units as classifiers, what fires."""
    drawn = {}
    for answer in result.concepts:
        file, name = dissect.file_name(answer.full_name), answer.full_name
        bright = f"a unit for “{answer.name}” is on"
        if answer.shown:
            title = f"Images with the most evidence of {name} in {result.layer}"
            drawn[f"concept_{file}"] = _grid(answer.shown, title, bright)
        if answer.own_shown:
            title = f"Evidence of {name} in {result.layer}"
            drawn[f"concept_{file}_images"] = _grid(answer.own_shown, title, bright)
        if answer.classifiers:
            drawn[f"classifier_{file}"] = _classifier_figure(answer)
    for number, picture in enumerate(result.pictures):
        if picture.shown:
            stem = dissect.file_name(Path(picture.title).stem)
            title = f"What fires in {result.layer} on {picture.title}"
            first = (picture.picture, f"{picture.title}\n")
            drawn[f"image_{number + 1}_{stem}"] = _grid(
                picture.shown, title, "the unit is on", first
            )
    return drawn


def findings(result: "Result") -> list[str]:
    """What was found, a line for each concept and picture."""
    said = [
        f"{answer.full_name}: {' '.join(sentences(result, answer))}"
        for answer in result.concepts
    ]
    return said + [f"{a.title}: {said_of(result, a)}" for a in result.pictures]


def sentences(result: "Result", answer: "ConceptAnswer") -> list[str]:
    """What was found about a concept, in words."""
    number, having = len(answer.evidence), int(answer.has_concept.sum())
    top = np.argsort(-answer.evidence, kind="stable")[: result.num_shown]
    said = [
        _who_is_asked(answer),
        f"{int(answer.has_concept[top].sum())} of the {len(top)} images with the most "
        f"evidence show it; of all {number} images, {having} do. Taken together, "
        f"regions and labels have IoU {answer.whole_iou:.3f}.",
    ]
    if not answer.classifiers:
        return [*said, "How well units tell it takes images with it and without."]
    best = answer.classifiers[0]
    low, high = best.interval
    auc = queries.rank_auc(answer.evidence, answer.has_concept)
    unit = (
        f"The peak of unit {answer.units[0]} alone tells images with it at "
        f"{100 * best.balanced_accuracy:.1f} % balanced accuracy (95 % interval "
        f"{100 * low:.1f} to {100 * high:.1f} %) and AUC {best.auc:.3f}; the evidence "
        f"has AUC {auc:.3f}."
    )
    return [*said, unit]


def said_of(result: "Result", answer: "PictureAnswer") -> str:
    """What was found about a picture, in words."""
    number = len(answer.firing.units)
    said = f"{number} of {len(result.cards)} units are on somewhere"
    if answer.shown:
        ranking = RANKINGS[result.rank_by]
        said += f"; the first {len(answer.shown)} by {ranking}"
    return f"{said}."


def numbers_of(answer: "ConceptAnswer") -> dict[str, Any]:
    """What was found about a concept, in numbers."""
    auc = None
    if answer.classifiers:
        auc = queries.rank_auc(answer.evidence, answer.has_concept)
    return {
        "units": answer.units,
        "images": len(answer.evidence),
        "images_with": int(answer.has_concept.sum()),
        "iou": answer.whole_iou,
        "evidence_auc": auc,
    }


def _who_is_asked(answer: "ConceptAnswer") -> str:
    detectors, units = answer.num_detectors, answer.units
    named = [
        f"{unit} (IoU {iou:.3f})"
        for unit, iou in zip(units, answer.dissection_iou, strict=True)
    ]
    if not detectors:
        return f"No unit detects it; the nearest is unit {named[0]}."
    if detectors > len(units):
        return f"Of its {detectors} detectors, the best is asked: unit {named[0]}."
    return f"Detected by {'unit' if detectors == 1 else 'units'} {', '.join(named)}."


def _classifier_figure(answer: "ConceptAnswer") -> Figure:
    peaks, unit = answer.peaks[:, 0], f"unit {answer.units[0]}"
    best = answer.classifiers[0]
    return classifier_figure(peaks, answer.has_concept, best, unit, answer.name)


def _grid(
    shown: "list[Shown]", title: str, bright: str, *first: tuple[np.ndarray, str]
) -> Figure:
    """Pictures with what is said below each on the page."""
    captioned = [
        (
            one.picture,
            f"{one.name}{' · without it' if one.is_right is False else ''}"
            f"\n{one.detail}",
        )
        for one in shown
    ]
    outlines = {bright: OUTLINE, "labelled": TRUTH}
    return picture_grid([*first, *captioned], title, outlines=outlines)


def _percent(share: Any) -> str:
    return f"{100 * float(share):.1f} %"


def _digits(value: Any) -> float:
    # A float32's own digits, not those of the double nearest to it.
    return float(str(np.float32(value)))


def _cell(cell: str | int | float) -> str:
    return f"{cell:.3f}" if isinstance(cell, float) else str(cell)
