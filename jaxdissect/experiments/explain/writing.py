"""What was found about predictions: a table, numbers, words."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxdissect.experiments.explain import page
from jaxdissect.pages import inline, tables
from jaxdissect.runs import outputs

if TYPE_CHECKING:
    from jaxdissect.experiments.explain.experiment import Evidence, Result

NAMED = 3
"""Units for a class, and against it, that a sentence names."""


def write(folder: Path, result: "Result", final: Path) -> None:
    """units.csv, summary.json and report.html."""
    tables.write_columns(folder / "units.csv", columns(result))
    summary = {"pictures": numbers_of(result), "facts": result.facts}
    outputs.write_json(folder / "summary.json", summary)
    report = page.render(result, said_of, page.link(result, final))
    (folder / "report.html").write_text(report, encoding="utf-8")


def html(result: "Result") -> str:
    """The page, for a notebook."""
    return inline.framed(page.render(result, said_of))


def columns(result: "Result") -> dict[str, list[Any]]:
    """{column: cells}: all units for each class, those for it first."""
    rows = [
        (picture.name, evidence, shares, unit)
        for picture in result.pictures
        for evidence in picture.evidence
        for shares in (evidence.shares(),)
        for unit in np.argsort(-evidence.drops, kind="stable").tolist()
    ]
    cards = [result.dissected.saved.cards[unit] for *_, unit in rows]
    return {
        "picture": [name for name, *_ in rows],
        "class": [result.classes[evidence.number] for _, evidence, *_ in rows],
        "probability": [evidence.probability for _, evidence, *_ in rows],
        "unit": [unit for *_, unit in rows],
        "label": [card.label for card in cards],
        "category": [card.category for card in cards],
        "iou": [card.iou for card in cards],
        "is_detector": [card.is_detector for card in cards],
        "score_drop": [evidence.drops[unit].item() for _, evidence, _, unit in rows],
        "share": [shares[unit].item() for *_, shares, unit in rows],
    }


def numbers_of(result: "Result") -> dict[str, Any]:
    """{picture: what was found about it}, in numbers."""
    return {
        picture.name: {
            "best": {
                result.classes[number]: float(picture.probabilities[number])
                for number in page.most_probable(picture)
            },
            "classes": {
                result.classes[evidence.number]: _numbers(result, evidence)
                for evidence in picture.evidence
            },
        }
        for picture in result.pictures
    }


def findings(result: "Result") -> list[str]:
    """What was found, a line for each class of each picture."""
    return [
        f"{picture.title}: {said_of(result, evidence)}"
        for picture in result.pictures
        for evidence in picture.evidence
    ]


def said_of(result: "Result", evidence: "Evidence") -> str:
    """What was found about a class, in words."""
    name, probability = result.classes[evidence.number], evidence.probability
    supporting, opposing = evidence.strongest(result.num_units)
    if not supporting and not opposing:
        return silence(name, probability, result.dissected.layer, result.score)
    # A label that is not detected would mislead.
    cards = result.dissected.saved.cards
    detected = [card.label if card.is_detector else "" for card in cards]
    return sentence(
        name,
        probability,
        [(unit, detected[unit]) for unit in supporting],
        [(unit, detected[unit]) for unit in opposing],
    )


def sentence(
    name: str,
    probability: float,
    supporting: Sequence[tuple[int, str]],
    opposing: Sequence[tuple[int, str]],
) -> str:
    """Which units are for a class, and which against it, in words.

    Args:
        name: of the class.
        probability: of it.
        supporting: (unit, what it detects or empty), the strongest first.
        opposing: the same of those against it.

    >>> sentence("farm", 0.93, [(12, "barn"), (7, "")], [])
    'farm (p 0.930): for it speak unit 12 (barn) and unit 7; against it none.'
    """
    verb = "speak" if len(supporting) > 1 else "speaks"
    return (
        f"{name} (p {chance(probability)}): for it {verb} "
        f"{_listed(supporting)}; against it {_listed(opposing)}."
    )


def silence(name: str, probability: float, layer: str, score: str) -> str:
    """Why no unit is for or against a class, in words.

    >>> silence("farm", 1.0, "conv5", "probability")
    'farm (p > 0.999): the probability has saturated, so that its gradients are all \
zero and units of conv5 cannot be told apart; ask again with --score logit.'
    """
    what = f"{name} (p {chance(probability)}): "
    if score == "logit":
        return f"{what}no unit of {layer} has a say, for or against."
    return (
        f"{what}the probability has saturated, so that its gradients are all zero and "
        f"units of {layer} cannot be told apart; ask again with --score logit."
    )


def chance(probability: float) -> str:
    """A probability in three digits; never rounded to 0 or 1.

    >>> chance(0.5), chance(0.00001), chance(0.99999)
    ('0.500', '< 0.001', '> 0.999')
    """
    if probability < page.LEAST:
        return f"< {page.LEAST}"
    if probability > 1 - page.LEAST:
        return f"> {1 - page.LEAST}"
    return f"{probability:.3f}"


def _numbers(result: "Result", evidence: "Evidence") -> dict[str, Any]:
    supporting, opposing = evidence.strongest(result.num_units)
    return {
        "said": said_of(result, evidence),
        "probability": evidence.probability,
        "logit": evidence.logit,
        "for": supporting,
        "against": opposing,
        "all_for": float(np.maximum(evidence.drops, 0).sum()),
        "all_against": float(np.minimum(evidence.drops, 0).sum()),
    }


def _listed(units: Sequence[tuple[int, str]]) -> str:
    named = [f"unit {n} ({label})" if label else f"unit {n}" for n, label in units]
    *others, last = named[:NAMED] or ["none"]
    return f"{', '.join(others)} and {last}" if others else last
