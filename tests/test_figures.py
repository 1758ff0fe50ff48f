"""Figures of what the removal of units costs."""

import numpy as np
from PIL import Image

from jaxdissect.experiments.ablate import figures
from jaxdissect.plots import placement
from jaxdissect.plots.figures import save


def texts(axes):
    return [text.get_text() for text in axes.texts]


def test_scatter_names_the_units_that_hurt_one_class_most():
    overall, worst = np.array([0.0, 0.01, 0.02]), np.array([0.3, 0.1, 0.2])
    figure = figures.drop_scatter(
        overall, worst, ["farm", "park", "beach"], ["roof", "", ""], num_annotated=2
    )
    axes = figure.axes[0]
    assert texts(axes) == ["unit 0 (roof) → farm", "unit 2 → beach"]
    np.testing.assert_allclose(
        axes.collections[0].get_offsets(), 100 * np.stack([overall, worst], 1)
    )
    assert "points" in axes.get_xlabel() and "points" in axes.get_ylabel()


def test_names_in_a_scatter_do_not_touch():
    dots = np.random.default_rng(0).uniform(0.4, 0.6, (4, 2))
    names = ["unit 1 → farm"] * 4
    boxes = [
        placement._box(place, name)
        for place, name in zip(
            placement.place_names(dots, np.arange(4), names), names, strict=True
        )
    ]
    apart = [
        a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
        for i, a in enumerate(boxes)
        for b in boxes[:i]
    ]
    assert all(apart)


COUNTS = np.array([0, 1, 2, 4, 6, 8, 16])


def curves():
    most = np.linspace(0.9, 0.5, 7)
    random = np.stack([np.linspace(0.9, 0.6, 7), np.linspace(0.9, 0.8, 7)])
    return most, random, np.linspace(0.9, 0.85, 7)


def test_removal_figure_draws_every_curve_in_percent():
    most, random, least = curves()
    figure = figures.removal_curves(COUNTS, most, random, least, "farm", 0.9)
    axes = figure.axes[0]
    lines = {line.get_label(): line.get_ydata() for line in axes.lines}
    np.testing.assert_allclose(lines["most important first"], 100 * most)
    np.testing.assert_allclose(lines["least important first"], 100 * least)
    np.testing.assert_allclose(
        lines["random (mean and range of 2)"], 100 * random.mean(0)
    )
    assert set(lines["chance"]) == {50} and set(lines["all units (90.0 %)"]) == {90}
    assert "farm" in axes.get_title() and axes.get_xlabel() == "units removed"


def test_removal_grid_has_a_panel_per_class():
    most, random, least = (np.stack([part] * 5) for part in curves())
    names = ["a", "b", "c", "d", "e"]
    figure = figures.removal_grid(COUNTS, most, random, least, names, np.full(5, 0.9))
    assert [axes.get_title() for axes in figure.axes] == names


def test_figures_are_saved_as_png(tmp_path):
    save(figures.removal_curves(COUNTS, *curves(), "a", 0.9), tmp_path / "a.png")
    assert Image.open(tmp_path / "a.png").size == (1050, 675)
