"""Error curves, what lies between them, and all numbers as columns."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from jaxtyping import Float

from jaxdissect.ablation import RemovalCurves

if TYPE_CHECKING:
    from jaxdissect.experiments.gradients.experiment import Result

ORDERS = ("strongest first", "weakest first", "random")
SIZES = {
    "l2": "L2 norm of the change",
    "sign": "change of every pixel",
    "raw": "factor of the gradient",
}
"""What the size of a step is of."""


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

    >>> from jaxdissect.ablation import Curve
    >>> counts = np.array([0, 1])
    >>> curve = Curve(np.ones((1, 2, 1)), np.array([[[1.0], [0.0]]]), np.ones((1, 2)))
    >>> errors(RemovalCurves(counts, curve, curve, curve)).own["random"].tolist()
    [[0.0, 1.0]]
    """
    num_classes = curves.most.recall.shape[-1]
    diagonal = np.arange(num_classes)
    ordered = (curves.most, curves.least)
    own = [1 - curve.recall[diagonal, :, diagonal] for curve in ordered]
    overall = [1 - curve.top1 for curve in ordered]
    own.append(1 - curves.random.recall.mean(0).T)
    overall.append(np.tile(1 - curves.random.top1.mean(0), (num_classes, 1)))
    return Errors(
        dict(zip(ORDERS, own, strict=True)), dict(zip(ORDERS, overall, strict=True))
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

    >>> from jaxdissect.ablation import Curve
    >>> counts, none = np.array([0, 1]), Curve(*np.ones((2, 1, 2, 1)), np.ones((1, 2)))
    >>> all_wrong = Curve(*np.zeros((2, 1, 2, 1)), np.zeros((1, 2)))
    >>> areas(RemovalCurves(counts, all_wrong, none, none)).own_weakest
    1.0
    """
    strongest, *lower = ORDERS
    differences = (
        (by_order[strongest] - by_order[order]).mean(0)
        for by_order in errors(curves)
        for order in lower
    )
    return Areas(
        *(
            float(np.trapezoid(d, curves.counts) / curves.counts[-1])
            for d in differences
        )
    )


def shares(result: "Result") -> tuple[np.ndarray, np.ndarray]:
    """[K S] shares of the images aimed at a class: success, and any error."""
    number = np.maximum(result.outcomes.number, 1)
    return (result.outcomes.success / number).T, (result.outcomes.errors / number).T


def unit_name(layer: str, number: int) -> str:
    """What a unit is called where several layers are ranked together.

    >>> unit_name("conv1", 4)
    'conv1 4'
    """
    return f"{layer} {number}"


def strongest_first(scores: Float[np.ndarray, "U"]) -> list[int]:
    """Units of a class, the most asked for first."""
    return np.argsort(-scores, kind="stable").tolist()


def scores(result: "Result") -> dict[str, list[Any]]:
    """{column: one value for each class and unit}, strongest first within a class."""
    rows = [
        (name, rank, *result.units[u], float(of_class[u]))
        for name, of_class in zip(result.classes, result.scores, strict=True)
        for rank, u in enumerate(strongest_first(of_class), 1)
    ]
    return _columns(("class", "rank", "layer", "unit", "score"), rows)


def extremes(
    result: "Result", classes: Sequence[int], number: int = 3
) -> dict[str, list[Any]]:
    """{column: one value per class}: its strongest and weakest units, and scores."""

    def named(k: int, units: list[int]) -> str:
        return ", ".join(
            f"{unit_name(*result.units[u])} ({result.scores[k, u]:.3g})" for u in units
        )

    orders = {k: strongest_first(result.scores[k]) for k in classes}
    return {
        "class": [result.classes[k] for k in classes],
        "strongest": [named(k, order[:number]) for k, order in orders.items()],
        "weakest": [named(k, order[::-1][:number]) for k, order in orders.items()],
    }


def knockouts(result: "Result") -> dict[str, list[Any]]:
    """{column: one value for each class, order and number of units removed}."""
    own, overall = errors(result.curves)
    rows = [
        (name, order, count, float(own[order][k, n]), float(overall[order][k, n]))
        for k, name in enumerate(result.classes)
        for order in ORDERS
        for n, count in enumerate(result.curves.counts.tolist())
    ]
    return _columns(("class", "order", "removed", "class_error", "overall_error"), rows)


def steps(result: "Result") -> dict[str, list[Any]]:
    """{column: one value for each class aimed at and size of step}.

    Shares are of the images that are aimed there.
    """
    counts = result.outcomes
    number = np.maximum(counts.number, 1)
    shares = np.stack([counts.success, counts.errors, counts.risen]) / number
    rows = [
        (name, step, int(number[k]), *shares[:, s, k].tolist(), int(counts.stuck[k]))
        for k, name in enumerate(result.classes)
        for s, step in enumerate(result.steps)
    ]
    names = ("target", "step", "images", "success", "any_error", "risen", "stuck")
    return _columns(names, rows)


def consistency(result: "Result") -> dict[str, list[Any]]:
    """{column: one value per class}: mean cosine within it, and to images of others."""
    within, between = (part.tolist() for part in result.consistency)
    return {"class": list(result.classes), "within": within, "between": between}


def _columns(
    names: Sequence[str], rows: Sequence[tuple[Any, ...]]
) -> dict[str, list[Any]]:
    return {
        name: list(c) for name, c in zip(names, zip(*rows, strict=True), strict=True)
    }
