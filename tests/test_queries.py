"""Questions to a dissection: images of a concept, units that fire, units that judge."""

import jax
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from reference import queries as reference
from scipy import stats

from jaxdissect import intervals, metrics
from jaxdissect.dissection import label_units, queries
from jaxdissect.dissection import queries as classifiers
from jaxdissect.dissection.certainty import count_images
from jaxdissect.dissection.layers import Layer, masks
from jaxdissect.errors import BadInput
from jaxdissect.streaming import accumulate
from jaxdissect.upsampling import Axis, bilinear_matrix, upsample

few = settings(deadline=None, max_examples=20)
UNITS, CONCEPTS = 5, 4
MATRIX = bilinear_matrix(3, 6, 12, Axis(2.0, 4.0), padding="zeros")
LAYER = Layer(UNITS, MATRIX, MATRIX)
ASKED = [[3, 1], [2]], [2, 0]


def draw(seed, number=4):
    """Activations [B 3 3 U], label maps [B 6 6 2], thresholds [U]."""
    rng = np.random.default_rng(seed)
    acts = rng.normal(size=(number, 3, 3, UNITS)).astype(np.float32)
    labels = rng.integers(0, CONCEPTS + 1, (number, 6, 6, 2))
    return acts, labels, rng.uniform(0, 1, UNITS).astype(np.float32)


def look(acts, labels, thresholds, units=ASKED[0], concepts=ASKED[1], size=2):
    looked = queries.concept_images(LAYER, thresholds, units, concepts)
    starts = range(0, len(acts), size)
    return accumulate(
        looked, [(acts[s : s + size], labels[s : s + size]) for s in starts]
    )


@few
@given(st.integers(0, 999))
def test_evidence_and_iou_equal_the_loops(seed):
    acts, labels, thresholds = draw(seed)
    found = look(acts, labels, thresholds)
    fine = np.asarray(upsample(acts, MATRIX, MATRIX))
    for q, (units, concept) in enumerate(zip(*ASKED, strict=True)):
        for n in range(len(acts)):
            said = reference.concept_image(
                fine[n], thresholds, units, labels[n], concept + 1
            )
            got = queries.evidence(found)[n, q], queries.region_iou(found)[n, q]
            np.testing.assert_allclose(got, said, rtol=1e-12)


@few
@given(st.integers(0, 999))
def test_counts_of_one_unit_add_up_to_those_of_the_dissection(seed):
    acts, labels, thresholds = draw(seed)
    found = look(acts, labels, thresholds, [[4]], [1])
    whole = count_images(
        acts, LAYER.rows, LAYER.columns, thresholds, labels, [0] * CONCEPTS
    )
    assert found.on.sum() == whole.unit[4] and found.pixels.sum() == whole.pixels
    assert found.both.sum() == whole.intersection[4, 1]
    assert found.shown.sum() == whole.concept[1]


def test_any_way_of_cutting_the_images_gives_the_same_in_the_same_order():
    acts, labels, thresholds = draw(0)
    whole = look(acts, labels, thresholds, size=4)
    for size in (1, 2, 3):
        for ours, theirs in zip(
            look(acts, labels, thresholds, size=size), whole, strict=True
        ):
            np.testing.assert_array_equal(ours, theirs)
    peaks = queries.unit_peaks([4, 0])
    parts = accumulate(peaks, [(acts[:1], labels[:1]), (acts[1:], labels[1:])])
    np.testing.assert_array_equal(parts, acts.max((1, 2))[:, [4, 0]])


@few
@given(st.integers(0, 999))
def test_another_unit_never_takes_evidence_away(seed):
    acts, labels, thresholds = draw(seed)
    found = look(acts, labels, thresholds, [[0], [0, 3], range(UNITS)], [1, 1, 1])
    assert (np.diff(found.on, axis=1) >= 0).all()
    assert ((found.both <= found.on) & (found.both <= found.shown)).all()


