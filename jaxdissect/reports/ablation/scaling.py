"""What scaling units did, against random units and with paired intervals."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
from jax import Array

from jaxdissect import ablation, metrics
from jaxdissect.ablation import Effects
from jaxdissect.reports import figures, regime_figures
from jaxdissect.reports.tables import Cell, Table
from jaxdissect.significance import mcnemar


class Scaled(NamedTuple):
    """One set of units scaled by one factor in one way; accuracies are fractions.

    Attributes:
        kind: what is scaled: outputs, or weights with or without their bias.
        factor: what it is multiplied with.
        which: the units.
        units: their numbers; of random ones, of the first draw.
        top1: accuracy over all classes.
        balanced: mean balanced accuracy.
        change: of top-1; for random units, the mean over draws.
        low: lower end of its 95 % paired bootstrap interval; for random units, the
            lowest draw.
        high: upper end, or the highest draw.
        p: exact McNemar p-value of the change; 1 for random units.
    """

    kind: str
    factor: float
    which: str
    units: list[int]
    top1: float
    balanced: float
    change: float
    low: float
    high: float
    p: float


def scaled(
    key: Array,
    measured: Mapping[str, Mapping[float, Effects]],
    sets: Mapping[str, Sequence[list[int]]],
) -> list[Scaled]:
    """Intervals for chosen units, ranges for random ones.

    Args:
        key: PRNG key, consumed.
        measured: {kind: {factor: effects on all sets in turn}}.
        sets: {which: sets of units}; several are draws of the same kind.
    """
    rows = []
    for i, (kind, factors) in enumerate(measured.items()):
        for j, (factor, effects) in enumerate(factors.items()):
            each = jax.random.fold_in(jax.random.fold_in(key, i), j)
            change = -ablation.drops(effects).top1
            ends = ablation.top1_interval(each, effects)
            p = mcnemar(effects.lost.sum(1), effects.gained.sum(1))
            after = ablation.edited_counts(effects)
            top1, balanced = metrics.top1(after), metrics.balanced_accuracy(after)
            start = 0
            for which, group in sets.items():
                at = slice(start, start + len(group))
                start += len(group)
                several = len(group) > 1
                low, high = (
                    (change[at].min(), change[at].max())
                    if several
                    else (-ends.high[at][0], -ends.low[at][0])
                )
                numbers = (
                    top1[at].mean(),
                    balanced[at].mean(),
                    change[at].mean(),
                    low,
                    high,
                    1.0 if several else p[at][0],
                )
                rows.append(
                    Scaled(kind, factor, which, group[0], *map(_plain, numbers))
                )
    return rows


def table(rows: Sequence[Scaled]) -> Table:
    """One row per kind, factor and set of units."""
    cells: list[list[Cell]] = [
        [r.kind, r.factor, r.which, " ".join(map(str, r.units)), *r[4:]] for r in rows
    ]
    return Table(list(Scaled._fields), cells)


def save_figures(folder: Path, rows: Sequence[Scaled]) -> None:
    """Change of top-1 against the factor: single units, and sets."""
    names = list(dict.fromkeys(row.which for row in rows))
    *chosen, one, several = names
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
        figures.save(regime_figures.scaling_panels(panels), folder / f"{file}.png")


def sentences(layer: str, rows: Sequence[Scaled]) -> list[str]:
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


def _sentence(row: Scaled) -> str:
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


def _plain(value) -> float:
    return float(value) + 0.0  # no negative zeros in tables
