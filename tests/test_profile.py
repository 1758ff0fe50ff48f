"""Layers side by side, presets side by side."""

import numpy as np
import pytest

from jaxdissect import dissection
from jaxdissect.dissection import Dissection, label_units
from jaxdissect.experiments.dissect import figures, tables
from jaxdissect.pages.tables import Table

CONCEPTS = [("car", "object"), ("wheel", "part"), ("red", "colour")]
CATEGORIES = ("object", "part", "colour")


def labelled(*best):
    """A layer whose units match these concepts at an IoU of .1, or none (-1)."""
    iou = np.zeros((len(best), len(CONCEPTS)))
    for unit, concept in enumerate(best):
        if concept >= 0:
            iou[unit, concept] = 0.1
    return Dissection(np.ones(len(best)), None, iou, label_units(iou))


LAYERS = {"conv1": labelled(2, 2, -1), "conv2": labelled(0, 1, 2, 0)}


def table(**more):
    protocol = dissection.PNAS20
    return tables.profile_table(LAYERS, CONCEPTS, CATEGORIES, protocol, **more)


def sure(result, q_values):
    nothing = np.zeros_like(result.iou)
    q = np.broadcast_to(np.array(q_values)[:, None], nothing.shape)
    return dissection.Certainty(nothing[:, 0], nothing[:, 0], nothing, q, q)


CERTAINTIES = {
    "conv1": sure(LAYERS["conv1"], [0.2, 0.3, 0.0]),
    "conv2": sure(LAYERS["conv2"], [0.01, 0.9, 0.05, 0.9]),
}


def test_every_layer_and_the_score_say_what_is_beyond_chance():
    columns = ["detectors", "significant_detectors", "significant_labels"]

    def counts(found):
        places = [found.columns.index(name) for name in columns]
        return [[row[place] for place in places] for row in found.rows]

    tested = counts(table(certainties=CERTAINTIES))
    assert tested == [[2, 0, 0], [4, 2, 2], [6, 2, 2]]
    said = "chance not tested"
    assert counts(table()) == [[2, said, said], [4, said, said], [6, said, said]]
    some = counts(table(certainties={"conv2": CERTAINTIES["conv2"]}))
    assert some == [[2, said, said], [4, 2, 2], [6, said, said]]


def test_presets_and_rotations_say_that_chance_was_not_tested():
    found = {"pnas20": labelled(0, 1, -1, 2)}
    counted = tables.preset_counts(found, CONCEPTS, {"pnas20": dissection.PNAS20})
    place = counted.columns.index("significant_detectors")
    assert [row[place] for row in counted.rows] == ["chance not tested"]
    rotated = tables.untested(Table(["power", "detectors"], [[0.5, 4]]))
    assert rotated.rows == [[0.5, 4, "chance not tested"]]


def test_a_concept_found_in_two_layers_counts_twice_in_the_score():
    rows = {
        row[0]: dict(zip(table().columns, row, strict=True)) for row in table().rows
    }
    assert [rows[name]["unique_labels"] for name in LAYERS] == [1, 3]
    assert rows[tables.SCORE]["unique_labels"] == 4
    assert rows["conv2"]["object_units"] == 2 and rows["conv2"]["object_unique"] == 1
    assert rows["conv1"]["detectors"] == 2 and rows["conv1"]["units"] == 3
    assert rows["conv2"]["relative_unique"] == 3 / 4


@pytest.mark.parametrize(("layers", "share"), [(1, 3 / 4), (2, 4 / 7), (9, 4 / 7)])
def test_relative_unique_is_of_the_last_layers(layers, share):
    assert tables.relative_unique(table(), layers) == pytest.approx(share)


def test_bars_are_as_high_as_the_unique_labels():
    (axes,) = figures.profile_figure(table(), CATEGORIES).axes
    tops = {}
    for bar in axes.patches:
        place = round(bar.get_x() + bar.get_width() / 2)
        tops[place] = max(tops.get(place, 0), bar.get_y() + bar.get_height())
    assert tops == {0: 1, 1: 3}


def test_presets_agree_with_the_first_as_far_as_labels_do():
    found = {"pnas20": labelled(0, 1, -1, 2), "cvpr17": labelled(0, 2, -1, 1)}
    presets = {"pnas20": dissection.PNAS20, "cvpr17": dissection.CVPR17}
    rows = tables.preset_counts(found, CONCEPTS, presets).rows
    assert [row[-1] for row in rows] == [1, 0.5]
    labels = tables.preset_labels(found, CONCEPTS)
    assert labels.rows[1] == [1, "wheel", 0.1, True, "red", 0.1, True]
    assert labels.rows[2][1] == ""
