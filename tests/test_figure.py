"""Texts of strangers on figures: shown as they are, and nothing else happens."""

import ast
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from matplotlib.backends.backend_agg import FigureCanvasAgg

from jaxdissect.plots import figures
from jaxdissect.plots.figure import Figure

NAMES = [
    r"$\frac$",
    "$",
    "a $x_1$ and $",
    r"\$ \alpha $$",
    "家と木",
    "🌳 park",
    "\x1b[31mred\x00",
    "a\r\nb",
    "\u202eright to left",
    "\ud800",
    "o" * 100_000,
    "a b " * 25_000,
    " ",
]


def with_name_everywhere(name):
    made = Figure(figsize=(4, 3), layout="constrained")
    left, right = made.subplots(1, 2)
    left.bar([0, 1], [1, 2])
    left.set_xticks([0, 1], [name, "b"], rotation=45)
    left.set_yticks([1, 2])
    left.set_title(name)
    right.plot([0, 1], label=name)
    right.barh([name, "other"], [1, 2])
    right.set_xlabel(name)
    right.annotate(name, (0, 1))
    right.legend(loc="lower right")
    made.suptitle(name)
    return made


@pytest.mark.parametrize("name", NAMES, ids=[ascii(n[:12]) for n in NAMES])
def test_any_name_anywhere_is_drawn(name, tmp_path):
    figures.save(with_name_everywhere(name), tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def pixels(text):
    made = Figure(figsize=(3, 1))
    made.text(0.1, 0.5, text)
    canvas = FigureCanvasAgg(made)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())


def test_formulas_are_not_set():
    """`$x$` takes the room of three letters; as a formula it would be a slanted x."""
    plain, formula = pixels("$x$"), pixels("x")
    inked = [np.flatnonzero((p[..., 0] < 200).any(0)) for p in (plain, formula)]
    assert inked[0].size > 2 * inked[1].size


def test_the_name_at_a_tick_is_cut_and_its_ends_stay():
    made = with_name_everywhere("first " + "x" * 10_000 + " last")
    made.draw_without_rendering()
    name = made.axes[0].get_xticklabels()[0].get_text()
    assert name.startswith("first xxx") and name.endswith("x last") and len(name) == 40
    again = with_name_everywhere("short")
    again.draw_without_rendering()
    again.draw_without_rendering()
    assert again.axes[0].get_xticklabels()[0].get_text() == "short"


@pytest.mark.slow
def test_all_figures_are_such():
    """No module makes one of matplotlib's own."""
    for file in Path(ROOT, "jaxdissect").rglob("*.py"):
        if file.name == "figure.py":
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom):
                assert node.module not in ("matplotlib.figure", "matplotlib.pyplot")
