"""The report page in a browser: what its reader sees and does."""

import re
from pathlib import Path

import numpy as np
import pytest
from made_up import CATEGORIES
from page_in_browser import (
    AS_LISTED,
    CARDS,
    COLOURS,
    HEADLINE,
    IMAGES,
    UNITS,
    colour,
    focused,
    launched,
    numbers,
    opened,
    place,
    shown,
    visits,
    write_page,
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    return write_page(tmp_path_factory.mktemp("page") / "report.html")


@pytest.fixture(scope="module")
def browser():
    with launched() as browser:
        yield browser


@pytest.fixture
def visit(browser, address):
    with visits(browser, address) as visit:
        yield visit


ORDERS = {
    "chance": place,
    "iou": lambda card: (-card.iou, card.unit),
    "unit": lambda card: card.unit,
    "label": lambda card: (not card.label, card.label, -card.iou),
    "category": lambda card: (
        CATEGORIES.index(card.category) if card.label else len(CATEGORIES),
        -card.iou,
    ),
    "significance": lambda card: (
        card.best.q if card.label else 2,
        (card.best.chance or 0) - card.iou,
    ),
}


@pytest.mark.parametrize("order", ORDERS)
def test_units_are_sorted(visit, order):
    page = visit()
    page.select_option("#sort", order)
    assert shown(page) == numbers(sorted(CARDS, key=ORDERS[order]))


def test_chips_add_up(visit):
    page = visit()
    page.click(".chip:has-text('part')")
    page.click(".chip:has-text('colour')")
    wanted = [card for card in AS_LISTED if card.category in ("part", "colour")]
    assert shown(page) == numbers(wanted) and wanted
    assert page.inner_text("#count") == f"{len(wanted)} of {UNITS} units"


def test_search_finds_concepts_and_units_or_says_that_there_is_none(visit):
    page = visit()
    page.fill("#search", "LEG &")
    assert shown(page) == numbers(c for c in AS_LISTED if c.label == "leg & arm")
    page.fill("#search", "unit 7")
    assert shown(page) == [7]
    page.fill("#search", "unicorn")
    assert shown(page) == []
    page.click("#nothing button")
    assert len(shown(page)) == UNITS


def test_only_significant_units_remain(visit):
    page = visit()
    page.check("#significant")
    wanted = [card for card in AS_LISTED if card.best.is_significant]
    assert shown(page) == numbers(wanted) and 0 < len(wanted) < UNITS
    page.check("#detectors")
    assert len(shown(page)) == HEADLINE.significant_detectors < len(wanted)


@pytest.mark.parametrize("by", ["mouse", "keyboard"])
def test_bar_shows_the_detectors_of_its_concept_and_then_all(visit, by):
    page = visit()
    bar = page.locator(".bar").first
    choose = bar.click if by == "mouse" else lambda: bar.press("Enter")
    choose()
    label = bar.get_attribute("data-label")
    wanted = [card for card in AS_LISTED if card.label == label and card.is_detector]
    assert shown(page) == numbers(wanted) and wanted
    choose()
    assert len(shown(page)) == UNITS


def test_address_keeps_the_view(visit):
    page = visit()
    page.select_option("#sort", "label")
    page.check("#significant")
    page.click(".chip:has-text('object')")
    page.click(".card:visible")
    kept, view, unit = page.url, shown(page), opened(page)
    assert f"#unit-{unit}&" in kept
    page = visit("#" + kept.split("#")[1])
    assert (shown(page), opened(page)) == (view, unit)


def test_page_in_a_frame_of_a_notebook_works(visit, address):
    page, file = visit(), Path(address.removeprefix("file://"))
    page.set_content("<iframe id='frame' width=900 height=600></iframe>")
    page.evaluate("text => { frame.srcdoc = text }", file.read_text(encoding="utf-8"))
    inside = page.frame_locator("#frame")
    inside.locator("#search").fill("unit 7")
    assert inside.locator("#count").inner_text() == f"1 of {UNITS} units"
    inside.locator("#unit-7 h3 a").press("Enter")
    page.keyboard.press("Escape")
    assert inside.locator("a:focus").get_attribute("href") == "#unit-7"


def test_click_opens_a_unit_with_all_that_is_known_of_it(visit):
    page = visit()
    page.click("#unit-7 .strip")
    card = CARDS[7]
    assert opened(page) == 7 and page.url.endswith("#unit-7")
    rows = page.locator("#ranking tbody tr").all_inner_texts()
    assert [re.sub(r"\s+", " ", row).strip() for row in rows] == [
        f"{m.label} {m.category} {m.iou:.3f} {m.chance:.3f} "
        + ("< 0.001" if m.q < 0.001 else f"{m.q:.3f}")
        for m in card.ranking
    ]
    assert "on at 0.7 % of the positions" in page.inner_text("#tail-mass")
    assert f"interval {card.low:.3f}" in page.inner_text("#verdict")


def test_histogram_is_cut_at_the_threshold(visit):
    page = visit("#unit-7")
    line = float(page.locator("#activity line.threshold").get_attribute("x1"))
    boxes = page.locator("#activity rect").evaluate_all(
        "nodes => nodes.map((n) => [n.className.baseVal, "
        "...['x', 'width', 'height'].map((a) => Number(n.getAttribute(a)))])"
    )
    for side, x, width, _ in boxes:
        assert width == 0 or (x + width <= line + 0.01 if side == "off" else x >= line)
    heights = [height for side, *_, height in boxes if side == "on"]
    logs = np.log1p(CARDS[7].counts)
    np.testing.assert_allclose(np.divide(heights, max(heights)), logs / logs.max())


def test_keys_lead_from_the_search_to_a_unit_and_through_its_neighbours(visit):
    page = visit("#category=object")
    order = shown(page)
    page.focus("#search")
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowRight")
    assert focused(page) == f"unit-{order[1]}"
    page.keyboard.press("Enter")
    assert opened(page) == order[1]
    for key, at in zip(["Right"] * 2 + ["Left"] * 4, [2, 3, 2, 1, 0, 0], strict=True):
        page.keyboard.press(f"Arrow{key}")
        assert opened(page) == order[at]
    page.keyboard.press("Escape")
    assert opened(page) is None and focused(page) == f"unit-{order[0]}"
    assert page.url.endswith("#category=object")


def test_tab_reaches_one_card_and_its_ring_is_seen(visit):
    page = visit()
    page.focus(".chip:has-text('colour')")
    page.keyboard.press("Tab")
    assert focused(page) == f"unit-{AS_LISTED[0].unit}"
    outline = "node => getComputedStyle(node).outlineStyle"
    assert page.locator(".card").first.evaluate(outline) == "solid"
    page.keyboard.press("End")
    assert focused(page) == f"unit-{AS_LISTED[-1].unit}"
    assert page.locator(".card a[tabindex='0']").count() == 1


def test_arrows_up_and_down_move_by_rows(visit):
    page = visit(viewport={"width": 1280, "height": 900})
    page.focus("#search")
    for key, at in [("Enter", 0), ("ArrowDown", 2), ("ArrowRight", 3), ("ArrowUp", 1)]:
        page.keyboard.press(key)
        assert focused(page) == f"unit-{AS_LISTED[at].unit}"


def test_address_of_a_unit_opens_it_with_its_pictures(visit):
    page = visit("#unit-5")
    assert opened(page) == 5
    for i in (0, 3, IMAGES - 1):
        tile = page.locator("#tiles img").nth(i)
        assert np.abs(colour(tile) - COLOURS[i]).max() < 10
    page.mouse.click(2, 2)
    assert opened(page) is None
    # The browser gives the focus back a moment after it has closed the dialog.
    page.wait_for_function("document.activeElement.closest('.card')?.id === 'unit-5'")


def test_dead_unit_opens(visit):
    page = visit("#unit-0")
    assert "no label" in page.inner_text("#detail-title")
    assert page.locator("#ranking tbody tr").count() == 0


@pytest.mark.parametrize("script", [True, False])
def test_cards_show_every_image_even_without_a_script(visit, script):
    page = visit(java_script_enabled=script)
    for i in (0, 4, IMAGES - 1):
        tile = page.locator(".card").first.locator(".strip li").nth(i)
        assert np.abs(colour(tile) - COLOURS[i]).max() < 10


def test_phone_needs_no_sideways_scrolling(visit):
    page = visit("#unit-5", viewport={"width": 360, "height": 740})
    for part in ("document.documentElement", "document.getElementById('detail')"):
        width = page.evaluate(f"{part}.scrollWidth - {part}.clientWidth")
        assert width == 0
    page.click("#close")
    assert page.locator(".card").first.bounding_box()["width"] > 300


@pytest.mark.parametrize(("scheme", "is_dark"), [("light", False), ("dark", True)])
def test_page_is_as_dark_as_asked(visit, scheme, is_dark):
    page = visit("#unit-5", color_scheme=scheme)
    for part in ("body", "#detail"):
        style = f"getComputedStyle(document.querySelector('{part}'))"
        paper, ink = (
            np.mean([int(n) for n in re.findall(r"\d+", page.evaluate(code))[:3]])
            for code in (f"{style}.backgroundColor", f"{style}.color")
        )
        assert (paper < ink) == is_dark and abs(paper - ink) > 150


@pytest.mark.parametrize(("wish", "name"), [("reduce", "none"), (None, "rise")])
def test_nothing_moves_where_that_is_not_wanted(visit, wish, name):
    page = visit("#unit-5", reduced_motion=wish)
    style = "getComputedStyle(document.getElementById('detail')).animationName"
    assert page.evaluate(style) == name
