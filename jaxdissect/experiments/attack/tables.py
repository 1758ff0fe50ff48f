"""What attacks found as tables and numbers."""

from typing import Any

import numpy as np

from jaxdissect.experiments.attack.findings import Findings
from jaxdissect.experiments.attack.results import ALL, RoleEffect
from jaxdissect.pages.tables import Cell, Table

QUANTILES = (0.1, 0.5, 0.9)


def attacks_table(found: Findings) -> Table:
    """A row for each attack."""
    done = found.attacks
    roles = {
        f"{role}_{measure.replace(' ', '_')}": values
        for measure, of in found.measured.items()
        for role, values in of.roles.absolute._asdict().items()
    }
    rows: list[list[Cell]] = [
        [
            int(done.scenes[p]),
            *(found.classes[c[p]] for c in (done.true, done.sources, done.targets)),
            bool(done.success[p]),
            bool(done.rounded[p]),
            float(done.distance[p]),
            float(done.largest[p]),
            *(float(values[p]) for values in roles.values()),
        ]
        for p in range(len(done.scenes))
    ]
    names = ["scene", "true", "source", "target", "success", "success_in_8_bits"]
    return Table([*names, "l2", "largest_change", *roles], rows)


def roles_table(found: Findings) -> Table:
    """A row for each measure, target and role."""
    rows: list[list[Cell]] = [
        [measure, found.name(effect.target), *effect[1:]]
        for measure, of in found.measured.items()
        for effect in of.role_effects
    ]
    return Table(["measure", *RoleEffect._fields], rows)


def units_table(found: Findings) -> Table:
    """A row for each target and unit: how its peak changes, in both measures."""
    both = [of.unit_effects for of in found.measured.values()]
    rows: list[list[Cell]] = []
    for target in both[0]:
        matters = [] if target == ALL else found.important[target].tolist()
        for unit, card in enumerate(found.cards):
            row: list[Cell] = [found.name(target), unit, card.label, card.category]
            row += [card.iou, card.is_detector, unit in matters]
            for effects in both:
                ends = (effects[target].mean, *effects[target].interval)
                row += [float(values[unit]) for values in ends]
            rows.append(row)
    columns = ["target", "unit", "label", "category", "iou", "is_detector"]
    columns += ["matters_to_target", "change", "low", "high"]
    return Table([*columns, "share", "share_low", "share_high"], rows)


def strength_table(found: Findings) -> Table:
    """How often attacks succeed, and how small they are."""
    done = found.attacks
    rows: list[list[Cell]] = []
    for target in [*dict.fromkeys(done.targets.tolist()), ALL]:
        own = (
            done.targets == target
            if target != ALL
            else np.ones(len(done.targets), bool)
        )
        good = own & done.success
        row: list[Cell] = [found.name(target), int(own.sum()), int(good.sum())]
        row.append(int((good & done.rounded).sum()))
        for values in (done.distance[good], done.largest[good]):
            spread = list(_spread(values).values())
            row += spread or [""] * (1 + len(QUANTILES))
        rows.append(row)
    columns = ["target", "attacked", "succeed", "also in 8 bits"]
    for name in ("L2", "largest change"):
        columns += [f"{name}: mean", "10 %", "median", "90 %"]
    return Table(columns, rows)


def steps_table(found: Findings) -> Table:
    """What single steps come to."""
    rows: list[list[Cell]] = [
        [
            "towards the target" if step.towards_target else "away from the source",
            f"{255 * step.size:.3g} / 255",
            f"{100 * step.hits:.0f} %",
            f"{100 * step.errors:.0f} %",
        ]
        for step in found.steps
    ]
    return Table(["step", "size", "taken for the target", "any change"], rows)


def short_roles_table(found: Findings, measure: str) -> Table:
    """The role effects of a measure as a page shows them."""
    rows: list[list[Cell]] = []
    for effect in found.measured[measure].role_effects:
        row: list[Cell] = [found.name(effect.target), effect.role, effect.images]
        row += [effect.signed, effect.mean, _ends(effect.low, effect.high)]
        more = (effect.excess, _ends(effect.excess_low, effect.excess_high), effect.q)
        rows.append([*row, *(("", "", "") if effect.role == "others" else more)])
    columns = ["target", "units", "images", "signed mean", "mean size", "99 %"]
    return Table([*columns, "more than others", "99 %", "q"], rows)


def summary(found: Findings) -> dict[str, Any]:
    """Numbers for other programs."""
    done = found.attacks
    good = done.success
    return {
        "attacks": len(good),
        "success": int(good.sum()),
        "success_in_8_bits": int((good & done.rounded).sum()),
        "l2": _spread(done.distance[good]),
        "largest_change": _spread(done.largest[good]),
        "roles": [
            {
                "measure": measure,
                **effect._asdict(),
                "target": found.name(effect.target),
            }
            for measure, of in found.measured.items()
            for effect in of.role_effects
        ],
        "steps": [step._asdict() for step in found.steps],
    }


def _ends(low: float, high: float) -> str:
    return f"{low:.3g} to {high:.3g}"


def _spread(values: np.ndarray) -> dict[str, float]:
    if not len(values):
        return {}
    spread = {f"{q:g}": np.quantile(values, q).item() for q in QUANTILES}
    return {"mean": values.mean().item(), **spread}
