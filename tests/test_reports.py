"""The report page on made-up dissections; what its script does: test_browser."""

import html
import re

import numpy as np
import pytest
from made_up import (
    CONCEPTS,
    DEAD,
    DOUBTFUL,
    NASTY,
    card_html,
    certainty,
    dissection,
    full_page,
    page_data,
    page_of,
)

from jaxdissect.data import scene_rendering as scenes
from jaxdissect.dissection import CVPR17, GAN19, label_units
from jaxdissect.pages import pictures
from jaxdissect.pages.tables import Table


def text(markup):
    """What a reader sees, in one line."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", "", markup)).split())


def test_every_unit_has_a_card():
    page = page_of(dissection(40))
    found = re.findall(r'<article[^>]*id="unit-(\d+)"', page)
    assert sorted(map(int, found)) == list(range(40))


def test_cards_are_in_order_of_iou_without_a_script():
    page = page_of(dissection())
    found = re.findall(r'<article[^>]*id="unit-(\d+)"', page)
    assert found == ["0", "1", "4", "5", "3", "2"]


def test_pictures_need_no_script_and_come_after_all_else():
    page = page_of(dissection(40), strip="data:image/jpeg;base64,abc=")
    pattern = r"#unit-(\d+) \.strip { background-image: url\('([^']*)'\); }"
    found = dict(re.findall(pattern, page.split("</script>")[-1]))
    assert found.keys() == {str(unit) for unit in range(40)}
    assert set(found.values()) == {"data:image/jpeg;base64,abc="}
    assert page.count("abc=") == 40


def test_every_image_shows_its_part_of_the_strip():
    card = card_html(page_of(dissection()), 0)
    assert re.findall(r'--at:([^"]*)"', card) == ["0.00%", "100.00%"]
    assert "farm" in card and "street" in card


def test_texts_are_escaped():
    concepts = [(NASTY, "object"), *CONCEPTS[1:]]
    extra = [(NASTY, Table([NASTY], [[NASTY]]))]
    page = page_of(dissection(), concepts, extra=extra, strip=f"data:,{NASTY}</style>")
    assert NASTY not in page and "<b title" not in page
    assert page.count("</style>") == 2 and page.count("</script>") == 2
    assert html.escape(NASTY).replace("&quot;", "&#34;") in card_html(page, 0)
    assert page_data(page)["units"][0]["label"] == NASTY


def test_data_of_the_page_are_those_of_the_cards():
    result = dissection()
    units = page_data(page_of(result))["units"]
    assert [unit["iou"] for unit in units] == result.detectors.iou.tolist()
    ranking = units[0]["ranking"]
    assert [match["label"] for match in ranking[:2]] == ["tree", "car"]
    assert units[0]["tail_mass"] == 0 and units[5]["tail_mass"] == 0.005


@pytest.mark.parametrize("make", [page_of, full_page])
def test_page_refers_to_nothing_outside_itself(make):
    page = make(dissection())
    assert not re.search(r"https?:|//[a-z]+\.|@import|<link|src=", page)
    assert set(re.findall(r"url\(([^)]*)\)", page)) == {"'data:,'"}
    assert "default-src 'none'" in page


def test_card_names_the_next_three_concepts():
    shown = text(card_html(page_of(dissection()), 1))
    assert "tree 0.010 roof 0.010 leg & arm 0.010 threshold" in shown
    assert "red" not in shown


def test_dead_unit_has_no_label():
    card = card_html(page_of(dissection()), DEAD)
    assert "no label" in card and "not a detector" in card


def test_unit_below_the_rule_is_no_detector():
    page = page_of(dissection())
    assert "not a detector" in card_html(page, 3)
    assert "not a detector" not in card_html(page, 1)


def test_card_says_how_certain_its_iou_is():
    shown = text(card_html(full_page(dissection()), 0))
    assert "95 % interval 0.180\N{EN DASH}0.220 by chance 0.020 q = 0.001" in shown
    assert "not above chance" not in shown


def test_marks_stand_at_their_iou():
    page = full_page(dissection())
    # The end of the longest interval, 0.22, fills the track.
    assert re.findall(r"(?:left|width):([^;\"]*)", card_html(page, 0)) == [
        *("90.91%", "9.09%", "81.82%", "18.18%", "18.18%")
    ]


def test_match_not_above_chance_is_marked():
    page = full_page(dissection())
    marked = [u for u in range(6) if "not above chance" in card_html(page, u)]
    assert marked == [DOUBTFUL]


def test_small_q_values_are_bounds():
    result = dissection()
    known = certainty(result)
    zero = known._replace(q_values=0 * known.q_values)
    assert "q &lt; 0.001" in card_html(page_of(result, certainty=zero), 0)


def test_page_without_certainty_shows_none_of_it():
    page = page_of(dissection()).split("<script")[0].split("</style>")[1]
    for mark in ("95 % interval", "by chance", "significant only", "false-disc"):
        assert mark not in page
    assert "chance not tested: detectors are by IoU alone" in text(page)


def order_of(page):
    return [int(n) for n in re.findall(r'<article[^>]*id="unit-(\d+)"', page)]


def test_detectors_beyond_chance_come_first_where_others_are_not():
    result = dissection()
    known, one = certainty(result), result.detectors.concept[0]
    assert order_of(page_of(result, certainty=known))[0] == 0
    # The unit of the highest IoU is no more than chance now: it comes after the others.
    q_values = known.q_values.copy()
    q_values[0, one] = 0.9
    page = page_of(result, certainty=known._replace(q_values=q_values))
    iou = result.detectors.iou
    above = tally_of(result, known._replace(q_values=q_values))
    expected = sorted(range(len(iou)), key=lambda u: (u not in above, -iou[u], u))
    assert order_of(page) == expected and expected[0] != 0
    assert 'firstOrder = "chance"' in page


def tally_of(result, known):
    q = np.take_along_axis(
        known.q_values, np.maximum(result.detectors.concept, 0)[:, None], 1
    )[:, 0]
    return set(np.flatnonzero(result.detectors.is_detector & (q <= 0.05)).tolist())


def test_headline_tells_what_is_above_chance():
    found = re.findall(r"<div><strong>.*?</div>", full_page(dissection()))
    assert text(found[1]) == (
        "3 above chance of the detectors match their label beyond chance: 2 labels, "
        "q ≤ 0.05"
    )


def test_extra_tables_follow_the_chart():
    table = Table(["layer", "IoU", "same"], [["conv1", 0.12345, True], ["a&b", 7, 0.0]])
    page = page_of(dissection(), extra=[("Detectors per layer", table)])
    found = re.search(r"<table>.*?</table>", page, re.DOTALL)[0]
    assert [text(row) for row in re.findall(r"<tr>.*?</tr>", found)] == [
        "layerIoUsame",
        "conv10.123yes",
        "a&b70",
    ]
    assert page.index('id="readout"') < page.index("Detectors per layer")
    assert page.index("Detectors per layer") < page.index('id="cards"')


def notes(**kwargs):
    page = page_of(dissection(), **kwargs)
    return text(page.split("How to read this page")[1].split("<script")[0])


def test_page_explains_the_protocol_it_was_given():
    said = notes(protocol=CVPR17)
    assert "top 0.5 % of its values" in said and "own maps" in said
    assert "counted over the images that carry any label" in said
    assert "is at least 0.04" in said


def test_page_explains_thresholds_by_information():
    said = notes(protocol=GAN19)
    assert "information quality ratio (mutual information" in said
    assert "information quality ratio is above 0.01" in said
    assert "% of its values" not in said


def test_page_explains_chance_where_it_was_measured():
    said = notes(certainty=certainty(dissection()))
    assert "false-discovery rate" in said and "bootstrap" in said


def test_layer_without_detectors_makes_a_page():
    result = dissection()
    silent = result._replace(iou=0 * result.iou, detectors=label_units(0 * result.iou))
    assert "No unit of this layer is a detector" in full_page(silent)


def test_page_of_512_units_with_ten_images_stays_below_30_megabytes():
    images = scenes.render(0, range(10), size=224).images
    regions = np.zeros((10, 224, 224), bool)
    regions[:, 80:130, 80:130] = True
    strip = pictures.data_uri(pictures.region_strip(images, regions))
    assert len(page_of(dissection(512), strip=strip)) < 30e6
