"""Answers of a dissection as tables, figures and a page."""

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxdissect.data.listing import shown as as_text
from jaxdissect.dissection import queries
from jaxdissect.dissection import queries as classifiers
from jaxdissect.experiments.dissect import telling
from jaxdissect.experiments.query import figures as query_figures
from jaxdissect.experiments.query import page as query_report
from jaxdissect.experiments.query import showing
from jaxdissect.experiments.query import tables as answer_tables
from jaxdissect.experiments.query.page import ConceptAnswer, PictureAnswer
from jaxdissect.experiments.query.searching import Found, Scope
from jaxdissect.pages import pictures, tables
from jaxdissect.plots import figures
from jaxdissect.runs import outputs


def write(folder: Path, scope: Scope, found: Sequence[Found]) -> list[str]:
    """Write tables, figures and the page; gives what to say in the terminal."""
    firing = showing.firing(scope)
    if found:
        of_images = answer_tables.concepts(scope, found)
        tables.write_csv(folder / "concepts.csv", *of_images)
        of_units = answer_tables.classifiers(scope, found)
        tables.write_csv(folder / "classifiers.csv", *of_units)
    if firing:
        tables.write_csv(folder / "images.csv", *answer_tables.images(scope, firing))
    concepts = [concept_answer(folder, scope, each) for each in found]
    answers = [
        picture_answer(folder, scope, number, units)
        for number, units in enumerate(firing)
    ]
    said = [f"{each.category}/{each.name}: {' '.join(each.said)}" for each in concepts]
    said += [f"{each.name}: {each.said}" for each in answers]
    numbers = {scope.name_of(each): numbers_of(each) for each in found}
    summary = {"concepts": numbers, "findings": said, "facts": facts_of(scope)}
    outputs.write_json(folder / "summary.json", summary)
    title = f"Questions to {scope.asked.layer}"
    page = query_report.render(title, facts_of(scope), concepts, answers)
    (folder / "report.html").write_text(page, encoding="utf-8")
    return said


def concept_answer(folder: Path, scope: Scope, found: Found) -> ConceptAnswer:
    """Figures of a concept, and its part of the page."""
    assert scope.probe is not None
    full, file = scope.name_of(found), telling.file_name(scope.name_of(found))
    name, category = scope.asked.saved.concepts[found.question.concept]
    evident = showing.most_evident(scope, scope.probe, found)
    own = showing.own_pictures(scope, found)
    bright = f"a unit for “{name}” is on"
    if evident:
        title = f"Images with the most evidence of {full} in {scope.asked.layer}"
        showing.save_grid(folder / f"concept_{file}.png", evident, title, bright)
    if own:
        title = f"Evidence of {full} in {scope.asked.layer}"
        showing.save_grid(folder / f"concept_{file}_images.png", own, title, bright)
    figure = ""
    if found.units:
        path = folder / f"classifier_{file}.png"
        unit = f"unit {found.question.units[0]}"
        best = found.peaks[:, 0], found.has_concept, found.units[0]
        figures.save(query_figures.classifier_figure(*best, unit, name), path)
        figure = f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}"
    return ConceptAnswer(
        name,
        category,
        sentences(scope, found),
        [each.shown() for each in evident],
        [each.shown() for each in own],
        answer_tables.told(scope, found),
        figure,
    )


def picture_answer(
    folder: Path, scope: Scope, number: int, units: queries.FiringUnits
) -> PictureAnswer:
    """The figure of a picture of one's own, and its part of the page."""
    name = as_text(scope.config.images[number].name)
    nowhere = np.zeros(scope.pictures.shape[1:3], bool)
    itself = query_figures.marked(scope.pictures[number], ~nowhere, nowhere)
    drawn = showing.fired(scope, number, units)
    all_units = len(scope.asked.saved.cards)
    said = f"{len(units.units)} of {all_units} units are on somewhere"
    if drawn:
        by = {"strength": "how strongly they fire", "area": "the area they cover"}
        said += f"; the first {len(drawn)} by {by[scope.config.rank_by]}"
        path = folder / f"image_{number + 1}_{telling.file_name(Path(name).stem)}.png"
        title = f"What fires in {scope.asked.layer} on {name}"
        grid = [showing.Drawn(itself, name, ""), *drawn]
        showing.save_grid(path, grid, title, "the unit is on")
    shown = [each.shown() for each in drawn]
    return PictureAnswer(name, pictures.data_uri(itself), f"{said}.", shown)


def sentences(scope: Scope, found: Found) -> list[str]:
    """What was found about a concept, in words."""
    number, having = len(found.evidence), int(found.has_concept.sum())
    top = np.argsort(-found.evidence, kind="stable")[: scope.config.num_shown]
    said = [
        _who_is_asked(scope, found),
        f"{int(found.has_concept[top].sum())} of the {len(top)} images with the most "
        f"evidence show it; of all {number} images, {having} do. Taken together, "
        f"regions and labels have IoU {found.whole_iou:.3f}.",
    ]
    if not found.units:
        return [*said, "How well units tell it takes images with it and without."]
    best = found.units[0]
    low, high = best.interval
    auc = classifiers.rank_auc(found.evidence, found.has_concept)
    unit = (
        f"The peak of unit {found.question.units[0]} alone tells images with it at "
        f"{100 * best.balanced_accuracy:.1f} % balanced accuracy (95 % interval "
        f"{100 * low:.1f} to {100 * high:.1f} %) and AUC {best.auc:.3f}; the evidence "
        f"has AUC {auc:.3f}."
    )
    return [*said, unit]


def numbers_of(found: Found) -> dict[str, Any]:
    """What was found about a concept, in numbers."""
    auc = None
    if found.units:
        auc = classifiers.rank_auc(found.evidence, found.has_concept)
    return {
        "units": found.question.units,
        "images": len(found.evidence),
        "images_with": int(found.has_concept.sum()),
        "iou": found.whole_iou,
        "evidence_auc": auc,
    }


def facts_of(scope: Scope) -> dict[str, str]:
    """What was asked, in reading order."""
    question = {}
    if scope.probe is not None:
        source, number = scope.probe.source, len(scope.probe.indices)
        of = "of " if source.what[0].isdigit() else ""
        question["searched"] = f"{number} {of}{source.what}, none of them dissected"
    if len(scope.pictures):
        question["pictures"] = str(len(scope.pictures))
    return telling.facts_of(scope.asked, question)


def _who_is_asked(scope: Scope, found: Found) -> str:
    result, (concept, _, units) = scope.asked.saved.result, found.question
    detectors = len(queries.detectors_of(result.detectors, concept))
    named = [f"{unit} (IoU {result.iou[unit, concept]:.3f})" for unit in units]
    if not detectors:
        return f"No unit detects it; the nearest is unit {named[0]}."
    if detectors > len(units):
        return f"Of its {detectors} detectors, the best is asked: unit {named[0]}."
    return f"Detected by {'unit' if detectors == 1 else 'units'} {', '.join(named)}."