def test_a_unit_that_is_the_concept_has_iou_1_and_the_area_as_evidence():
    square = np.zeros((1, 3, 3, UNITS), np.float32)
    square[0, 1:, 1:, 0] = 2
    nearest = np.kron(np.eye(3, dtype=np.float32), np.ones((2, 1), np.float32))
    labels = np.kron(square[..., :1] > 0, np.ones((1, 2, 2, 1))).astype(int)
    looked = queries.concept_images(
        Layer(UNITS, nearest, nearest), np.ones(UNITS, np.float32), [[0]], [0]
    )
    found = accumulate(looked, [(square, labels)])
    assert queries.region_iou(found).item() == 1
    assert queries.evidence(found).item() == 4 / 9


def test_unlabelled_images_have_evidence_and_show_nothing():
    acts, labels, thresholds = draw(1)
    found = look(acts, labels[..., :0], thresholds)
    np.testing.assert_array_equal(found.on, look(acts, labels, thresholds).on)
    assert not found.shown.any() and not queries.region_iou(found).any()


def test_regions_are_the_union_of_the_units_masks():
    acts, _, thresholds = draw(2)
    each = np.asarray(masks(LAYER, acts, thresholds))
    for n, maps in enumerate(np.moveaxis(acts, -1, 1)):
        found = queries.concept_regions(LAYER, maps[[3, 1]], thresholds[[3, 1]])
        np.testing.assert_array_equal(found, each[n, ..., 3] | each[n, ..., 1])


@few
@given(st.integers(0, 999), st.sampled_from(["strength", "area"]))
def test_firing_units_equal_the_loops_and_come_in_order(seed, rank_by):
    acts, _, thresholds = draw(seed, 1)
    tails = np.array([1.0, 0.5, 2.0, 0.0, -1.0])
    found = queries.firing_units(LAYER, acts[0], thresholds, tails, rank_by=rank_by)
    fine = np.asarray(upsample(acts, MATRIX, MATRIX))[0]
    expected = reference.firing(fine, acts[0], thresholds, tails)
    assert sorted(found.units.tolist()) == sorted(expected)
    for u, *values in zip(*found[:4], strict=True):
        np.testing.assert_allclose(values, expected[int(u)], rtol=1e-5)
    np.testing.assert_array_equal(found.regions.mean((1, 2)), found.area)
    assert (np.diff(getattr(found, rank_by)) <= 0).all()


def test_nothing_fires_on_silence():
    silent = np.zeros((3, 3, UNITS), np.float32)
    thresholds = np.zeros(UNITS, np.float32)
    found = queries.firing_units(LAYER, silent, thresholds, np.ones(UNITS))
    assert not len(found.units) and found.regions.shape == (0, 6, 6)


def test_detectors_of_a_concept_are_those_that_pass_the_best_first():
    iou = np.array([[0.1, 0.0], [0.03, 0.0], [0.3, 0.2], [0.1, 0.2], [0.1, 0.0]])
    found = label_units(iou)
    assert queries.detectors_of(found, 0).tolist() == [2, 0, 4]
    assert queries.detectors_of(found, 1).tolist() == [3]


images = st.lists(st.tuples(st.integers(0, 4), st.booleans()), min_size=2, max_size=20)


def both_kinds(drawn):
    peaks, has_concept = (np.array(column) for column in zip(*drawn, strict=True))
    assume(0 < has_concept.sum() < len(has_concept))
    return peaks.astype(np.float64), has_concept


@few
@given(images, st.integers(0, 4))
def test_a_unit_as_classifier_equals_the_loops(drawn, threshold):
    peaks, has_concept = both_kinds(drawn)
    found = classifiers.unit_as_classifier(peaks, has_concept, float(threshold))
    expected = reference.classifier(peaks, has_concept, threshold)
    got = (*found[1:2], *found[3:6])
    np.testing.assert_allclose(got, expected, rtol=1e-12)
    assert (
        0 <= found.interval.low <= found.balanced_accuracy <= found.interval.high <= 1
    )
    predictions = (peaks > threshold).astype(int)
    table = metrics.class_counts(predictions, has_concept.astype(int), num_classes=2)
    np.testing.assert_allclose(metrics.balanced_accuracy(table), expected[0])


