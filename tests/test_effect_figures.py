"""Figures of units' effects: what they draw, and whether it can be read."""

import itertools

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.legend import Legend
from matplotlib.text import Text

from jaxdissect.errors import BadInput
from jaxdissect.experiments.ablate import figures as effect_figures
from jaxdissect.plots import comparisons

SCENES = ("farm", "beach", "street", "park", "forest", "kitchen", "bedroom", "harbour")
ATTRIBUTES = ("IoU with the best concept", "mean activation", "share of images on")
MEASURES = ("top-1 drop", "largest class drop", "classes served", "gain when doubled")
FACTORS = np.array([1 / 4, 1 / 3, 1 / 2, 1, 2, 3, 4])
REGIMES = ("plain", "batch norm", "dropout", "batch norm + dropout")


def scaling_figure(factors, changes, control, *, title):
    """One panel."""
    return comparisons.scaling_panels({title: (factors, changes, control)})


def classes(num_classes, seed=0):
    """Accuracies near 1, lower without units, and in between with few units."""
    rng = np.random.default_rng(seed)
    unchanged = 1 - rng.uniform(0, 0.03, num_classes)
    lost = rng.uniform(0, 0.4, (2, num_classes))
    return unchanged, unchanged - lost[0], unchanged - lost[1] / 2


def class_scatter(accuracies, names=None, num_removed=4, num_kept=20):
    names = names or [f"scene {k}" for k in range(len(accuracies[0]))]
    return effect_figures.class_scatter(
        *accuracies, names, num_removed=num_removed, num_kept=num_kept
    )


def service(num_units=256, seed=0):
    rng = np.random.default_rng(seed)
    return rng.gamma(2, 0.04, num_units), rng.poisson(1.2, num_units)


def correlations(num_rows=3, num_columns=4):
    values = np.linspace(-0.95, 0.95, num_rows * num_columns)
    values = values.reshape(num_rows, num_columns)
    return values, np.maximum(values - 0.2, -1), np.minimum(values + 0.2, 1)


def change(size):
    middle = -size * np.log2(FACTORS) ** 2
    return middle, middle - 0.01, middle + 0.01


CHANGES = {"own class": change(0.03), "all classes": change(0.005)}
CONTROL = (np.full(7, -0.01), np.full(7, 0.02))
PANEL = (FACTORS, CHANGES, CONTROL)
KINDS = ("output scaling", "weights with bias", "weights without bias")


def curves(num_orders=5):
    fractions = np.linspace(0, 1, 11)
    orders = np.linspace(0, 0.05, num_orders)[:, None]
    return fractions, {
        name: 0.1 + (0.8 + orders) * (1 - fractions**power)
        for power, name in enumerate(REGIMES, 1)
    }


def trainings(num_measures=8, num_trainings=5, regimes=REGIMES):
    rng = np.random.default_rng(0)
    return {
        f"measure {m} (%)": {r: rng.normal(m, 0.1, num_trainings) for r in regimes}
        for m in range(num_measures)
    }


REALISTIC = {
    "classes in rows": lambda: class_scatter(classes(8), SCENES),
    "many classes in rows": lambda: class_scatter(classes(40)),
    "classes as dots": lambda: class_scatter(classes(365)),
    "service": lambda: effect_figures.service_figure(*service(), top=8),
    "correlations": lambda: effect_figures.correlation_matrix(
        *correlations(), ATTRIBUTES, MEASURES
    ),
    "scaling": lambda: scaling_figure(*PANEL, title="Outputs of conv5 scaled"),
    "scaling panels": lambda: comparisons.scaling_panels(dict.fromkeys(KINDS, PANEL)),
    "cumulative": lambda: comparisons.cumulative_figure(*curves(), 0.1),
    "regimes": lambda: comparisons.regime_figure(trainings(), title="AlexNet"),
}

