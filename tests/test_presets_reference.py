"""Every preset of the library equals the loops of its published conventions.

The maps are multiples of 1/64 and the interpolation's weights of 1/16, so float32
computes without rounding: thresholds and counts must be equal, ties included.
"""

import functools

import numpy as np
import pytest
from reference import presets as reference

from jaxdissect import dissection
from jaxdissect.dissection.certainty import count_images
from jaxdissect.dissection.pipeline import judge
from jaxdissect.errors import BadInput
from jaxdissect.streaming import accumulate, total
from jaxdissect.upsampling import Centres

PRESETS = {
    "pnas20": dissection.PNAS20,
    "cvpr17": dissection.CVPR17,
    "lite": dissection.LITE,
    "gan19": dissection.GAN19,
}
CATEGORIES = [0, 1, 0, 2, 3, 4]
IMAGE, CELLS = 48, 6
OFFSET, STEP = 2.0, 8.0  # tiles would begin at 3.5


def make_data(seed, stride, images):
    """Maps that follow concepts, or none, and labels in three overlapping layers."""
    rng = np.random.default_rng(seed)
    labels = np.zeros((images, IMAGE, IMAGE, 3), np.int32)
    for n in range(images):
        for layer, c in ((0, 0), (0, 2), (1, 1), (2, 0), (1, 3)):
            # Category 1 is on few images, 2 on fewer, 3 (concept 4) on none.
            if (c == 1 and n % 3 == 0) or (c == 3 and n % 4) or rng.random() < 0.7:
                continue
            y, x = rng.integers(0, IMAGE - 8, 2)
            height, width = rng.integers(6, 15, 2)
            labels[n, y : y + height, x : x + width, layer] = c + 1
        y, x = 8 * rng.integers(0, 5), 8 * rng.integers(0, 4)
        labels[n, y : y + 16, x : x + 24, 1] = 6  # concept 5, everywhere common
    masks = {c: (labels == c + 1).any(-1) for c in (0, 1, 5)}
    share = {
        c: m.reshape(images, CELLS, 8, CELLS, 8).mean((2, 4)) for c, m in masks.items()
    }
    noise = rng.integers(-64, 65, (6, images, CELLS, CELLS)) / 64
    often = rng.random(noise[0].shape) < np.where(share[5] > 0.5, 0.2, 0.1)
    units = [
        np.maximum(4 * share[0] + noise[0] / 2 - 0.5, 0),  # follows concept 0
        np.maximum(4 * share[1] + noise[1] - 1, 0),  # follows concept 1, less well
        np.maximum(noise[2], 0),  # follows nothing
        np.where(rng.random(noise[3].shape) < 0.002, 1.0, 0.0),  # on too rarely
        np.zeros_like(noise[4]),  # dead
        4 * share[0] + noise[5] / 4 - 6,  # follows concept 0, never positive
        np.where(often, 1 + noise[4] / 2, 0),  # follows concept 5, hardly
    ]
    acts = np.round(np.stack(units, -1) * 64) / 64
    return acts.astype(np.float32), labels[:, ::stride, ::stride]


@functools.cache
def examples(preset):
    stride = 4 if preset == "pnas20" else 2
    return make_data(0, stride, 60), make_data(1, stride, 40)


@functools.cache
def expected(preset):
    data, choosing = examples(preset)
    return reference.dissect(*data, CATEGORIES, OFFSET, STEP, IMAGE, preset, choosing)


@functools.cache
def library(preset):
    """The one call of the library."""
    (acts, labels), (other_acts, other_labels) = examples(preset)
    batches = [
        ({"layer": acts[i : i + 25]}, labels[i : i + 25]) for i in range(0, 60, 25)
    ]
    others = [({"layer": other_acts}, other_labels)]
    protocol = PRESETS[preset]
    result = dissection.dissect(
        lambda: batches,
        CATEGORIES,
        {"layer": Centres.square(OFFSET, STEP)},
        IMAGE,
        num_images=len(acts),
        protocol=protocol,
        **({"choosing": lambda: others} if protocol.level == "iqr" else {}),
    )
    return result["layer"]


@pytest.mark.parametrize("preset", PRESETS)
def test_thresholds_and_counts_equal_the_reference(preset):
    got, want = library(preset), expected(preset)
    np.testing.assert_array_equal(got.thresholds, want["thresholds"])
    for name, counts in want["counts"].items():
        np.testing.assert_array_equal(getattr(got.overlap, name), counts, err_msg=name)