@few
@given(images)
def test_auc_knows_only_the_order(drawn):
    peaks, has_concept = both_kinds(drawn)
    auc = classifiers.rank_auc(peaks, has_concept)
    assert classifiers.rank_auc(np.exp(peaks), has_concept) == pytest.approx(auc)
    assert classifiers.rank_auc(peaks, ~has_concept) == pytest.approx(1 - auc)
    assert classifiers.rank_auc(np.ones_like(peaks), has_concept) == 0.5
    assert classifiers.rank_auc(has_concept.astype(float), has_concept) == 1


def judged(found, positives, right, negatives):
    """The interval where so many images with and without the concept are right."""
    peaks = np.zeros(positives + negatives)
    peaks[:found] = peaks[positives : positives + negatives - right] = 1
    has_concept = np.arange(len(peaks)) < positives
    return classifiers.unit_as_classifier(peaks, has_concept, 0.5)


@pytest.mark.parametrize("rates", [(0.5, 0.5), (0.7, 0.9), (0.9, 0.6), (0.95, 0.97)])
def test_the_interval_covers_what_it_says(rates):
    sizes, covered = (20, 60), 0.0
    weights = [
        stats.binom.pmf(np.arange(n + 1), n, p)
        for n, p in zip(sizes, rates, strict=True)
    ]
    for found in range(sizes[0] + 1):
        for right in range(sizes[1] + 1):
            weight = weights[0][found] * weights[1][right]
            if weight > 1e-5:
                low, high = judged(found, sizes[0], right, sizes[1]).interval
                covered += weight * (low <= np.mean(rates) <= high)
    assert 0.92 < covered < 0.96


def test_the_interval_is_the_bootstraps_where_that_is_good():
    ours = judged(70, 100, 500, 600).interval
    right, none = np.array([70, 500]), np.zeros(2, int)
    sizes, halves = np.array([100, 600]), np.full(2, 0.5)
    drawn = intervals.change_interval(jax.random.key(0), right, none, sizes, halves)
    np.testing.assert_allclose(ours, drawn, atol=0.01)
    # Where no image errs the bootstrap is sure of itself.
    assert (
        0.8
        < judged(10, 10, 30, 30).interval.low
        < judged(99, 99, 30, 30).interval.low
        < 1
    )


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"peaks": np.array([np.nan, 1.0])}, "`peaks` holds nan"),
        ({"has_concept": np.array([True, True])}, "`has_concept` is true of 2 images"),
        (
            {"has_concept": np.array([False, False])},
            "`has_concept` is true of 0 images",
        ),
        ({"level": 1.0}, "`level` is 1.0"),
    ],
)
def test_classifiers_that_cannot_be_are_refused(values, said):
    good = {"peaks": np.array([0.0, 1.0]), "has_concept": np.array([False, True])}
    with pytest.raises(BadInput, match=said):
        classifiers.unit_as_classifier(**{"threshold": 0.5, **good, **values})


def test_questions_that_cannot_be_are_refused():
    acts, labels, thresholds = draw(0)
    with pytest.raises(BadInput, match=r"`units` are \[\[0\], \[\]\] for 2 concepts"):
        look(acts, labels, thresholds, [[0], []], [0, 1])
    with pytest.raises(BadInput, match="`units` are"):
        look(acts, labels, thresholds, [[0]], [0, 1])
    with pytest.raises((BadInput, TypeError), match="rank_by"):
        queries.firing_units(LAYER, acts[0], thresholds, np.ones(UNITS), rank_by="peak")
