"""Information quality: its laws, and levels chosen by it."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from reference import dissection as loops
from reference import presets as reference

from jaxdissect.dissection import GAN19, NO_LABEL, Overlap, overlap
from jaxdissect.dissection.information import (
    choose_levels,
    information_quality,
    tail_masses,
)
from jaxdissect.errors import BadInput
from jaxdissect.quantiles import tail_count
from jaxdissect.streaming import accumulate
from jaxdissect.upsampling import Axis, bilinear_matrix

CATEGORIES = [0, 1, 0, 2]
SAME = np.eye(10, dtype=np.float32)
pixels = st.integers(0, 10**6)
some = st.integers(1, 10**6)


def ratio(both, unit_only, concept_only, neither):
    """IQR of one unit with one concept."""
    unit, concept = both + unit_only, both + concept_only
    counts = Overlap(
        intersection=np.array([[both]]),
        unit=np.array([unit]),
        concept=np.array([concept]),
        unit_in_category=np.array([[unit]]),
        pixels_in_category=np.array([unit + concept_only + neither]),
        pixels=np.array(unit + concept_only + neither),
    )
    return information_quality(counts, [0]).item()


@settings(deadline=None, max_examples=50)
@given(pixels, pixels, pixels, pixels)
def test_quality_is_bounded_and_equals_the_reference(a, b, c, d):
    expected = reference.information_quality_of_table([[a, b], [c, d]])
    assert 0 <= ratio(a, b, c, d) <= 1
    assert ratio(a, b, c, d) == pytest.approx(expected, abs=1e-9)


@settings(deadline=None, max_examples=50)
@given(some, some)
def test_equal_and_complementary_masks_tell_everything(a, b):
    assert ratio(a, 0, 0, b) == pytest.approx(1, abs=1e-9)
    assert ratio(0, a, b, 0) == pytest.approx(1, abs=1e-9)


@settings(deadline=None, max_examples=50)
@given(*[st.integers(1, 1000)] * 4)
def test_independent_masks_tell_nothing(on, off, there, absent):
    table = on * there, on * absent, off * there, off * absent
    assert ratio(*table) == pytest.approx(0, abs=1e-9)


@settings(deadline=None, max_examples=50)
@given(pixels, pixels, pixels, pixels)
def test_quality_is_symmetric_and_blind_to_complements(a, b, c, d):
    once = pytest.approx(ratio(a, b, c, d), abs=1e-9)
    assert ratio(a, c, b, d) == once  # unit and concept swapped
    assert ratio(c, d, a, b) == once  # the unit's complement
    assert ratio(b, a, d, c) == once  # the concept's complement


def test_quality_without_entropy_is_zero():
    assert ratio(0, 0, 0, 7) == ratio(7, 0, 0, 0) == ratio(0, 0, 0, 0) == 0


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**32 - 1))
def test_quality_counts_the_images_of_the_concepts_category(seed):
    rng = np.random.default_rng(seed)
    units = rng.random((4, 5, 6, 3)) < 0.3
    concepts = rng.random((4, 5, 6, 4)) < 0.4
    concepts &= rng.random((4, 1, 1, 4)) < 0.5  # images without some category
    counts = accumulate(overlap(CATEGORIES), [(units, concepts)])
    expected = loops.overlap(units, concepts, CATEGORIES)
    np.testing.assert_allclose(
        information_quality(counts, CATEGORIES),
        reference.information_quality(expected, CATEGORIES),
        atol=1e-9,
    )


def test_tail_masses_go_from_a_thousandth_to_one_in_equal_ratios():
    masses = tail_masses()
    assert len(masses) == 100
    assert masses[0] == pytest.approx(0.001) and masses[-1] == 1
    np.testing.assert_allclose(masses[1:] / masses[:-1], 10 ** (3 / 99))


def planted(area, *, shift=0.1, sign=1):
    """Ten images of 10 x 10 pixels: a concept on `area` of all 1000, a unit on it."""
    rng = np.random.default_rng(0)
    labels = np.zeros(1000, np.int32)
    labels[rng.permutation(1000)[:area]] = 1
    labels = labels.reshape(10, 10, 10, 1)
    acts = sign * (labels == 1) + 0.5 * rng.random(labels.shape) + shift
    return acts.astype(np.float32), labels


def levels_of(acts, labels, categories=(0,), matrix=SAME, protocol=GAN19, **options):
    return choose_levels(
        lambda: [(acts[:4], labels[:4]), (acts[4:], labels[4:])],
        categories,
        matrix,
        matrix,
        protocol=protocol,
        **options,
    )


@pytest.mark.parametrize("area", [9, 99])
def test_the_best_level_of_a_planted_unit_is_its_concepts_share(area):
    # One value more than the concept's pixels is the k-th largest at .01 and at .1.
    acts, labels = planted(area)
    levels = levels_of(acts, labels, num_levels=4)
    assert levels.thresholds == np.sort(acts.ravel())[-area - 1]
    assert levels.concept == [0]
    np.testing.assert_allclose(levels.iqr, [[1]])


@settings(deadline=None, max_examples=10)
@given(st.integers(5, 300))
def test_the_best_of_many_levels_lies_next_to_the_concepts_share(area):
    acts, labels = planted(area)
    threshold = levels_of(acts, labels).thresholds[0]
    steps = np.abs(np.log((acts > threshold).mean() / (area / 1000)))
    # The masks have one pixel less than the rank.
    assert steps <= np.log(10) * 3 / 99 + 1.01 / (area - 1)


@pytest.mark.parametrize(
    ("area", "options"),
    [
        (99, {"shift": -3.0}),  # no positive level
        (300, {"sign": -1, "shift": 2.0}),  # on where the concept is not
        (0, {}),  # no concept anywhere
    ],
)
def test_what_tells_nothing_keeps_the_quantile_and_no_label(area, options):
    acts, labels = planted(area, **options)
    levels = levels_of(acts, labels, protocol=GAN19._replace(tail_mass=0.03))
    assert levels.concept == [NO_LABEL]
    assert levels.iqr == [[0]]
    assert levels.thresholds == np.sort(acts.ravel())[-30]


@pytest.mark.parametrize(("categories", "iqr"), [((0, 1), 1.0), ((0, 0), 0.0)])
def test_a_concept_below_a_thousandth_of_the_pixels_tells_nothing(categories, iqr):
    # One pixel: of the image it is on, or of all 2000 where concept 1, which is on
    # every image, is of its category.
    acts, labels = planted(1)
    acts = np.concatenate([acts, np.minimum(acts, 0.5)])
    labels = np.concatenate([labels, np.zeros_like(labels)])
    labels[:, 0, 0] = 2
    assert (labels == 1).sum() == 1
    assert levels_of(acts, labels, categories).iqr[0, 0] == pytest.approx(iqr)


def test_a_dead_unit_has_no_concept():
    acts, labels = planted(99)
    levels = levels_of(np.zeros_like(acts), labels)
    assert (levels.thresholds, levels.concept) == (0, NO_LABEL)


@settings(deadline=None, max_examples=8)
@given(st.integers(0, 2**32 - 1), st.sampled_from(["native", "upsampled"]))
def test_levels_equal_the_reference(seed, grid):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 5, (10, 8, 8, 2)) * (rng.random((10, 1, 1, 2)) < 0.6)
    follows = (labels == 1).any(-1).reshape(10, 4, 2, 4, 2).mean((2, 4))[..., None]
    # Multiples of 1/16 and weights of 1/4: exact in float32, with ties.
    acts = np.round(16 * np.maximum(follows + rng.normal(size=(10, 4, 4, 3)) / 4, 0))
    acts = (acts / 16).astype(np.float32)
    matrix = bilinear_matrix(4, 8, 16, Axis(1.5, 4.0), padding="edge")
    protocol = GAN19._replace(quantile_grid=grid)
    got = levels_of(acts, labels, CATEGORIES, matrix, protocol, num_levels=20)
    up = reference.upsample_all(acts, labels, 16, reference.tiles(acts, 16))
    thresholds, concepts, iqr = reference.choose_levels(
        acts if grid == "native" else up, up, labels, CATEGORIES, 0.005, 20
    )
    np.testing.assert_allclose(got.iqr, iqr, atol=1e-9)
    # The last bit decides between mirrored tables: leave those to chance.
    best = np.sort(iqr)
    assume(((best[:, -1] == 0) | (best[:, -1] - best[:, -2] > 1e-9)).all())
    assert got.concept.tolist() == [NO_LABEL if c is None else c for c in concepts]
    np.testing.assert_array_equal(got.thresholds, thresholds)


def test_levels_do_not_depend_on_the_batches():
    acts, labels = planted(99)
    whole = choose_levels(
        lambda: [(acts, labels)], [0], SAME, SAME, protocol=GAN19, num_levels=20
    )
    for got, want in zip(levels_of(acts, labels, num_levels=20), whole, strict=True):
        np.testing.assert_array_equal(got, want)


def test_a_level_is_the_kth_largest_value():
    acts, labels = planted(99)
    levels = levels_of(acts, labels)
    ranks = {tail_count(mass, 1000) for mass in tail_masses().tolist()}
    assert levels.thresholds[0] in np.sort(acts.ravel())[[-rank for rank in ranks]]


def test_values_beyond_the_memory_are_refused():
    acts, labels = planted(99)  # an image has 400 bytes of values
    assert levels_of(acts, labels, memory_bytes=4000).concept == [0]
    with pytest.raises(BadInput, match=r"`memory_bytes` is 3999; .* but 9 do"):
        levels_of(acts, labels, memory_bytes=3999)


def test_no_batches_and_no_levels_are_refused():
    with pytest.raises(BadInput, match="`batches` is empty"):
        choose_levels(lambda: [], [0], SAME, SAME, protocol=GAN19)
    with pytest.raises(BadInput, match="`num` is 0"):
        levels_of(*planted(99), num_levels=0)