@pytest.mark.parametrize("preset", PRESETS)
def test_iou_labels_and_detectors_equal_the_reference(preset):
    got, want = library(preset), expected(preset)
    np.testing.assert_allclose(got.iou, want["iou"], rtol=1e-12)
    labels = [dissection.NO_LABEL if c is None else c for c in want["label"]]
    assert got.detectors.concept.tolist() == labels
    np.testing.assert_allclose(got.detectors.iou, want["label_iou"], rtol=1e-12)
    assert got.detectors.is_detector.tolist() == want["is_detector"]


@pytest.mark.parametrize("preset", PRESETS)
def test_the_data_has_detectors_and_others(preset):
    want = expected(preset)
    assert want["label"][:2] == [0, 1]
    assert want["label"][4] is None  # dead
    assert any(want["is_detector"]) and not all(want["is_detector"])


def test_the_data_has_a_unit_of_enough_iou_and_too_little_information():
    want = expected("gan19")
    assert want["label_iou"][6] > 0.05
    assert not want["is_detector"][6]


def test_a_unit_of_lite_counts_only_where_it_meets_the_category():
    # It meets the concept's pixel on the first image, and misses it on the second.
    units = np.array([[1, 0], [1, 0]], bool).reshape(2, 2, 1, 1)
    labels = np.array([[1, 0], [0, 1]]).reshape(2, 2, 1, 1)
    same, acts = np.eye(2, dtype=np.float32), units.astype(np.float32)
    one = np.ones((1, 1), np.float32)
    counts = count_images(acts, same, one, np.zeros(1), labels, [0])
    parts = [
        count_images(acts[[n]], same, one, np.zeros(1), labels[[n]], [0])
        for n in (1, 0)
    ]
    merged = functools.reduce(total().merge, parts)
    masks = dissection.concept_masks(labels, num_concepts=1)
    by_products = accumulate(dissection.overlap([0]), [(units, masks)])
    for found in (counts, merged, by_products):
        ious = {
            union: judge(
                np.zeros(1), found, [0], dissection.PNAS20._replace(union=union)
            )
            for union in ("global", "category", "met")
        }
        found = {union: result.iou.item() for union, result in ious.items()}
        assert found == {"global": 1 / 3, "category": 1 / 3, "met": 1 / 2}
    assert dissection.LITE.union == "met" and dissection.CVPR17.union == "category"


def test_counts_of_an_older_version_are_refused_where_meeting_matters():
    counts = dissection.Overlap(*map(np.array, ([[2]], [3], [4], [[2]], [9], 9)))
    with pytest.raises(BadInput, match="`counts` has no `unit_met`"):
        dissection.iou_where_met(counts, [0])


def test_the_data_tells_the_presets_apart():
    ious = {preset: expected(preset)["iou"].tobytes() for preset in PRESETS}
    assert len(set(ious.values())) == len(PRESETS)


@pytest.mark.parametrize(
    ("table", "ratio"),
    [
        ([[3, 0], [0, 5]], 1),  # equal masks
        ([[0, 3], [5, 0]], 1),  # complements
        ([[2, 4], [1, 2]], 0),  # independent: 2/9 = 6/9 * 3/9
        # H(1/2, 1/4, 0, 1/4) = 3/2 bits; margins H(3/4) = .8113 and H(1/2) = 1 bit.
        ([[2, 1], [0, 1]], (0.8112781245 + 1 - 1.5) / 1.5),
        ([[4, 0], [0, 0]], 0),  # no entropy
        ([[0, 0], [0, 0]], 0),  # no pixels
    ],
)
def test_reference_information_quality(table, ratio):
    got = reference.information_quality_of_table(table)
    assert got == pytest.approx(ratio, abs=1e-9)


def test_reference_levels():
    # Eight pixels; unit 0 is 8 to 1 and its concept the two highest, so the third
    # highest is the level. Unit 1 is the same, but never positive: .25 of its values
    # are k = 2, the second highest. Unit 2 is off where the concept is.
    ramp = np.arange(8.0, 0, -1)
    acts = np.stack([ramp, ramp - 9, 9 - ramp], -1)[None, None]
    labels = np.array([[[[1], [1], [0], [0], [0], [0], [0], [0]]]])
    thresholds, concepts, iqr = reference.choose_levels(acts, acts, labels, [0], 0.25)
    assert thresholds.tolist()[:2] == [6, -2]
    assert concepts == [0, None, None]
    np.testing.assert_allclose(iqr, [[1], [0], [0]])


def test_reference_tiles():
    # Four cells of four pixels: centres at 1.5, 5.5, ... of 16 pixels.
    place = reference.tiles(np.zeros((1, 4, 4, 1)), 16)
    assert place == ((1.5, 1.5), (4, 4), "edge")


def test_reference_refuses_other_presets():
    data, _ = examples("lite")
    with pytest.raises(ValueError, match="pnas"):
        reference.dissect(*data, CATEGORIES, OFFSET, STEP, IMAGE, "pnas")
