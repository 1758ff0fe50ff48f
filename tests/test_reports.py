"""Tables, the report page and figures, on made-up dissections."""

import base64
import csv
import html
import io
import json
import re
import shutil
import subprocess

import numpy as np
import pytest
from PIL import Image

from jaxdissect.data import scenes
from jaxdissect.dissection import (
    CVPR17,
    PNAS20,
    Dissection,
    Overlap,
    label_units,
    unique_labels,
)
from jaxdissect.reports import (
    cards,
    dissection_report,
    figures,
    histogram,
    pictures,
    placement,
    tables,
)

CATEGORIES = ("object", "part", "colour")
CONCEPTS = [
    ("tree", "object"),
    ("car", "object"),
    ("roof", "part"),
    ("leg & arm", "part"),
    ("red", "colour"),
]
NASTY = '</script><b title="x">'
DEAD = 2


def dissection(num_units=6):
    """Units with known best concepts; unit 2 is dead, unit 3 is no detector."""
    iou = np.full((num_units, len(CONCEPTS)), 0.01)
    iou[np.arange(num_units), np.arange(num_units) % len(CONCEPTS)] = 0.2
    iou[DEAD] = 0
    iou[3] = [0.01, 0.02, 0.01, 0.03, 0]
    thresholds = np.linspace(0.1, 2, num_units, dtype=np.float32)
    counts = Overlap(
        intersection=np.zeros((num_units, len(CONCEPTS)), np.int64),
        unit=np.arange(num_units),
        concept=np.ones(len(CONCEPTS), np.int64),
        unit_in_category=np.ones((num_units, len(CATEGORIES)), np.int64),
        pixels_in_category=np.full(len(CATEGORIES), 100),
        pixels=np.array(1000),
    )
    return Dissection(thresholds, counts, iou, label_units(iou))


def unit_cards(result, concepts=CONCEPTS, strip="data:,"):
    num_units = len(result.iou)
    captions = [["farm", "street"]] * num_units
    return cards.unit_cards(result, concepts, [strip] * num_units, captions)


def page_of(result, concepts=CONCEPTS, protocol=PNAS20, **kwargs):
    return dissection_report.render(
        "Layer conv5",
        {"network": "tiny", "seed": "0"},
        cards.headline(result, concepts, protocol),
        unit_cards(result, concepts, **kwargs),
        CATEGORIES,
        protocol,
    )


def page_data(page):
    pattern = r'<script type="application/json" id="page-data">(.*?)</script>'
    return json.loads(re.search(pattern, page, re.DOTALL)[1])


def card_html(page, unit):
    return re.search(rf'<article[^>]*id="unit-{unit}".*?</article>', page, re.DOTALL)[0]


# Pictures


@pytest.fixture
def strip_parts():
    images = np.random.default_rng(0).integers(40, 256, (3, 20, 20, 3), np.uint8)
    regions = np.zeros((3, 20, 20), bool)
    regions[:, 5:12, 6:15] = True
    strip = pictures.region_strip(images, regions)
    step = 20 + pictures.GAP
    return images, regions, np.stack([strip[:, k * step :][:, :20] for k in range(3)])


def test_strip_keeps_pixels_inside_the_region(strip_parts):
    images, regions, shown = strip_parts
    np.testing.assert_array_equal(shown[regions], images[regions])


def test_strip_outlines_the_region_on_its_outer_side(strip_parts):
    _, regions, shown = strip_parts
    outlined = (shown == pictures.OUTLINE).all(-1)
    assert outlined[0, 4, 6:15].all() and outlined[0, 5:12, 15].all()
    assert outlined.sum() == 3 * 2 * (7 + 9)
    assert not (outlined & regions).any()


def test_strip_darkens_everything_else(strip_parts):
    images, regions, shown = strip_parts
    outside = ~regions & ~(shown == pictures.OUTLINE).all(-1)
    luma = np.array(pictures.LUMA)
    ratio = (shown @ luma)[outside] / (images @ luma)[outside]
    np.testing.assert_allclose(ratio, pictures.BRIGHTNESS, atol=0.02)


def test_data_uri_is_a_jpeg_of_the_picture():
    picture = np.full((10, 30, 3), (200, 40, 90), np.uint8)
    kind, data = pictures.data_uri(picture).split(",")
    decoded = Image.open(io.BytesIO(base64.b64decode(data)))
    assert kind == "data:image/jpeg;base64"
    assert decoded.format == "JPEG" and decoded.size == (30, 10)
    assert np.abs(np.asarray(decoded).astype(int) - picture).max() < 6


# Tables


def test_csv_gives_back_the_table(tmp_path):
    columns, rows = tables.units_table(dissection(), [(NASTY, "object"), *CONCEPTS[1:]])
    tables.write_csv(tmp_path / "units.csv", columns, rows)
    with (tmp_path / "units.csv").open(newline="") as file:
        read = list(csv.reader(file))
    assert read == [columns, *[[str(cell) for cell in row] for row in rows]]
    assert [float(row[3]) for row in read[1:]] == dissection().detectors.iou.tolist()
    assert np.array_equal(
        np.array([row[5] for row in read[1:]], np.float32), dissection().thresholds
    )


def test_table_names_the_best_concept_overall_and_in_every_category():
    columns, rows = tables.units_table(dissection(), CONCEPTS)
    row = dict(zip(columns, rows[1], strict=True))
    assert columns[7:] == [f"{c}_{k}" for c in CATEGORIES for k in ("label", "iou")]
    assert (row["unit"], row["label"], row["category"]) == (1, "car", "object")
    assert row["is_detector"] is True and row["tail_mass"] == 0.001
    assert (row["part_label"], row["part_iou"]) == ("roof", 0.01)


