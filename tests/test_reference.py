"""The reference implementations against hand-worked examples and published tables."""

import csv
from pathlib import Path

import numpy as np
import pytest
from reference import ablation, dissection

GOLDEN = Path(__file__).parents[2] / "shared" / "data" / "golden" / "netdissect"
CATEGORIES = ["object", "color", "material", "scene", "texture", "part"]

# Per table: units with score above .04, unique labels, unique labels by category.
PUBLISHED = {
    "caffe_reference_places365.csv": (118, 72, 91),
    "caffe_reference_places205.csv": (107, 60, 79),
    "caffe_reference_imagenet.csv": (97, 50, 61),
    "ResNet-152-model_imagenet.csv": (1325, 197, 242),
    "ResNet-152-model_places365.csv": (1452, 278, 347),
}


# --- thresholds -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tail_mass", "expected"),
    [
        (0.2, [9, 0]),  # k = 2: second largest of 1..10; of nine zeros and a 5
        (0.25, [8, 0]),  # k = ceil(2.5) = 3
        (0.05, [10, 5]),  # k = ceil(.5) = 1
        (1.0, [1, 0]),  # k = 10: the smallest
    ],
)
def test_upper_quantile(tail_mass, expected):
    values = np.array(
        [
            [3, 0],
            [9, 0],
            [1, 0],
            [10, 0],
            [7, 5],
            [2, 0],
            [8, 0],
            [4, 0],
            [6, 0],
            [5, 0],
        ]
    )
    np.testing.assert_array_equal(
        dissection.upper_quantile(values, tail_mass), expected
    )


def test_upper_quantile_floating_point():
    values = np.arange(1.0, 101.0)[:, None]
    assert 0.07 * 100 > 7  # a plain ceil would take the 8th largest, 93
    assert dissection.upper_quantile(values, 0.07) == [94]
    assert dissection.upper_quantile(values, 0.29) == [72]  # .29 * 100 < 29
    assert dissection.upper_quantile(values, 0.070001) == [93]  # k = 8 in earnest


@pytest.mark.parametrize("tail_mass", [0.0, 1.5])
def test_upper_quantile_rejects(tail_mass):
    with pytest.raises(ValueError, match="largest"):
        dissection.upper_quantile(np.zeros((10, 1)), tail_mass)


# --- upsampling -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("padding", "expected"),
    [
        # Cells at image x = .5 and 2.5, targets at 0, 1, 2, 3: in cells -.25, .25,
        # .75, 1.25. Inside: .75 * 10 + .25 * 20 = 12.5 and 17.5.
        ("edge", [10, 12.5, 17.5, 20]),
        ("zeros", [7.5, 12.5, 17.5, 15]),  # .75 * 10 and .75 * 20 at the ends
    ],
)
def test_upsample_row(padding, expected):
    acts = np.array([[[10.0], [20.0]]])
    up = dissection.upsample(acts, (1, 4), (1, 4), (0, 0.5), (1, 2), padding)
    np.testing.assert_allclose(up[0, :, 0], expected)
    column = dissection.upsample(
        acts.transpose(1, 0, 2), (4, 1), (4, 1), (0.5, 0), (2, 1), padding
    )
    np.testing.assert_allclose(column[:, 0, 0], expected)


@pytest.mark.parametrize("padding", ["edge", "zeros"])
def test_upsample_plane(padding):
    # Cells at y = 0, 4 and x = 0, 2; the four values lie on the plane 3 y + x, and
    # bilinear interpolation returns the plane. Second unit: the same times -2.
    acts = np.array([[0.0, 2.0], [12.0, 14.0]])[..., None] * [1, -2]
    up = dissection.upsample(acts, (5, 3), (5, 3), (0, 0), (4, 2), padding)
    plane = np.array([[3 * y + x for x in range(3)] for y in range(5)])
    np.testing.assert_allclose(up, plane[..., None] * [1, -2])


def test_upsample_coarse_target():
    # Two targets on a 4-pixel image have their centres at .5 and 2.5: on the cells.
    acts = np.array([[[10.0], [20.0]]])
    up = dissection.upsample(acts, (1, 2), (1, 4), (0, 0.5), (1, 2), "zeros")
    np.testing.assert_allclose(up[0, :, 0], [10, 20])