ONE, ZEROS, MANY = np.ones(1), np.zeros(7), np.linspace(0.1, 10, 100)
HOSTILE = {
    "one class": lambda: class_scatter(classes(1), num_removed=1, num_kept=1),
    "equal classes": lambda: class_scatter([np.full(8, 0.99)] * 3),
    "classes at zero": lambda: class_scatter([np.zeros(8)] * 3),
    "equal classes as dots": lambda: class_scatter([np.full(365, 0.99)] * 3),
    "classes without images": lambda: class_scatter([np.array([0.9, np.nan])] * 3),
    "long names": lambda: class_scatter(classes(8), ["amusement park " * 9] * 8),
    "one unit": lambda: effect_figures.service_figure(ONE, np.array([3]), top=1),
    "dead units": lambda: effect_figures.service_figure(
        np.zeros(64), np.zeros(64, int), top=8
    ),
    "units of 365 classes": lambda: effect_figures.service_figure(
        np.linspace(0, 1, 366), np.arange(366), top=20
    ),
    "one correlation": lambda: effect_figures.correlation_matrix(
        *correlations(1, 1), ["IoU"], ["top-1 drop"]
    ),
    "correlations with long names": lambda: effect_figures.correlation_matrix(
        *correlations(12, 2),
        ["share of the images it is on for"] * 12,
        ["drop " * 5] * 2,
    ),
    "many correlations": lambda: effect_figures.correlation_matrix(
        *correlations(2, 12), ["a", "b"], ["mean activation"] * 12
    ),
    "undefined correlations": lambda: effect_figures.correlation_matrix(
        *[np.full((2, 2), np.nan)] * 3, ["a", "b"], ["c", "d"]
    ),
    "one factor": lambda: scaling_figure(
        ONE, {"a": (ONE, ONE, ONE)}, (ONE, ONE), title="t"
    ),
    "no effect": lambda: scaling_figure(
        FACTORS, {"a": (ZEROS, ZEROS, ZEROS)}, (ZEROS, ZEROS), title="long " * 30
    ),
    "one panel": lambda: comparisons.scaling_panels({"outputs": PANEL}),
    "one order": lambda: comparisons.cumulative_figure(*curves(1), 0.1),
    "nothing removed": lambda: comparisons.cumulative_figure(
        np.zeros(1), {"a": np.zeros((1, 1))}, 0.0
    ),
    "one training": lambda: comparisons.regime_figure(
        trainings(1, 1, ["plain"]), title="one"
    ),
    "failed trainings": lambda: comparisons.regime_figure(
        {"top-1": {"a": np.array([np.nan]), "b": np.zeros(3)}}, title="t"
    ),
    "long regimes": lambda: comparisons.regime_figure(
        trainings(
            5, 5, [f"batch norm and dropout, rate 0.{k}, decay" for k in range(9)]
        ),
        title="long " * 40,
    ),
    "many curves": lambda: comparisons.cumulative_figure(
        np.linspace(0, 1, 3),
        {f"a regime with a long name {k}": np.eye(3) for k in range(9)},
        0.1,
    ),
    "many factors": lambda: comparisons.scaling_panels(
        {k: (MANY, {"a": (MANY, MANY, MANY)}, (MANY, MANY)) for k in KINDS}
    ),
    "values close together": lambda: comparisons.regime_figure(
        {"top-1": {"a": 0.99 + np.array([0, 1e-5])}}, title="t"
    ),
}


def texts(axes):
    return [text.get_text() for text in axes.texts]


def labelled(axes):
    return {line.get_label(): line for line in axes.lines}


