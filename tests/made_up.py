"""A made-up dissection, and the page about it, for the tests of reports."""

import json
import re

import numpy as np

from jaxdissect.dissection import PNAS20, Dissection, Overlap, headline, label_units
from jaxdissect.dissection.certainty import Certainty
from jaxdissect.dissection.findings import Activity
from jaxdissect.experiments.dissect import cards
from jaxdissect.experiments.dissect import page as dissection_report

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
DOUBTFUL = 1
"""A detector whose match is not above chance."""


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


def certainty(result):
    """Intervals of a tenth; q is 0.5, and 0.001 (unit + 1) for labels but one."""
    iou, labels = result.detectors.iou, result.detectors.concept
    q_values = np.full(result.iou.shape, 0.5)
    q_values[np.arange(len(iou)), labels] = 0.001 * np.arange(1, len(iou) + 1)
    q_values[DOUBTFUL] = 0.5
    chance = np.linspace(0.02, 0.06, result.iou.size).reshape(result.iou.shape)
    return Certainty(0.9 * iou, 1.1 * iou, chance, q_values / 2, q_values)


def activity(result):
    """Four bins between 0 and twice the threshold."""
    edges = result.thresholds[:, None] * np.linspace(0, 2, 5, dtype=np.float32)
    counts = np.tile(np.array([900, 90, 9, 0]), (len(edges), 1))
    return Activity(edges, counts)


def unit_cards(result, concepts=CONCEPTS, strip="data:,", **measured):
    """Cards of all units, with the same strip and two captions each."""
    num_units = len(result.iou)
    captions = [["farm", "street"]] * num_units
    return cards.unit_cards(result, concepts, [strip] * num_units, captions, **measured)


def page_of(
    result, concepts=CONCEPTS, protocol=PNAS20, extra=(), strip="data:,", **measured
):
    """The whole page; `measured` are certainty and activity."""
    certain = measured.get("certainty")
    return dissection_report.render(
        "Layer conv5",
        {"network": "tiny", "seed": "0"},
        headline(result, concepts, protocol, certainty=certain),
        unit_cards(result, concepts, strip, **measured),
        CATEGORIES,
        protocol,
        extra=extra,
    )


def full_page(result, **kwargs):
    """The page with all there can be measured."""
    measured = {"certainty": certainty(result), "activity": activity(result)}
    return page_of(result, **measured, **kwargs)


def page_data(page):
    """The numbers inside the page."""
    pattern = r'<script type="application/json" id="page-data">(.*?)</script>'
    return json.loads(re.search(pattern, page, re.DOTALL)[1])


def card_html(page, unit):
    """The markup of one card."""
    return re.search(rf'<article[^>]*id="unit-{unit}".*?</article>', page, re.DOTALL)[0]