def test_dead_unit_has_empty_names_in_the_table():
    columns, rows = tables.units_table(dissection(), CONCEPTS)
    row = dict(zip(columns, rows[DEAD], strict=True))
    assert {row[name] for name in columns if name.endswith("label")} == {""}
    assert row["category"] == "" and row["iou"] == 0 and row["is_detector"] is False


# Page


def test_every_unit_has_a_card():
    page = page_of(dissection(40))
    found = re.findall(r'<article[^>]*id="unit-(\d+)"', page)
    assert sorted(map(int, found)) == list(range(40))


def test_cards_are_in_order_of_iou_without_a_script():
    page = page_of(dissection())
    found = re.findall(r'<article[^>]*id="unit-(\d+)"', page)
    assert found == ["0", "1", "4", "5", "3", "2"]


def test_texts_are_escaped():
    concepts = [(NASTY, "object"), *CONCEPTS[1:]]
    page = page_of(dissection(), concepts)
    assert NASTY not in page and "<b title" not in page
    assert html.escape(NASTY).replace("&quot;", "&#34;") in card_html(page, 0)
    assert page_data(page)["units"][0]["label"] == NASTY


def test_data_of_the_page_are_those_of_the_cards():
    result = dissection()
    units = page_data(page_of(result))["units"]
    assert [unit["iou"] for unit in units] == result.detectors.iou.tolist()
    assert units[0]["label"] == "tree" and units[0]["runners_up"][0]["label"] == "car"


def test_page_refers_to_nothing_outside_itself():
    page = page_of(dissection())
    assert not re.search(r"https?:|//[a-z]+\.|@import|<link", page)
    assert set(re.findall(r'src="([^"]*)"', page)) == {"data:,"}


def test_dead_unit_has_no_label():
    card = card_html(page_of(dissection()), DEAD)
    assert "no label" in card and "not a detector" in card


def test_unit_below_the_rule_is_no_detector():
    page = page_of(dissection())
    assert "not a detector" in card_html(page, 3)
    assert "not a detector" not in card_html(page, 1)


def test_headline_counts_what_the_dissection_found():
    result = dissection()
    found = cards.headline(result, CONCEPTS, PNAS20)
    assert found[:4] == (4, 6, unique_labels(result.detectors), 3)
    assert (found.best_iou, found.median_iou) == (0.2, 0.2)


def test_page_explains_the_protocol_it_was_given():
    page = re.sub(r"\s+", " ", page_of(dissection(), protocol=CVPR17))
    assert "top 0.5 % of its values" in page and "own maps" in page
    assert "counted over the images that carry any label" in page
    assert "is at least 0.04" in page


def test_layer_without_detectors_makes_a_page():
    result = dissection()
    silent = result._replace(iou=0 * result.iou, detectors=label_units(0 * result.iou))
    assert "No unit of this layer is a detector" in page_of(silent)


def test_page_of_512_units_stays_below_30_megabytes():
    images = scenes.render(0, range(6)).images
    regions = np.zeros((6, 112, 112), bool)
    regions[:, 40:60, 40:60] = True
    strip = pictures.data_uri(pictures.region_strip(images, regions))
    assert len(page_of(dissection(512), strip=strip)) < 30e6


def test_bars_are_grouped_by_category_and_count_detectors_only():
    bars = histogram.histogram(unit_cards(dissection(11)), CATEGORIES).bars
    assert [(bar.label, bar.units) for bar in bars] == [
        ("tree", (0, 5, 10)),
        ("car", (1, 6)),
        ("leg & arm", (8,)),
        ("roof", (7,)),
        ("red", (4, 9)),
    ]
    assert bars[0].height == histogram.PLOT_HEIGHT


# Figures


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
    figures.save(
        figures.removal_curves(COUNTS, *curves(), "a", 0.9), tmp_path / "a.png"
    )
    assert Image.open(tmp_path / "a.png").size == (1050, 675)


# The script, in a browser


@pytest.fixture
def opened(tmp_path):
    """Opens the page at an address fragment and gives the DOM the script made."""
    if not shutil.which("chromium"):
        pytest.skip("chromium is not installed; the page's script needs a browser")
    file = tmp_path / "report.html"
    file.write_text(page_of(dissection()), encoding="utf-8")
    switches = (
        "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
        "--disable-background-networking --disable-component-update --disable-sync"
    )

    def dom(fragment):
        command = [
            "chromium",
            *switches.split(),
            f"--user-data-dir={tmp_path / 'profile'}",
            "--dump-dom",
            f"{file.as_uri()}#{fragment}",
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        return done.stdout

    return dom


def count(dom):
    return re.search(r'<output id="count"[^>]*>(.*?)</output>', dom)[1]


def test_script_sorts_and_counts(opened):
    dom = opened("sort=unit")
    assert count(dom) == "6 of 6 units"
    assert re.findall(r'<article[^>]*id="unit-(\d)"', dom) == list("012345")


def test_script_filters_by_concept_and_text(opened):
    dom = opened('concept=["tree","object"]&find=unit 5')
    assert count(dom) == "1 of 6 units"
    hidden = re.findall(r'<article[^>]*id="unit-(\d)"[^>]*hidden', dom)
    assert sorted(hidden) == list("01234")
