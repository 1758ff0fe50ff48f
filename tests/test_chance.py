"""Chance levels equal all permutations, and p-values keep their promise."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import chance as reference
from scipy import stats

from jaxdissect import dissection
from jaxdissect.dissection import chance
from jaxdissect.dissection.chance import (
    Chance,
    chance_level,
    iou_by_chance,
    p_values,
)
from jaxdissect.dissection.moments import (
    as_real,
    folded,
    in_cells,
    in_columns,
    low_waves,
    mask_moments,
)
from jaxdissect.errors import BadInput
from jaxdissect.streaming import accumulate, add, total

STRATA = np.array([0, 1, 0, 1, 1, 0, 1])


def null_of(units, concepts, strata=None, **options):
    strata = np.zeros(len(units), int) if strata is None else strata
    options = {"num_strata": int(strata.max()) + 1, **options}
    return chance_level(
        mask_moments(units, strata, **options),
        mask_moments(concepts, strata, **options),
    )


def random_masks(seed, shape, sparsity=0.4):
    generator = np.random.default_rng(seed)
    masks = generator.random(shape) < sparsity
    # Some images have none of a mask, as in life.
    return masks & (generator.random((shape[0], 1, 1, shape[-1])) < 0.7)


# --- closed forms are enumerations ----------------------------------------------------


@pytest.mark.slow
@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**32 - 1))
def test_mean_and_variance_are_those_of_all_pairings(seed):
    units, concepts = (random_masks((seed, k), (7, 3, 2, 2)) for k in (0, 1))
    null = null_of(units, concepts, STRATA, num_low=6)
    for u, c in np.ndindex(2, 2):
        shared = reference.intersections(units[..., u], concepts[..., c], STRATA)
        mean, variance, _ = reference.moments(shared)
        np.testing.assert_allclose(null.mean[u, c], mean, rtol=1e-12)
        np.testing.assert_allclose(null.variance[u, c], variance, rtol=1e-4, atol=1e-6)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**32 - 1))
def test_skewness_of_whole_images_is_that_of_all_pairings(seed):
    areas = np.random.default_rng(seed).integers(0, 5, (2, 7))
    # A mask of area a, and one that is everywhere or nowhere, share a pixels or none.
    units = np.arange(4) < areas[0, :, None]
    concepts = np.broadcast_to((areas[1] > 2)[:, None], units.shape)
    units, concepts = (m.reshape(7, 4, 1, 1) for m in (units, concepts))
    shared = reference.intersections(units[..., 0], concepts[..., 0], STRATA)
    _, _, skewness = reference.moments(shared)
    found = null_of(units, concepts, STRATA).skewness[0, 0]
    np.testing.assert_allclose(found, skewness, atol=1e-3)


def test_waves_left_out_are_those_the_formula_leaves_out():
    units, concepts = (random_masks(k, (6, 5, 4, 1)) for k in (0, 1))
    # By (f / 5)^2 + (g / 4)^2, the longest three of the nine that are kept.
    low, kept = [(0, 0), (1, 0), (0, 1)], list(np.ndindex(3, 3))
    expected = reference.variance_by_waves(units[..., 0], concepts[..., 0], low, kept)
    options = {"num_frequencies": 3, "num_low": 3}
    measured = (mask_moments(m, np.zeros(6, int), **options) for m in (units, concepts))
    # Without what the sketches know, which may only add to it.
    blind = [moments._replace(sketch=nothing_left(moments)) for moments in measured]
    null = chance_level(*blind)
    np.testing.assert_allclose(null.variance, expected, rtol=1e-4)
    assert null_of(units, concepts, **options).variance >= 0.9999 * null.variance


def nothing_left(moments):
    """The sketch that leaves no remainder."""
    whole, spread = moments.sketch, chance._spread(moments, 0).rest
    return np.asarray(whole, np.float64) - spread


@pytest.mark.parametrize("shape", [(30, 12, 9), (30, 70, 60)])
def test_sketches_hold_what_the_longest_waves_do_not(shape):
    """Against the sketch of the difference of two covariance matrices in numpy."""
    size, low = 256, 5
    masks = random_masks(5, (*shape, 1))
    moments = mask_moments(masks, np.zeros(30, int), num_low=low, num_folds=size)
    found = chance._spread(moments, 0).rest[:, 0]
    down, across = in_cells(*shape[1:], *moments.on.shape[1:3])
    cells = np.einsum("yh,nhw,xw->nyx", down, masks[..., 0], across).reshape(30, -1)
    waves = low_waves(*shape[1:], 16, low).reshape(low, -1)
    basis = np.einsum("yh,lhw,xw->lyx", down, waves.reshape(low, *shape[1:]), across)
    shown = masks.reshape(30, -1) @ waves.T @ basis.reshape(low, -1)
    expected = 0
    for sign, flat in ((1, cells), (-1, shown)):
        flat = flat - flat.mean(0)
        first, second = folded(flat[:, :, None], size)
        expected = expected + sign * as_real(first * second, size).sum(0)[0]
    np.testing.assert_allclose(found, expected, atol=1e-3 * np.abs(expected).max())


def test_positions_within_a_cell_are_one_and_the_same():
    units, concepts = (random_masks(k, (7, 4, 6, 1)) for k in (0, 1))
    args = units[..., 0], concepts[..., 0], STRATA
    null = null_of(units, concepts, STRATA, cells=2)
    assert mask_moments(units, STRATA, num_strata=2, cells=2).on.shape == (2, 2, 2, 1)
    # Cells of 2 rows and 3 columns: three times as many as squares of side 1 by 1.5.
    fine = [m.repeat(3, 1).repeat(2, 2) for m in args[:2]]
    expected = reference.mean_on_cells(*fine, STRATA, 6) / 6
    np.testing.assert_allclose(null.mean, expected)


# --- streaming ------------------------------------------------------------------------


@pytest.mark.slow
@settings(deadline=None, max_examples=10)
@given(st.permutations(range(12)), st.sampled_from([1, 3, 4]))
def test_batches_and_their_order_do_not_matter(order, size):
    units, strata = random_masks(2, (12, 6, 5, 3)), np.arange(12) % 2
    whole = mask_moments(units, strata, num_strata=2)
    parts = (order[i : i + size] for i in range(0, 12, size))
    measured = total(lambda part: mask_moments(units[part], strata[part], num_strata=2))
    streamed = accumulate(measured, ((np.array(part),) for part in parts))
    for name, expected in whole._asdict().items():
        exact = np.issubdtype(expected.dtype, np.integer)
        found = getattr(streamed, name)
        np.testing.assert_allclose(found, expected, rtol=0, atol=0 if exact else 1e-5)


@pytest.mark.slow
def test_concepts_of_a_batch_find_their_places():
    concepts, strata = random_masks(3, (8, 4, 4, 3)), np.zeros(8, int)
    whole = mask_moments(concepts, strata)
    present = mask_moments(concepts[..., [2, 0, 0]], strata)
    placed = in_columns(present, np.array([2, 0, -1]), 3)
    other = in_columns(mask_moments(concepts[..., [1]], strata), np.array([1]), 3)
    merged = add(placed, other._replace(images=0, pixels=0, rows=0))
    for found, expected in zip(merged, whole, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_units_and_concepts_change_places():
    units, concepts = (random_masks(k, (9, 4, 4, 2)) for k in (0, 1))
    there, back = null_of(units, concepts), null_of(concepts, units)
    for one, other in zip(there, back, strict=True):
        np.testing.assert_allclose(one, other.T, rtol=1e-10)


# --- p-values -------------------------------------------------------------------------


@pytest.mark.parametrize("skewness", [0.0, 1.5, 8.0])
@pytest.mark.parametrize("times", [1, 2, 5, 20])
def test_p_values_are_the_larger_of_two_tails(skewness, times):
    mean, variance = np.array([[5.0, 0.3, 900.0]]), np.array([[30.0, 9.0, 2500.0]])
    seen = np.ceil(times * mean).astype(int)
    p = p_values(seen, Chance(mean, variance, np.full((1, 3), skewness)))
    skewed = np.maximum(skewness, 2 * np.sqrt(variance) / mean)
    many = stats.pearson3.sf(seen, skewed, mean, np.sqrt(variance))
    # A number of overlaps that is not whole lies between two that are.
    number, rate = seen * mean / variance, mean**2 / variance
    most, least = (stats.poisson.sf(f(number) - 1, rate) for f in (np.floor, np.ceil))
    assert (p >= 0.999999 * np.maximum(many, least)).all()
    assert (p <= 1.000001 * np.maximum(many, most)).all()


def test_nothing_in_common_is_not_significant():
    some = np.full((1, 2), 3.0)
    null = Chance(some, some, 0 * some)
    p = p_values(np.array([[0, 9]]), null)
    assert p[0, 0] == 1 > p[0, 1]


# --- IoU by chance, refusals ----------------------------------------------------------


@pytest.mark.slow
def test_iou_by_chance_is_that_of_the_mean_pairing():
    units, concepts = (random_masks(k, (7, 4, 4, 3)) for k in (0, 1))
    categories = [0, 0, 1]
    counts = accumulate(dissection.overlap(categories), [(units, concepts)])
    mean = null_of(units, concepts).mean
    found = iou_by_chance(counts, mean, categories)
    union = units.sum((0, 1, 2))[:, None] + concepts.sum((0, 1, 2)) - mean
    np.testing.assert_allclose(found, mean / union)
    # Fewer of the unit's pixels count, so the union is smaller.
    within = iou_by_chance(counts, mean, categories, union="category")
    assert (within >= found).all() and (within <= 1).all()
    # Where it must meet the concept, it has at least the pixels it shares.
    met = iou_by_chance(counts, mean, categories, union="met")
    np.testing.assert_allclose(met, mean / np.asarray(counts.concept))
    assert (met >= within).all()
    nothing = counts._replace(
        **{n: 0 * getattr(counts, n) for n in ("unit", "concept")}
    )
    assert (iou_by_chance(nothing, 0 * mean, categories) == 0).all()


@pytest.mark.parametrize("name", ["cells", "num_frequencies", "num_low", "num_folds"])
def test_options_that_mean_nothing_are_refused(name):
    with pytest.raises(BadInput, match=f"`{name}` is 0"):
        mask_moments(np.zeros((1, 2, 2, 1), bool), np.zeros(1, int), **{name: 0})


def test_a_batch_that_float32_cannot_count_is_refused():
    many = np.broadcast_to(np.zeros(1, bool), (2**12, 2**12, 1, 1))
    with pytest.raises(BadInput, match="use smaller batches"):
        mask_moments(many, np.zeros(2**12, int), cells=1)


@pytest.mark.slow
def test_units_and_concepts_of_different_images_are_refused():
    masks, strata = random_masks(0, (7, 3, 2, 1)), np.zeros(7, int)
    whole, part = mask_moments(masks, strata), mask_moments(masks[:5], strata[:5])
    with pytest.raises(BadInput, match="differ in `images`"):
        chance_level(whole, part)


def test_strata_out_of_range_are_refused():
    with pytest.raises(BadInput, match="`strata` has 1; allowed are 0 to 0"):
        mask_moments(random_masks(0, (7, 3, 2, 1)), STRATA)