def legend_texts(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def drawn_texts(figure):
    """Every text one can see, with its box in pixels."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    ticks = [
        (axis, tick)
        for axes in figure.axes
        for axis in (axes.xaxis, axes.yaxis)
        for tick in axis.get_major_ticks()
    ]
    found = set(figure.findobj(Text))
    for axis, tick in ticks:
        low, high = sorted(axis.get_view_interval())
        # matplotlib keeps ticks beyond the axis and does not draw them.
        if not low <= tick.get_loc() <= high:
            found -= {tick.label1, tick.label2}
    seen = [text for text in found if text.get_visible() and text.get_text()]
    renderer = canvas.get_renderer()
    return [(text.get_text(), text.get_window_extent(renderer)) for text in seen]


# To be read


@pytest.mark.parametrize("case", [*REALISTIC, *HOSTILE])
def test_texts_are_inside_the_figure_and_apart(case):
    figure = (REALISTIC | HOSTILE)[case]()
    boxes = drawn_texts(figure)
    outside = [
        name
        for name, box in boxes
        if box.x0 < 0
        or box.y0 < 0
        or box.x1 > figure.bbox.x1
        or box.y1 > figure.bbox.y1
    ]
    # Half a pixel, as boxes are those of letters and not of ink.
    touching = [
        (name, other)
        for (name, a), (other, b) in itertools.combinations(boxes, 2)
        if min(a.x1, b.x1) - max(a.x0, b.x0) > 0.5
        and min(a.y1, b.y1) - max(a.y0, b.y0) > 0.5
    ]
    assert not outside and not touching


@pytest.mark.parametrize("case", REALISTIC)
def test_legend_covers_no_axes(case):
    figure = REALISTIC[case]()
    FigureCanvasAgg(figure).draw()
    for legend in figure.findobj(Legend):
        box = legend.get_window_extent()
        assert not any(box.overlaps(axes.bbox) for axes in figure.axes)


@pytest.mark.parametrize("case", HOSTILE)
def test_limits_are_finite_and_apart(case):
    for axes in HOSTILE[case]().axes:
        limits = np.array([axes.get_xlim(), axes.get_ylim()])
        assert np.isfinite(limits).all() and (np.ptp(limits, axis=1) > 0).all()


# Classes


def test_classes_are_rows_in_order_of_accuracy_in_percent():
    unchanged, without, keeping = classes(8)
    axes = class_scatter((unchanged, without, keeping), SCENES).axes[0]
    order = np.argsort(unchanged)
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == [SCENES[k] for k in order]
    lines = labelled(axes)
    for label, values in (
        ("all units", unchanged),
        ("without its 4 most important units", without),
        ("only its 20 most important units", keeping),
    ):
        np.testing.assert_allclose(lines[label].get_xdata(), 100 * values[order])
        np.testing.assert_array_equal(lines[label].get_ydata(), np.arange(8))
    assert set(lines["chance"].get_xdata()) == {50}


def test_number_of_classes_decides_between_rows_and_dots():
    rows, dots = (class_scatter(classes(k)).axes[0] for k in (40, 41))
    assert rows.get_xlabel() == "balanced accuracy (%)"
    assert dots.get_xlabel() == "balanced accuracy with all units (%)"


def test_dots_of_classes_are_in_percent_and_inside():
    unchanged, without, keeping = classes(365)
    axes = class_scatter((unchanged, without, keeping)).axes[0]
    kept, removed = (dots.get_offsets() for dots in axes.collections)
    np.testing.assert_allclose(kept, 100 * np.stack([unchanged, keeping], 1))
    np.testing.assert_allclose(removed, 100 * np.stack([unchanged, without], 1))
    assert axes.viewLim.count_contains(np.concatenate([kept, removed])) == 2 * 365
    assert set(labelled(axes)) >= {"unchanged", "chance"}


def test_one_unit_is_not_spoken_of_in_the_plural():
    figure = class_scatter(classes(2), num_removed=1, num_kept=1)
    assert "without its most important unit" in legend_texts(figure)


# Service


def test_units_stand_at_their_number_of_classes():
    iou, served = service()
    axes = effect_figures.service_figure(iou, served, top=8).axes[0]
    dots = np.asarray(axes.collections[0].get_offsets())
    assert len(dots) == len(iou)
    assert np.abs(dots[:, 0] - dots[:, 0].round()).max() <= 0.3
    drawn = sorted(zip(dots[:, 0].round(), dots[:, 1], strict=True))
    assert drawn == sorted(zip(served, iou, strict=True))
    assert "8 most important" in axes.get_xlabel()


def test_means_and_numbers_of_units_are_those_of_the_counts():
    iou, served = np.array([0.1, 0.3, 0.2, 0.0]), np.array([0, 2, 2, 0])
    axes = effect_figures.service_figure(iou, served, top=4).axes[0]
    means = [segment[0, 1] for segment in axes.collections[1].get_segments()]
    np.testing.assert_allclose(means, [0.05, 0.25])
    assert texts(axes) == ["2", "2"]
    assert [text.get_position()[0] for text in axes.texts] == [0, 2]


# Correlations


def test_correlation_is_bold_where_its_interval_excludes_zero():
    low = np.array([[-0.1, 0.05], [-0.6, 0.0]])
    high = np.array([[0.3, 0.4], [-0.2, 0.4]])
    values = (low + high) / 2
    figure = effect_figures.correlation_matrix(
        values, low, high, ["a", "b"], ["c", "d"]
    )
    axes = figure.axes[0]
    shown = {text.get_text(): text.get_weight() for text in axes.texts[::2]}
    assert shown == {
        "0.10": "normal",
        "0.23": "bold",
        "\N{MINUS SIGN}0.40": "bold",
        "0.20": "normal",
    }
    assert texts(axes)[1] == "\N{MINUS SIGN}0.10 to 0.30"


def test_correlations_lie_on_a_scale_from_minus_one_to_one():
    values, low, high = correlations()
    figure = effect_figures.correlation_matrix(values, low, high, ATTRIBUTES, MEASURES)
    axes = figure.axes[0]
    cells = axes.collections[0]
    assert cells.get_clim() == (-1, 1)
    np.testing.assert_array_equal(cells.get_array(), values)
    first = axes.texts[0].get_position()
    assert (int(first[0]), int(first[1])) == (0, 0)
    assert axes.get_ylim() == (3, 0)
    rows = [label.get_text() for label in axes.get_yticklabels()]
    assert rows == list(ATTRIBUTES)
    assert "95 % intervals over units" in axes.get_title()


def test_undefined_correlation_is_said_to_be_undefined():
    nan = np.full((1, 1), np.nan)
    figure = effect_figures.correlation_matrix(nan, nan, nan, ["a"], ["b"])
    assert texts(figure.axes[0]) == ["undefined"]


# Scaling


def test_changes_are_in_points_with_their_intervals():
    axes = scaling_figure(*PANEL, title="conv5").axes[0]
    lines = labelled(axes)
    bars = [c.get_segments() for c in axes.collections[1:]]
    for (name, parts), ends in zip(CHANGES.items(), bars, strict=True):
        np.testing.assert_allclose(lines[name].get_ydata(), 100 * parts[0])
        np.testing.assert_allclose(
            np.stack(ends)[:, :, 1], 100 * np.stack(parts[1:], axis=1)
        )
        # Beside the factor, and nearer to it than to any other.
        np.testing.assert_allclose(lines[name].get_xdata(), FACTORS, rtol=0.05)
    band = axes.collections[0].get_paths()[0].vertices
    assert (band[:, 1].min(), band[:, 1].max()) == (-1, 2)
    assert axes.get_ylabel() == "change of accuracy (points)"


def test_a_single_line_stands_at_the_factors():
    change = {"own class": CHANGES["own class"]}
    axes = scaling_figure(FACTORS, change, CONTROL, title="t").axes[0]
    np.testing.assert_array_equal(labelled(axes)["own class"].get_xdata(), FACTORS)


def test_factors_are_written_as_fractions():
    for axes in REALISTIC["scaling panels"]().axes:
        ticks = [label.get_text() for label in axes.get_xticklabels()]
        assert ticks == ["1/4", "1/3", "1/2", "1", "2", "3", "4"]


@pytest.mark.parametrize(
    ("factor", "name"),
    [(1.5, "3/2"), (np.float32(1 / 3), "1/3"), (1 / 16, "1/16"), (8.1, "8.1")],
)
def test_fraction_is_written_where_it_is_one(factor, name):
    factors = np.array([factor])
    figure = scaling_figure(
        factors, {"a": (factors,) * 3}, (factors, factors), title="t"
    )
    assert [t.get_text() for t in figure.axes[0].get_xticklabels()] == [name]


def test_no_change_is_not_blown_up():
    low, high = HOSTILE["no effect"]().axes[0].get_ylim()
    assert low < -0.1 and high > 0.1


def test_order_of_factors_does_not_matter():
    back = [np.array(part[::-1]) for part in (FACTORS, *CHANGES["own class"])]
    figure = scaling_figure(back[0], {"a": tuple(back[1:])}, CONTROL, title="t")
    x, y = labelled(figure.axes[0])["a"].get_data()
    np.testing.assert_array_equal(x, FACTORS)
    np.testing.assert_allclose(y, 100 * CHANGES["own class"][0])


def test_factor_zero_is_refused():
    with pytest.raises(BadInput, match=r"`factors` has 0\.0"):
        scaling_figure(ZEROS, CHANGES, CONTROL, title="t")


def test_panels_share_the_axis_and_the_colours():
    few = {"all classes": CHANGES["all classes"]}
    panels = {"outputs": PANEL, "weights": (FACTORS, few, CONTROL)}
    figure = comparisons.scaling_panels(panels)
    left, right = figure.axes
    assert left.get_ylim() == right.get_ylim()
    colours = [labelled(axes)["all classes"].get_color() for axes in (left, right)]
    assert colours[0] == colours[1] != labelled(left)["own class"].get_color()
    assert legend_texts(figure) == ["range of random units", "own class", "all classes"]


# Random orders


def test_area_of_straight_curves_is_their_mean_height():
    fractions = np.array([0.0, 0.5, 1.0])
    falling = np.array([[1.0, 0.5, 0.0], [0.8, 0.8, 0.8]])
    figure = comparisons.cumulative_figure(fractions, {"plain": falling}, 0.1)
    assert legend_texts(figure) == ["plain (area 0.650)", "chance"]


def test_curve_is_the_mean_inside_the_range():
    fractions, top1 = curves()
    axes = comparisons.cumulative_figure(fractions, top1, 0.1).axes[0]
    assert len(axes.lines) == len(top1) + 1
    for values, line, band in zip(
        top1.values(), axes.lines, axes.collections, strict=False
    ):
        np.testing.assert_allclose(line.get_xdata(), 100 * fractions)
        np.testing.assert_allclose(line.get_ydata(), 100 * values.mean(0))
        heights = band.get_paths()[0].vertices[:, 1]
        np.testing.assert_allclose(heights.max(), 100 * values.max())
    np.testing.assert_allclose(labelled(axes)["chance"].get_ydata(), 10)


# Regimes


def test_every_training_is_a_dot_and_every_mean_a_tick():
    values = trainings()
    figure = comparisons.regime_figure(values, title="AlexNet")
    assert [axes.get_title() for axes in figure.axes] == list(values)
    for axes, by_regime in zip(figure.axes, values.values(), strict=True):
        ticks, dots_of_rows = axes.collections[::2], axes.collections[1::2]
        parts = zip(by_regime.values(), ticks, dots_of_rows, strict=True)
        for row, (expected, tick, dots) in enumerate(parts):
            np.testing.assert_allclose(
                dots.get_offsets(), np.stack([expected, np.full(5, row)], 1)
            )
            np.testing.assert_allclose(tick.get_segments()[0][:, 0], expected.mean())


def test_panels_stand_at_most_four_in_a_row():
    figure = comparisons.regime_figure(trainings(6), title="AlexNet")
    columns = [axes.get_subplotspec().colspan.start for axes in figure.axes]
    assert columns == [0, 1, 2, 3, 0, 1]


def test_regimes_keep_their_row_in_all_panels():
    values = {
        "a": {"plain": np.zeros(2), "dropout": np.ones(2)},
        "b": {"dropout": np.ones(2), "plain": np.zeros(2)},
        "c": {"dropout": np.ones(3)},
    }
    figure = comparisons.regime_figure(values, title="t")
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert names == ["plain", "dropout"]
    rows = [
        {tuple(dots) for part in axes.collections[1::2] for dots in part.get_offsets()}
        for axes in figure.axes
    ]
    assert rows == [{(0, 0), (1, 1)}, {(0, 0), (1, 1)}, {(1, 1)}]
    low, high = sorted(figure.axes[0].get_ylim())
    assert low < 0 and high > 1
