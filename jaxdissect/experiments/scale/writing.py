"""What scaling units did, in tables, figures and words."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxdissect.experiments.scale import figures
from jaxdissect.pages import inline, tables
from jaxdissect.plots.figure import Figure
from jaxdissect.plots.figures import save
from jaxdissect.runs import outputs

if TYPE_CHECKING:
    from jaxdissect.experiments.scale.experiment import Result, Scaled


def write(folder: Path, result: "Result") -> None:
    """scaling.csv, two figures, findings.txt and summary.json."""
    tables.write_columns(folder / "scaling.csv", columns(result.rows))
    for name, figure in figures_of(result.rows).items():
        save(figure, folder / f"{name}.png")
    said = [*result.images_used, *sentences(result.layer, result.rows)]
    (folder / "findings.txt").write_text("\n".join(said) + "\n", encoding="utf-8")
    rows = [row._asdict() for row in result.rows]
    outputs.write_json(folder / "summary.json", {"scaling": rows, "findings": said})


def html(result: "Result") -> str:
    """What was found, with its figures, for a notebook."""
    said = [*result.images_used, *sentences(result.layer, result.rows)]
    return inline.findings(
        f"Scaling units of {result.layer}", said, figures_of(result.rows)
    )


def columns(rows: Sequence["Scaled"]) -> dict[str, list[Any]]:
    """{column: one value for each kind, factor and set of units}."""
    found = {name: [getattr(r, name) for r in rows] for name in rows[0]._fields}
    return {**found, "units": [" ".join(map(str, r.units)) for r in rows]}


def figures_of(rows: Sequence["Scaled"]) -> dict[str, Figure]:
    """{file: change of top-1 against the factor}, of single units, and of sets."""
    names = list(dict.fromkeys(row.which for row in rows))
    *chosen, one, several = names
    drawn = {}
    for file, which, control in (
        ("scaling_of_single_units", chosen[:2], one),
        ("scaling_of_sets", chosen[2:], several),
    ):
        panels = {}
        for kind in dict.fromkeys(row.kind for row in rows):
            lines = {w: _line(rows, kind, w) for w in (*which, control)}
            factors = np.array(sorted({row.factor for row in rows}))
            _, low, high = lines.pop(control)
            panels[kind] = (factors, lines, (low, high))
        drawn[file] = figures.scaling_panels(panels)
    return drawn


def sentences(layer: str, rows: Sequence["Scaled"]) -> list[str]:
    """What was found, in words."""
    chosen = [r for r in rows if "random" not in r.which and r.factor != 1]
    better = [row for row in chosen if row.low > 0]
    said = [
        f"Layer {layer}: units chosen on other images by what their removal costs over "
        f"all classes; top-1 {rows[0].top1 - rows[0].change:.1%} unchanged.",
        *(_sentence(row) for row in chosen if row.factor in (0.5, 2.0)),
    ]
    if better:
        best = max(better, key=lambda row: row.low)
        said.append(
            f"Of {len(chosen)} scalings {len(better)} raise top-1 with an interval "
            f"above 0 (about {0.025 * len(chosen):.0f} would by chance); the clearest: "
            f"{_sentence(best)}"
        )
    else:
        said.append(
            f"None of {len(chosen)} scalings raises top-1 with an interval above 0."
        )
    return [
        *said,
        "Intervals are 95 % paired bootstrap over images; ranges of random units are "
        "those of all draws.",
    ]


def _sentence(row: "Scaled") -> str:
    change, low, high = (100 * v for v in (row.change, row.low, row.high))
    return (
        f"{row.kind} of {row.which} times {row.factor:.3g}: {change:+.2f} points of "
        f"top-1 [{low:+.2f}, {high:+.2f}], p = {row.p:.2g}."
    )


def _line(rows, kind: str, which: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    chosen = sorted(
        (row for row in rows if (row.kind, row.which) == (kind, which)),
        key=lambda row: row.factor,
    )
    change, low, high = np.array([[r.change, r.low, r.high] for r in chosen]).T
    return change, low, high
