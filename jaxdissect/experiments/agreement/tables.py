"""How well removals were predicted, as tables and in words."""

from collections.abc import Mapping, Sequence
from typing import Any

from jaxdissect.experiments.agreement.results import Agreement, Measure, Predictor
from jaxdissect.intervals import RankCorrelation
from jaxdissect.pages.tables import Cell, Table


def predictors_table(
    classes: Sequence[str], predictors: Sequence[Predictor], measures: Sequence[Measure]
) -> Table:
    """One row per unit and class: what was predicted, what came of it."""
    columns = {
        **{f"{p.kind}: {p.name}": p.values for p in predictors},
        **{f"drop of {m.name}": m.by_class for m in measures},
    }
    units = len(measures[0].by_class)
    rows: list[list[Cell]] = [
        [unit, name, *(values[unit, k].item() for values in columns.values())]
        for unit in range(units)
        for k, name in enumerate(classes)
    ]
    return Table(["unit", "class", *columns], rows)


def agreement_table(classes: Sequence[str], found: Sequence[Agreement]) -> Table:
    """One row per predictor, measure and class, and for all classes."""
    rows: list[list[Cell]] = []
    for a in found:
        of = [("mean over classes", a.mean), ("overall", a.overall)]
        for name, correlation in (*of, *zip(classes, a.classes, strict=True)):
            rows.append([a.kind, a.name, a.measure, name, *correlation])
    return Table(
        ["kind", "predictor", "drop of", "class", "spearman", "low", "high"], rows
    )


def summary_table(found: Sequence[Agreement]) -> Table:
    """One row per predictor: its mean over classes for every measure, and overall."""
    names = list(dict.fromkeys(a.measure for a in found))
    rows: dict[tuple[str, str], list[Cell]] = {}
    for a in found:
        row = rows.setdefault((a.kind, a.name), [a.kind, a.name])
        row += [f"{a.mean.value:+.2f} {_ends(a.mean)}", f"{a.overall.value:+.2f}"]
    columns = [c for name in names for c in (f"{name}, by class", f"{name}, overall")]
    return Table(["kind", "predictor", *columns], list(rows.values()))


def numbers(found: Sequence[Agreement]) -> list[dict[str, Any]]:
    """Everything but the single classes."""
    return [
        {
            "kind": a.kind,
            "predictor": a.name,
            "drop_of": a.measure,
            "mean_over_classes": a.mean._asdict(),
            "overall": a.overall._asdict(),
        }
        for a in found
    ]


def sentences(facts: Mapping[str, Any], found: Sequence[Agreement]) -> list[str]:
    """What was found, in words."""
    cost = facts["cost"]
    said = [
        f"Layer {facts['layer']}: {facts['units']} units, {facts['images']} images not "
        f"used for predicting; top-1 {facts['top1']:.1%}. Spearman's correlation over "
        "units, mean over classes [95 % interval over classes]; the best of each kind."
    ]
    for measure in dict.fromkeys(a.measure for a in found):
        best: dict[str, Agreement] = {}
        for a in found:
            if a.measure == measure:
                before = best.setdefault(a.kind, a)
                best[a.kind] = max(a, before, key=lambda a: a.mean.value)
        parts = [
            f"{kind} ({a.name}) {a.mean.value:+.2f} {_ends(a.mean)}"
            for kind, a in best.items()
        ]
        said.append(f"With the drop of {measure}: {'; '.join(parts)}.")
    return [
        *said,
        f"For {cost['images']} images at this layer, removing every unit took "
        f"{cost['seconds']['removal']:.3g} s and a gradient "
        f"{cost['gradient']:.3g} s: "
        f"{cost['removal_by_gradient']:.3g} times as much, or "
        f"{cost['with_forward']:.3g} times with the forward pass that both need "
        f"({cost['seconds']['forward']:.3g} s).",
    ]


def _ends(found: RankCorrelation) -> str:
    return f"[{found.low:+.2f}, {found.high:+.2f}]"
