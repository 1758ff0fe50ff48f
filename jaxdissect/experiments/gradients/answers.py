"""Which units classes ask for, and what knocking them out does: numbers and tables."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from jaxdissect.ablation import Curve, RemovalCurves
from jaxdissect.attacks import StepOutcomes
from jaxdissect.gradients import Consistency
from jaxdissect.pages.tables import Cell, Table

ORDERS = ("strongest first", "weakest first", "random")


class Answers(NamedTuple):
    """What one network said.

    Attributes:
        classes: [K] names.
        units: [U] (layer, number) of each, layer by layer.
        scores: [K U] what classes ask for, on the images units are ranked on.
        consistency: of the test images' scores, each for its own class.
        curves: errors on the test images as units go.
        steps: [S] sizes of the steps towards other classes.
        outcomes: of these steps.
    """

    classes: tuple[str, ...]
    units: list[tuple[str, int]]
    scores: Float[np.ndarray, "K U"]
    consistency: Consistency
    curves: RemovalCurves
    steps: tuple[float, ...]
    outcomes: StepOutcomes


class Errors(NamedTuple):
    """Errors as units go, in the orders of `ORDERS`.

    Attributes:
        own: {order: [K n]} share of the class's images answered wrongly when units go
            in the class's order (at random: mean over orders).
        overall: {order: [K n]} the same over images of all classes.
    """

    own: dict[str, Float[np.ndarray, "K n"]]
    overall: dict[str, Float[np.ndarray, "K n"]]


def errors(curves: RemovalCurves) -> Errors:
    """Error curves of every class.

    >>> counts = np.array([0, 1])
    >>> curve = Curve(np.ones((1, 2, 1)), np.array([[[1.0], [0.0]]]), np.ones((1, 2)))
    >>> errors(RemovalCurves(counts, curve, curve, curve)).own["random"].tolist()
    [[0.0, 1.0]]
    """
    num_classes = curves.most.recall.shape[-1]
    diagonal = np.arange(num_classes)

    def own(curve: Curve) -> Float[np.ndarray, "K n"]:
        return 1 - curve.recall[diagonal, :, diagonal]

    random_own = 1 - curves.random.recall.mean(0).T
    random_overall = np.tile(1 - curves.random.top1.mean(0), (num_classes, 1))
    ordered = (curves.most, curves.least)
    return Errors(
        own=dict(zip(ORDERS, [*map(own, ordered), random_own], strict=True)),
        overall=dict(
            zip(ORDERS, [*(1 - c.top1 for c in ordered), random_overall], strict=True)
        ),
    )


class Areas(NamedTuple):
    """By how much errors lie above those of another order, averaged over counts.

    Attributes:
        own_weakest: strongest minus weakest first, the class's own errors.
        own_random: strongest first minus at random.
        overall_weakest: strongest minus weakest first, errors of all classes.
        overall_random: strongest first minus at random.
    """

    own_weakest: float
    own_random: float
    overall_weakest: float
    overall_random: float


def areas(curves: RemovalCurves) -> Areas:
    """Area differences between the error curves, averaged over classes.

    Counts are weighed by trapezoids; 0 where the orders do not differ, 1 where one
    always and the other never errs.

    >>> counts, none = np.array([0, 1]), Curve(*np.ones((2, 1, 2, 1)), np.ones((1, 2)))
    >>> all_wrong = Curve(*np.zeros((2, 1, 2, 1)), np.zeros((1, 2)))
    >>> areas(RemovalCurves(counts, all_wrong, none, none)).own_weakest
    1.0
    """
    strongest, weakest, random = ORDERS
    own, overall = errors(curves)

    def above(found: dict, lower: str) -> float:
        difference = (found[strongest] - found[lower]).mean(0)
        return float(np.trapezoid(difference, curves.counts) / curves.counts[-1])

    return Areas(
        above(own, weakest),
        above(own, random),
        above(overall, weakest),
        above(overall, random),
    )


def unit_name(layer: str, number: int) -> str:
    """What a unit is called where several layers are ranked together.

    >>> unit_name("conv1", 4)
    'conv1 4'
    """
    return f"{layer} {number}"


def scores_table(found: Answers) -> Table:
    """One row per class and unit, strongest first within a class."""
    rows: list[list[Cell]] = []
    for name, scores in zip(found.classes, found.scores, strict=True):
        for rank, u in enumerate(np.argsort(-scores, kind="stable").tolist(), 1):
            rows.append([name, rank, *found.units[u], float(scores[u])])
    return Table(["class", "rank", "layer", "unit", "score"], rows)


def extremes_table(found: Answers, classes: Sequence[int], number: int = 3) -> Table:
    """The strongest and weakest units of some classes, with their scores.

    >>> one = Answers(("a",), [("c", 0), ("c", 1)], np.array([[0.1, 0.3]]), *[None] * 4)
    >>> extremes_table(one, [0], 1).rows
    [['a', 'c 1 (0.3)', 'c 0 (0.1)']]
    """
    rows: list[list[Cell]] = []
    for k in classes:
        order = np.argsort(-found.scores[k], kind="stable").tolist()

        def said(units: list[int], scores=found.scores[k]) -> str:
            return ", ".join(
                f"{unit_name(*found.units[u])} ({scores[u]:.3g})" for u in units
            )

        weakest = order[::-1][:number]
        rows.append([found.classes[k], said(order[:number]), said(weakest)])
    return Table(["class", "strongest", "weakest"], rows)


def knockouts_table(found: Answers) -> Table:
    """One row per class, order and number of units removed."""
    own, overall = errors(found.curves)
    rows: list[list[Cell]] = [
        [name, order, count, float(own[order][k, n]), float(overall[order][k, n])]
        for k, name in enumerate(found.classes)
        for order in ORDERS
        for n, count in enumerate(found.curves.counts.tolist())
    ]
    return Table(["class", "order", "removed", "class_error", "overall_error"], rows)


def steps_table(found: Answers) -> Table:
    """One row per class aimed at and size of step; shares of the images aimed there."""
    seen = found.outcomes
    rows: list[list[Cell]] = []
    for k, name in enumerate(found.classes):
        number = max(int(seen.number[k]), 1)
        for s, step in enumerate(found.steps):
            counts = (seen.success[s, k], seen.errors[s, k], seen.risen[s, k])
            shares = [int(count) / number for count in counts]
            rows.append([name, step, number, *shares, int(seen.stuck[k])])
    columns = ["target", "step", "images", "success", "any_error", "risen", "stuck"]
    return Table(columns, rows)


def consistency_table(found: Answers) -> Table:
    """One row per class: mean cosine within it, and to images of others."""
    rows: list[list[Cell]] = [
        [name, float(within), float(between)]
        for name, within, between in zip(found.classes, *found.consistency, strict=True)
    ]
    return Table(["class", "within", "between"], rows)