def test_upsample_far_outside():
    # One cell at x = 3 with step 1, targets at 0..3: in cells -3, -2, -1, 0.
    acts = np.array([[[6.0]]])
    zeros = dissection.upsample(acts, (1, 4), (1, 4), (0, 3), (1, 1), "zeros")
    np.testing.assert_allclose(zeros[0, :, 0], [0, 0, 0, 6])
    edge = dissection.upsample(acts, (1, 4), (1, 4), (0, 3), (1, 1), "edge")
    np.testing.assert_allclose(edge[0, :, 0], [6, 6, 6, 6])


def test_upsample_vgg_geometry():
    # 14 cells of 16 pixels on 224, to 56: the first targets sit at image 1.5 and 5.5,
    # in cells -.375 and -.125, so constant ones fade to .625 and .875 along an edge.
    up = dissection.upsample(
        np.ones((14, 14, 1)), (56, 56), (224, 224), (7.5, 7.5), (16, 16), "zeros"
    )[..., 0]
    fade = np.array([0.625, 0.875] + 52 * [1.0] + [0.875, 0.625])
    np.testing.assert_allclose(up, np.outer(fade, fade))


def test_upsample_rejects():
    with pytest.raises(ValueError, match="reflect"):
        dissection.upsample(
            np.ones((1, 1, 1)), (1, 1), (1, 1), (0, 0), (1, 1), "reflect"
        )


# --- overlap and IoU ------------------------------------------------------------------

CATEGORY_OF_CONCEPT = [0, 0, 1]


def _masks(*images):
    """Bool [N, 1, w, channels] from one list of strings like '1100' per image."""
    bits = [[[bit == "1" for bit in row] for row in image] for image in images]
    return np.array(bits).transpose(0, 2, 1)[:, None]


def _example():
    units = _masks(["1100", "0000"], ["1000", "0011"])
    concepts = _masks(["1000", "0011", "0000"], ["0000", "0000", "1110"])
    return dissection.overlap(units, concepts, CATEGORY_OF_CONCEPT)


def test_overlap():
    counts = _example()
    # u0 meets c0 in the first pixel of image 0 and c2 in the first of image 1;
    # u1 meets c2 in the third pixel of image 1.
    np.testing.assert_array_equal(counts["intersection"], [[1, 0, 1], [0, 0, 1]])
    np.testing.assert_array_equal(counts["unit"], [3, 2])
    np.testing.assert_array_equal(counts["concept"], [1, 2, 3])
    # Category 0 is on image 0 only, category 1 on image 1 only.
    np.testing.assert_array_equal(counts["unit_in_category"], [[2, 1], [0, 2]])
    assert counts["pixels"] == 8
    for value in counts.values():
        assert np.issubdtype(np.asarray(value).dtype, np.integer)


def test_overlap_category_by_another_concept():
    # Image 0 has c1 but not c0, both of category 0: the unit's pixels count for it.
    # Image 1 has no label at all.
    counts = dissection.overlap(
        _masks(["11"], ["11"]), _masks(["00", "01"], ["00", "00"]), [0, 0]
    )
    np.testing.assert_array_equal(counts["unit"], [4])
    np.testing.assert_array_equal(counts["unit_in_category"], [[2]])


def test_iou_global():
    # u0: 1 / (3 + 1 - 1), 0, 1 / (3 + 3 - 1); u1: 0, 0, 1 / (2 + 3 - 1).
    np.testing.assert_allclose(
        dissection.iou_global(_example()), [[1 / 3, 0, 1 / 5], [0, 0, 1 / 4]]
    )


def test_iou_category():
    # u0: 1 / (2 + 1 - 1), 0, 1 / (1 + 3 - 1); u1: 0, 0, 1 / (2 + 3 - 1).
    np.testing.assert_allclose(
        dissection.iou_category(_example(), CATEGORY_OF_CONCEPT),
        [[1 / 2, 0, 1 / 3], [0, 0, 1 / 4]],
    )


def test_iou_of_nothing_is_zero():
    counts = dissection.overlap(_masks(["00"]), _masks(["00"]), [0])
    assert dissection.iou_global(counts) == [[0]]
    assert dissection.iou_category(counts, [0]) == [[0]]


# --- labels and counts of detectors ---------------------------------------------------


