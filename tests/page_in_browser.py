"""A made-up report page, opened in a browser: what the tests of its script share."""

import io
import shutil
from contextlib import contextmanager

import numpy as np
import pytest
from made_up import CATEGORIES, CONCEPTS
from PIL import Image

from jaxdissect import dissection
from jaxdissect.dissection import PNAS20, Dissection, Overlap, label_units
from jaxdissect.dissection.certainty import Certainty
from jaxdissect.dissection.findings import Activity
from jaxdissect.experiments.dissect import cards
from jaxdissect.experiments.dissect import page as dissection_report
from jaxdissect.pages import pictures
from jaxdissect.pages.tables import Table

UNITS, IMAGES = 24, 10
COLOURS = np.random.default_rng(3).integers(0, 256, (IMAGES, 3), np.uint8)
SWITCHES = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync "
    "--disable-background-networking --disable-component-update"
)


def made_up_cards():
    """Units with random IoU, the first of them dead, and coloured pictures."""
    rng = np.random.default_rng(0)
    iou = rng.gamma(0.5, 0.04, (UNITS, len(CONCEPTS))).round(4)
    iou[0] = 0
    overlap = Overlap(*[np.zeros(1, np.int64)] * 5, pixels=np.array(10_000))
    overlap = overlap._replace(unit=np.arange(UNITS) * 10)
    thresholds = np.linspace(0.5, 3, UNITS, dtype=np.float32)
    result = Dissection(thresholds, overlap, iou, label_units(iou))
    chance, q_values = rng.uniform(0, 0.03, iou.shape), rng.uniform(0, 0.1, iou.shape)
    best = result.detectors.iou
    edges = thresholds[:, None] * np.linspace(0, 2, 9, dtype=np.float32)
    images = np.broadcast_to(COLOURS[:, None, None], (IMAGES, 32, 32, 3))
    strip = pictures.region_strip(images, np.ones(images.shape[:3], bool))
    q_values = q_values.round(2)
    known = Certainty(0.9 * best, 1.1 * best, chance, q_values / 2, q_values)
    found = cards.unit_cards(
        result,
        CONCEPTS,
        [pictures.data_uri(strip)] * UNITS,
        [[f"class {i}" for i in range(IMAGES)]] * UNITS,
        certainty=known,
        activity=Activity(edges, rng.integers(0, 10**5, (UNITS, 8))),
    )
    return found, dissection.headline(result, CONCEPTS, PNAS20, certainty=known)


CARDS, HEADLINE = made_up_cards()


def place(card):
    """Detectors beyond chance come first."""
    beyond = card.is_detector and card.best.is_significant
    return not beyond, -card.iou, card.unit


AS_LISTED = sorted(CARDS, key=place)


def write_page(file):
    """Write the page; with long words and a wide table, as a phone may meet."""
    wide = Table([f"column {i}" for i in range(30)], [[0.123] * 30])
    facts = {"protocol": "x" * 200}
    page = dissection_report.render(
        "conv5", facts, HEADLINE, CARDS, CATEGORIES, PNAS20, extra=[("Layers", wide)]
    )
    file.write_text(page, encoding="utf-8")
    return file.as_uri()


@contextmanager
def launched():
    """A browser, or a reason why there is none."""
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="playwright, which drives the browser, is missing"
    )
    if not shutil.which("chromium"):
        pytest.skip("chromium is not installed; the page's script needs a browser")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=shutil.which("chromium"), args=SWITCHES.split()
        )
        yield browser
        browser.close()


@contextmanager
def visits(browser, address):
    """Opens the page at a fragment; nothing may go wrong or ask for another file.

    One window serves all visits without settings, because windows open slowly.
    """
    wrong, asked = [], []
    listeners = {
        "console": lambda message: wrong.append(message.text),
        "pageerror": lambda error: wrong.append(str(error)),
        "request": lambda request: asked.append(request.url.split("#")[0]),
    }
    if not browser.contexts:
        browser.new_context(reduced_motion="reduce").new_page()
    window = browser.contexts[0].pages[0]
    listen(window, listeners)

    def visit(fragment="", **settings):
        page = window
        if settings:
            page = browser.new_context(**settings).new_page()
            listen(page, listeners)
        page.set_default_timeout(10_000)
        page.goto("about:blank")
        page.goto(address + fragment)
        return page

    yield visit
    for name, listener in listeners.items():
        window.remove_listener(name, listener)
    for context in browser.contexts[1:]:
        context.close()
    assert not wrong
    from_outside = {url for url in asked if not url.startswith(("data:", "about:"))}
    assert from_outside == {address}


def listen(page, listeners):
    """Call the listeners at what happens on a page."""
    for name, listener in listeners.items():
        page.on(name, listener)


def shown(page):
    """Numbers of the units on the page, in order."""
    ids = page.locator(".card:visible").evaluate_all("nodes => nodes.map((n) => n.id)")
    return [int(name.removeprefix("unit-")) for name in ids]


def numbers(units):
    return [card.unit for card in units]


def opened(page):
    """The unit in the dialog, or None."""
    if not page.locator("#detail").is_visible():
        return None
    return int(page.locator("#detail-title .unit").inner_text().removeprefix("unit "))


def focused(page):
    return page.evaluate("document.activeElement.closest('.card')?.id")


def colour(locator):
    """Mean colour of the upper half of what an element shows."""
    picture = np.asarray(Image.open(io.BytesIO(locator.screenshot())).convert("RGB"))
    return picture[4 : len(picture) // 2, 4:-4].mean((0, 1))
