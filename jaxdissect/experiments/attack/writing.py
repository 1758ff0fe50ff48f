"""The files that attacks leave: tables, figures, numbers, the page."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jaxdissect.attacks import ALL_TARGETS, RoleEffect
from jaxdissect.experiments.attack import figures, page
from jaxdissect.pages import tables
from jaxdissect.plots.figures import save
from jaxdissect.runs import outputs

if TYPE_CHECKING:
    from jaxdissect.experiments.attack.experiment import Result

Columns = dict[str, list[Any]]


def write(folder: Path, result: "Result") -> None:
    """A table for each of `COLUMNS`, figures, summary.json and report.html."""
    for name, columns in COLUMNS.items():
        tables.write_columns(folder / f"{name}.csv", columns(result))
    for name, figure in figures.figures_of(result).items():
        save(figure, folder / f"{name}.png")
    outputs.write_json(folder / "summary.json", summary(result))
    (folder / "report.html").write_text(page.page(result), encoding="utf-8")


def attacks_columns(result: "Result") -> Columns:
    """A row for each attack."""
    done = result.attacks
    classes = {"true": done.true, "source": done.sources, "target": done.targets}
    roles = {
        f"{role}_{measure.replace(' ', '_')}": values.tolist()
        for measure, effects in result.measured.items()
        for role, values in effects.roles.absolute._asdict().items()
    }
    return {
        "scene": done.scenes.tolist(),
        **{name: [result.classes[k] for k in ks] for name, ks in classes.items()},
        "success": done.success.tolist(),
        "success_in_8_bits": done.rounded.tolist(),
        "l2": done.distance.tolist(),
        "largest_change": done.largest.tolist(),
        **roles,
    }


def roles_columns(result: "Result") -> Columns:
    """A row for each measure, target and role."""
    rows = [
        (measure, result.name(effect.target), *effect[1:])
        for measure, effects in result.measured.items()
        for effect in effects.role_effects
    ]
    names = ("measure", *RoleEffect._fields)
    return {name: [row[n] for row in rows] for n, name in enumerate(names)}


def units_columns(result: "Result") -> Columns:
    """A row for each target and unit: how its peak changes, in both measures."""
    as_it_is, share = (effects.unit_effects for effects in result.measured.values())
    columns: Columns = {name: [] for name in ("target", "unit", *UNITS)}
    for target in as_it_is:
        own = [] if target == ALL_TARGETS else result.important[target].tolist()
        part: Columns = {
            "target": [result.name(target)] * len(result.cards),
            "unit": list(range(len(result.cards))),
            **{name: [getattr(c, name) for c in result.cards] for name in UNITS[:4]},
            "matters_to_target": [u in own for u in range(len(result.cards))],
        }
        for prefix, (mean, ends) in (("", as_it_is[target]), ("share", share[target])):
            part |= {
                prefix or "change": mean.tolist(),
                f"{prefix}_low".lstrip("_"): ends.low.tolist(),
                f"{prefix}_high".lstrip("_"): ends.high.tolist(),
            }
        for name, values in part.items():
            columns[name] += values
    return columns


UNITS = (
    *("label", "category", "iou", "is_detector", "matters_to_target"),
    *("change", "low", "high", "share", "share_low", "share_high"),
)


def steps_columns(result: "Result") -> Columns:
    """What single steps come to."""
    return page.steps_table(result).by_column()


COLUMNS: dict[str, Callable[["Result"], Columns]] = {
    "attacks": attacks_columns,
    "roles": roles_columns,
    "units": units_columns,
    "steps": steps_columns,
}
"""{table: its columns}."""


def summary(result: "Result") -> dict[str, Any]:
    """Numbers for other programs."""
    done = result.attacks
    good = done.success
    return {
        "attacks": len(good),
        "success": int(good.sum()),
        "success_in_8_bits": int((good & done.rounded).sum()),
        "l2": page.spread(done.distance[good]),
        "largest_change": page.spread(done.largest[good]),
        "roles": [
            {
                "measure": measure,
                **effect._asdict(),
                "target": result.name(effect.target),
            }
            for measure, effects in result.measured.items()
            for effect in effects.role_effects
        ],
        "steps": [step._asdict() for step in result.steps],
        "findings": result.findings,
        "facts": result.facts,
    }
