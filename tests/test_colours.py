"""Colour names: agreement with people's, and as a layer of any source."""

import colorsys
from pathlib import Path

import matplotlib.colors
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdissect.data import colours
from jaxdissect.data import scene_rendering as scenes
from jaxdissect.data.concepts import Concept, ConceptSource, Labelled
from jaxdissect.errors import BadInput


def name_of(rgb):
    pixel = np.array(rgb, np.uint8).reshape(1, 1, 1, 3)
    return colours.NAMES[colours.colour_labels(pixel)[0, 0, 0] - 1]


def lab(rgb):
    """CIELAB of one sRGB colour, from the standards' formulas, digit by digit."""
    linear = []
    for value in rgb:
        c = value / 255
        linear.append(c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4)
    r, g, b = linear
    f = []
    for ratio in (
        (0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505,
        (0.2126 * r + 0.7152 * g + 0.0722 * b) / 1.0,
        (0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.089,
    ):
        if ratio > 216 / 24389:
            f.append(ratio ** (1 / 3))
        else:
            f.append((24389 / 27 * ratio + 16) / 116)
    return 116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])


def distance(a, b):
    return sum((x - y) ** 2 for x, y in zip(lab(a), lab(b), strict=True)) ** 0.5


@settings(deadline=None, max_examples=200)
@given(rgb=st.tuples(*[st.integers(0, 255)] * 3))
def test_the_nearest_prototype_names_a_colour(rgb):
    middle = [value // 8 * 8 + 4 for value in rgb]
    nearest = {
        name: min(distance(middle, prototype) for prototype in prototypes)
        for name, prototypes in colours.PROTOTYPES.items()
    }
    assert nearest[name_of(rgb)] <= min(nearest.values()) + 1e-6


def test_prototypes_have_their_own_names():
    for name, prototypes in colours.PROTOTYPES.items():
        assert {name_of(rgb) for rgb in prototypes} == {name}


def test_there_are_eleven_names_in_the_order_of_the_labels():
    assert colours.NAMES == (
        "black", "blue", "brown", "grey", "green", "orange", "pink", "purple", "red",
        "white", "yellow",
    )  # fmt: skip
    levels = np.arange(0, 256, 3, np.uint8)
    cube = np.stack(np.meshgrid(levels, levels, levels), -1)
    assert np.unique(colours.colour_labels(cube)).tolist() == list(range(1, 12))


@pytest.mark.parametrize("value", range(0, 256, 5))
def test_greys_have_no_hue(value):
    assert name_of((value, value, value)) in ("black", "grey", "white")


@pytest.mark.parametrize(
    ("degrees", "name"),
    [(0, "red"), (30, "orange"), (58, "yellow"), (120, "green"), (220, "blue"),
     (240, "blue"), (275, "purple"), (325, "pink")],
)  # fmt: skip
def test_vivid_hues_have_their_names(degrees, name):
    rgb = colorsys.hsv_to_rgb(degrees / 360, 1.0, 1.0)
    assert name_of([round(255 * value) for value in rgb]) == name


def agreement(table, names):
    """How many of the colours whose name ends in a basic one have it, of how many."""
    right = total = 0
    for full, code in table.items():
        *_, last = names(full.replace("gray", "grey"))
        if last in colours.NAMES:
            rgb = [round(255 * value) for value in matplotlib.colors.to_rgb(code)]
            right, total = right + (name_of(rgb) == last), total + 1
    return right, total


def ending(name):
    return [basic for basic in colours.NAMES if name.endswith(basic)] or [""]


def test_people_agree():
    # The numbers are those of docs/concepts.md.
    xkcd = agreement(matplotlib.colors.XKCD_COLORS, lambda name: name[5:].split())
    css = agreement(matplotlib.colors.CSS4_COLORS, ending)
    assert (xkcd, css) == ((496, 558), (63, 77))
    text = (Path(__file__).parents[1] / "docs" / "concepts.md").read_text()
    assert "496 of 558" in text and "63 of 77" in text


def scenes_source(num):
    def load(indices, *, size, stride):
        drawn = scenes.render(3, indices.tolist(), size=size)
        middle = slice(stride // 2, None, stride)
        return Labelled(drawn.images, drawn.labels[:, middle, middle, :2])

    return ConceptSource(
        load, ["a"] * num, np.zeros(num, int), scenes.CONCEPTS[:117],
        ("object", "part"), f"{num} scenes", "7f",
    )  # fmt: skip


def test_a_source_gets_a_category_and_a_layer_of_colours():
    plain = scenes_source(3)
    coloured = colours.with_colours(plain)
    assert coloured.categories == ("object", "part", "colour")
    assert coloured.concepts[:117] == plain.concepts
    assert coloured.concepts[117:] == tuple(Concept(n, "colour") for n in colours.NAMES)
    indices = np.array([2, 0])
    before, after = (s.load(indices, size=64, stride=4) for s in (plain, coloured))
    np.testing.assert_array_equal(after.images, before.images)
    np.testing.assert_array_equal(after.labels[..., :2], before.labels)
    for y, x in [(0, 0), (7, 11), (15, 15)]:
        for b in range(2):
            name = name_of(before.images[b, 4 * y + 2, 4 * x + 2])
            assert coloured.concepts[after.labels[b, y, x, 2] - 1].name == name
    assert coloured.what == "3 scenes, with colours"
    assert coloured.digest != plain.digest
    assert coloured.captions is plain.captions and coloured.strata is plain.strata


def test_labels_that_leave_a_byte_get_a_wider_type():
    concepts = tuple(Concept(str(k), "object") for k in range(250))
    source = scenes_source(1)._replace(concepts=concepts)
    labels = colours.with_colours(source).load(np.arange(1), size=32, stride=4).labels
    assert set(np.unique(labels[..., 2])) <= set(range(251, 262))
    assert labels.dtype == np.uint16


@pytest.mark.parametrize("category", ["colour", "color", "Color"])
def test_colours_are_not_added_twice(category):
    source = scenes_source(1)._replace(categories=("object", category))
    with pytest.raises(BadInput, match=f"`source` has a category '{category}' already"):
        colours.with_colours(source)