def test_label_units():
    iou = np.array([[0.1, 0.3, 0.3], [0.04, 0.01, 0.0], [0.0, 0.0, 0.0]])
    # A tie goes to concept 1; exactly .04 passes only where not strict.
    assert dissection.label_units(iou, 0.04, True) == [
        (1, 0.3),
        (None, 0.04),
        (None, 0),
    ]
    assert dissection.label_units(iou, 0.04, False) == [(1, 0.3), (0, 0.04), (None, 0)]
    # IoU 0 everywhere is no label, even at the threshold 0.
    assert dissection.label_units(iou, 0.0, False)[2] == (None, 0)


def test_unique_counts():
    iou = np.array(
        [
            [0.10, 0.05, 0.20, 0.00],  # best c2; by category c0 and c2 (not c1)
            [0.00, 0.06, 0.04, 0.03],  # best c1; by category c1 and c2 (.04)
            [0.02, 0.01, 0.03, 0.04],  # best c3 (.04); by category none and c3 (.04)
        ]
    )
    categories = [0, 0, 1, 1]
    assert dissection.unique_labels(iou, 0.04, True) == 2  # c2, c1
    assert dissection.unique_labels(iou, 0.04, False) == 3  # c2, c1, c3
    # {c0, c1} + {c2}; then {c0, c1} + {c2, c3}.
    assert dissection.unique_by_category(iou, categories, 0.04, True) == 3
    assert dissection.unique_by_category(iou, categories, 0.04, False) == 4
    # The first unit alone: c2; {c0} + {c2}.
    assert dissection.unique_labels(iou[:1], 0.04, True) == 1
    assert dissection.unique_by_category(iou[:1], categories, 0.04, True) == 2
    assert dissection.unique_by_category(np.zeros((2, 4)), categories, 0.0, False) == 0


# --- ablation -------------------------------------------------------------------------


def test_class_accuracies():
    labels, predictions = [0, 0, 0, 1, 1, 2], [0, 0, 1, 1, 2, 2]
    correct, predicted, true = ablation.class_counts(predictions, labels, 3)
    assert correct.tolist() == [2, 1, 1]
    assert predicted.tolist() == [2, 2, 2]
    assert true.tolist() == [3, 2, 1]
    assert ablation.top1(correct, true) == 4 / 6
    np.testing.assert_allclose(ablation.recall(correct, true), [2 / 3, 1 / 2, 1])
    # TNR: (3 - 0) / 3, (4 - 1) / 4, (5 - 1) / 5.
    np.testing.assert_allclose(
        ablation.balanced_accuracy(correct, predicted, true),
        [(2 / 3 + 1) / 2, (1 / 2 + 3 / 4) / 2, (1 + 4 / 5) / 2],
    )


def test_balanced_accuracy_identity():
    # With 4 images of each of 3 classes: mean BA = (acc + 1 - (1 - acc) / (K - 1)) / 2.
    labels = [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]
    predictions = [0, 1, 1, 2, 1, 1, 1, 0, 2, 0, 0, 2]
    counts = ablation.class_counts(predictions, labels, 3)
    accuracy = ablation.top1(counts[0], counts[2])
    assert accuracy == 6 / 12
    # By hand: BA_0 = (1/4 + 5/8) / 2, BA_1 = (3/4 + 6/8) / 2, BA_2 = (2/4 + 7/8) / 2.
    balanced = ablation.balanced_accuracy(*counts)
    np.testing.assert_allclose(balanced, [7 / 16, 12 / 16, 11 / 16])
    np.testing.assert_allclose(balanced.mean(), (accuracy + 1 - (1 - accuracy) / 2) / 2)


def test_accuracies_of_absent_classes():
    # Class 1 has no images, class 0 has all of them: one rate of each is undefined.
    counts = ablation.class_counts([0, 0, 1], [0, 0, 0], 2)
    np.testing.assert_allclose(ablation.recall(counts[0], counts[2]), [2 / 3, np.nan])
    np.testing.assert_array_equal(ablation.balanced_accuracy(*counts), [np.nan, np.nan])


def test_ablate_one_by_one():
    # Scores are the units summed over space: (3, 1) and (1, 2), predictions 0 and 1.
    # Without unit 0: (0, 1) and (0, 2), both 1. Without unit 1: both 0.
    acts = np.array([[[[2.0, 1.0], [1.0, 0.0]]], [[[0.0, 1.0], [1.0, 1.0]]]])
    before = acts.copy()
    predictions = ablation.ablate_one_by_one(lambda a: a.sum(axis=(1, 2)), acts)
    np.testing.assert_array_equal(predictions, [[1, 1], [0, 0]])
    np.testing.assert_array_equal(acts, before)


