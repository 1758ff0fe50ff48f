"""Intervals of IoU are the bootstrap over images, and cover what they should."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import chance as reference

from jaxdissect import dissection
from jaxdissect.dissection import certainty as sure
from jaxdissect.dissection.counts import present
from jaxdissect.dissection.label_pixels import (
    LabelCounts,
    block_of,
    label_counts,
    label_counts_by_block,
)
from jaxdissect.errors import BadInput
from jaxdissect.streaming import accumulate

CATEGORIES = [0, 1, 0, 2]
LABELS = np.array([2, 0, 3, dissection.NO_LABEL, 1])


def example(seed, images=9):
    """Masks of five units and label maps; some images lack some categories."""
    generator = np.random.default_rng(seed)
    units = generator.random((images, 4, 5, 5)) < 0.3
    labels = generator.integers(0, 5, (images, 4, 5, 2))
    missing = generator.integers(0, 5, (2, images, 1, 1, 1))
    labels = np.where((labels == missing[0]) | (labels == missing[1]), 0, labels)
    return units, labels


def counts_of(units, labels, categories=None, met=False):
    concepts = present(labels, len(CATEGORIES))
    return label_counts(units, concepts, LABELS, categories=categories, met=met)


def iou_of(counts):
    both, unit, concept = (np.asarray(c, np.int64).sum(0) for c in counts)
    return both / np.maximum(unit + concept - both, 1)


# --- counts ---------------------------------------------------------------------------


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 2**32 - 1), st.sampled_from(["global", "category", "met"]))
def test_counts_of_all_images_make_the_iou_with_the_label(seed, union):
    units, labels = example(seed)
    # Rare enough to miss a category that is there.
    units &= np.random.default_rng(seed).random(units.shape) < 0.2
    masks = dissection.concept_masks(labels, num_concepts=4)
    overlap = accumulate(dissection.overlap(CATEGORIES), [(units, masks)])
    iou = {
        "global": dissection.iou_global(overlap),
        "category": dissection.iou_within_category(overlap, CATEGORIES),
        "met": dissection.iou_where_met(overlap, CATEGORIES),
    }[union]
    own = None if union == "global" else CATEGORIES
    counts = counts_of(units, labels, own, met=union == "met")
    expected = np.where(LABELS < 0, 0, iou[np.arange(5), np.maximum(LABELS, 0)])
    np.testing.assert_allclose(iou_of(counts), expected)


def test_a_unit_without_label_counts_nothing():
    for counts in counts_of(*example(0)), counts_of(*example(0), CATEGORIES):
        assert all((np.asarray(count)[:, 3] == 0).all() for count in counts)


@settings(deadline=None, max_examples=15)
@given(st.lists(st.integers(1, 4), min_size=3, max_size=6), st.integers(2, 12))
def test_blocks_are_sums_of_images_in_any_batches(sizes, max_blocks):
    units, labels = example(1)
    blocks = block_of(np.arange(9), 9, max_blocks=max_blocks)
    cuts = np.cumsum(sizes).clip(max=9)
    parts = [p for p in np.split(np.arange(9), cuts) if len(p)]
    batches = [(units[p], present(labels[p], 4), blocks[p]) for p in reversed(parts)]
    found = accumulate(label_counts_by_block(LABELS, categories=CATEGORIES), batches)
    each = counts_of(units, labels, CATEGORIES)
    for got, images in zip(found, each, strict=True):
        want = [np.asarray(images)[blocks == b].sum(0) for b in range(blocks.max() + 1)]
        np.testing.assert_array_equal(got, want)
        assert got.dtype == np.int64


@settings(deadline=None)
@given(st.integers(1, 400), st.integers(2, 50))
def test_blocks_are_consecutive_and_even(num_images, max_blocks):
    blocks = block_of(np.arange(num_images), num_images, max_blocks=max_blocks)
    numbers, sizes = np.unique(blocks, return_counts=True)
    assert numbers.tolist() == list(range(min(num_images, max_blocks)))
    assert sizes.max() - sizes.min() <= 1 and (np.diff(blocks) >= 0).all()


# --- intervals ------------------------------------------------------------------------


def random_counts(seed, images, units):
    """Independent images; a unit's pixels, its concept's, and both."""
    generator = np.random.default_rng(seed)
    shape = images, units
    both = generator.poisson(generator.gamma(0.5, 20, shape))
    unit = both + generator.poisson(10, shape)
    concept = both + generator.poisson(generator.gamma(1.0, 15, shape))
    return LabelCounts(both, unit, concept)


def test_an_interval_is_that_of_looped_resamples(key):
    counts = random_counts(0, images=12, units=3)
    found = sure.bootstrap_iou(key, counts, level=0.9, num_draws=200)
    times = sure.resamples(key, 12, 200)
    for u in range(3):
        draws = reference.resampled_ious(*(c[:, u] for c in counts), times)
        low, high = np.quantile(draws, [0.05, 0.95])
        np.testing.assert_allclose([found.low[u], found.high[u]], [low, high])


def test_resamples_are_multinomial(key):
    times = sure.resamples(key, 8, 20_000)
    assert (times.sum(1) == 8).all()
    # Var n_i = 1 - 1/N and Cov = -1/N, to a few standard errors of .01.
    expected = np.eye(8) - 1 / 8
    np.testing.assert_allclose(np.cov(times.T), expected, atol=0.04)


def test_the_true_iou_is_covered_as_often_as_promised(key):
    # E both = 10, E unit = 20, E concept = 25; 600 data sets side by side.
    low, high = sure.bootstrap_iou(key, random_counts(1, images=200, units=600))
    covered = np.mean((low <= 10 / 35) & (high >= 10 / 35))
    assert 0.9 <= covered <= 0.98


def test_units_share_the_draws_however_many_there_are(key):
    counts = random_counts(2, images=20, units=1)
    many = LabelCounts(
        *(np.repeat(c, sure.UNITS_AT_A_TIME + 5, axis=1) for c in counts)
    )
    alone, among = (sure.bootstrap_iou(key, c) for c in (counts, many))
    assert set(among.low) == set(alone.low) and set(among.high) == set(alone.high)


def test_equal_images_leave_no_doubt_and_a_dead_unit_has_0(key):
    one = random_counts(3, images=1, units=6)
    same = LabelCounts(*(np.repeat(c, 30, axis=0) for c in one))
    low, high = sure.bootstrap_iou(key, same)
    np.testing.assert_allclose(low, iou_of(one))
    np.testing.assert_allclose(high, iou_of(one))
    nothing = LabelCounts(*np.zeros((3, 4, 2), int))
    assert [end.tolist() for end in sure.bootstrap_iou(key, nothing)] == [[0, 0]] * 2


# --- detectors ------------------------------------------------------------------------


def test_a_detector_is_significant_with_its_own_label():
    q_values = np.array([[0.01, 0.5], [0.01, 0.5], [0.01, 0.01], [0.0, 0.0]])
    zero = np.zeros(4)
    certainty = sure.Certainty(zero, zero, q_values, q_values, q_values)
    concept = np.array([0, 1, 1, dissection.NO_LABEL])
    passes = np.array([True, True, False, True])
    detectors = dissection.Detectors(concept, zero, passes)
    found = sure.significant_detectors(detectors, certainty)
    assert found.tolist() == [True, False, False, False]
    stricter = sure.significant_detectors(detectors, certainty, max_q=0.001)
    assert not stricter.any()


# --- refusals -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "name"),
    [({"level": 1.0}, "level"), ({"num_draws": 39}, "num_draws")],
)
def test_intervals_that_cannot_be_are_refused(key, options, name):
    with pytest.raises(BadInput, match=f"`{name}` is"):
        sure.bootstrap_iou(key, random_counts(0, 5, 1), **options)


def test_a_single_image_is_refused(key):
    with pytest.raises(BadInput, match="`counts` has 1 images"):
        sure.bootstrap_iou(key, random_counts(0, 1, 1))


def test_blocks_that_cannot_be_are_refused():
    with pytest.raises(BadInput, match="`indices` holds 5"):
        block_of(np.array([0, 5]), 5)
    with pytest.raises(BadInput, match="`max_blocks` is 1"):
        block_of(np.array([0]), 5, max_blocks=1)


def test_another_key_draws_other_images():
    one, other = (sure.resamples(jax.random.key(k), 30, 4) for k in (0, 1))
    assert (one != other).any()