def test_rank_units():
    base = np.array([0.9, 0.8])
    ablated = np.array([[0.8, 0.8], [0.9, 0.85], [0.5, 0.8], [0.8, 0.7]])
    # Drops of class 0: .1, 0, .4, .1; of class 1: 0, -.05, 0, .1.
    np.testing.assert_array_equal(
        ablation.rank_units(base, ablated), [[2, 0, 3, 1], [3, 0, 2, 1]]
    )


def test_rank_units_ties():
    # .1 + .2 and .3 are one number but for rounding; an undefined class keeps order.
    ablated = np.array([[0.1 + 0.2, np.nan], [0.3, np.nan], [0.2, np.nan]])
    np.testing.assert_array_equal(
        ablation.rank_units(np.array([0.5, np.nan]), ablated), [[2, 0, 1], [0, 1, 2]]
    )


# --- published tables -----------------------------------------------------------------


def _read(name):
    """Rows of a published table, or skip."""
    path = GOLDEN / name
    if not path.is_file():
        pytest.skip(f"published table not found: {path}")
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def _tables(rows):
    """Counts in the form of `overlap` from a published table.

    A table gives one concept per unit and category, so all other intersections stay 0.

    Args:
        rows: U rows of the table.

    Returns:
        counts, category_of_concept [C], printed: dict (unit, concept) -> IoU.
    """
    keys = [
        (category, row[f"{name}-label"])
        for category, name in enumerate(CATEGORIES)
        for row in rows
    ]
    concepts = {key: c for c, key in enumerate(dict.fromkeys(keys))}
    shape = len(rows), len(concepts)
    counts = {
        "intersection": np.zeros(shape, np.int64),
        "concept": np.zeros(shape[1], np.int64),
        "unit_in_category": np.zeros((shape[0], len(CATEGORIES)), np.int64),
    }
    printed = {}
    for u, row in enumerate(rows):
        for category, name in enumerate(CATEGORIES):
            c = concepts[category, row[f"{name}-label"]]
            truth = int(float(row[f"{name}-truth"]))
            assert counts["concept"][c] in (0, truth)
            counts["concept"][c] = truth
            counts["intersection"][u, c] = int(float(row[f"{name}-intersect"]))
            on = int(float(row[f"{name}-activation"]))
            counts["unit_in_category"][u, category] = on
            printed[u, c] = float(row[f"{name}-iou"])
    return counts, [category for category, _ in concepts], printed


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_table(name):
    rows = _read(name)
    counts, category_of_concept, printed = _tables(rows)
    iou = dissection.iou_category(counts, category_of_concept)
    assert len(printed) == len(rows) * len(CATEGORIES)
    np.testing.assert_allclose(
        [iou[cell] for cell in printed], list(printed.values()), rtol=1e-12
    )

    detectors, labels, by_category = PUBLISHED[name]
    for strict in (True, False):
        best = dissection.label_units(iou, 0.04, strict)
        assert sum(c is not None for c, _ in best) == detectors
        assert dissection.unique_labels(iou, 0.04, strict) == labels
        assert (
            dissection.unique_by_category(iou, category_of_concept, 0.04, strict)
            == by_category
        )
    for row, (c, score) in zip(rows, best, strict=True):
        assert score == pytest.approx(float(row["score"]), rel=1e-12)
        if c is not None:
            assert CATEGORIES[category_of_concept[c]] == row["category"]


def test_published_first_row():
    # Unit 107 of the Places365 AlexNet: road, in pixels of the whole data set.
    row = _read("caffe_reference_places365.csv")[0]
    assert (row["unit"], row["label"]) == ("107", "road")
    counts, category_of_concept, _ = _tables([row])
    iou = dissection.iou_category(counts, category_of_concept)
    expected = 2171174 / (13092677 + 3044167 - 2171174)
    np.testing.assert_allclose(iou[0, 0], expected, rtol=1e-12)
    assert dissection.label_units(iou, 0.04, False) == [
        (0, pytest.approx(0.155465, 1e-5))
    ]
