"""Tests and intervals equal their definitions, and intervals cover what they should."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import significance as reference
from scipy import stats

from jaxdissect import intervals, significance
from jaxdissect.errors import BadInput

HALVES = np.array([0.5, 0.5])
whole_values = st.integers(-100, 100).map(float)
few_values = st.integers(0, 4).map(float)
pairs = st.lists(st.tuples(few_values, few_values), min_size=3, max_size=8)


def change(key, gained, lost, number=(80, 600), **options):
    counts = (np.array(c) for c in (gained, lost, number))
    return intervals.change_interval(key, *counts, HALVES, **options)


# --- tests ----------------------------------------------------------------------------


def test_mcnemar_equals_the_count_of_outcomes():
    lost, gained = np.mgrid[:13, :13]
    expected = np.vectorize(reference.mcnemar, otypes=[float])(lost, gained)
    np.testing.assert_allclose(significance.mcnemar(lost, gained), expected)


@pytest.mark.parametrize(("lost", "gained"), [(0, 9), (40, 61), (700, 650), (5, 5)])
def test_mcnemar_is_the_binomial_test(lost, gained):
    p = significance.mcnemar(np.array(lost), np.array(gained))
    np.testing.assert_allclose(p, stats.binomtest(lost, lost + gained).pvalue)


def test_narrow_counts_do_not_wrap_around():
    p = significance.mcnemar(np.array([200], np.uint8), np.array([100], np.uint8))
    np.testing.assert_allclose(p, [reference.mcnemar(200, 100)])


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), max_size=6))
def test_false_discovery_takes_a_table_as_one_family(rows):
    p_values = np.array(rows, np.float64).reshape(-1, 2)
    expected = reference.false_discovery(p_values.ravel().tolist())
    q = significance.false_discovery(p_values)
    np.testing.assert_allclose(q, np.reshape(expected, p_values.shape), 1e-12)


# --- the interval of a change ---------------------------------------------------------


def test_a_change_is_covered_as_often_as_promised(key):
    # Truth: weights . (gained - lost) = (.05 - .15 + .03 - .02) / 2.
    generator = np.random.default_rng(3)
    own = generator.multinomial(80, [0.05, 0.15, 0.8], 400)
    others = generator.multinomial(600, [0.03, 0.02, 0.95], 400)
    gained, lost, _ = np.stack([own, others], -1).transpose(1, 0, 2)
    low, high = change(key, gained, lost, num_draws=500)
    covered = np.mean((low <= -0.045) & (high >= -0.045))
    assert 0.9 <= covered <= 0.99


def test_a_change_is_that_of_resampled_images(key):
    gained, lost, number = [12, 4], [5, 9], [60, 90]
    counts = zip(gained, lost, number, strict=True)
    images = [[1] * g + [-1] * b + [0] * (n - g - b) for g, b, n in counts]
    draws = reference.change_draws(images, HALVES, num_draws=4000, seed=1)
    expected = np.quantile(draws, [0.1, 0.9])
    found = change(key, gained, lost, number, level=0.8, num_draws=20_000)
    # An end of 4000 draws has a standard error of .001: sqrt(.1 .9 / 4000) / density.
    np.testing.assert_allclose(found, expected, atol=4e-3)


def test_swapping_gained_and_lost_mirrors_the_change(key):
    one = change(key, [12, 4], [5, 9], num_draws=20_000)
    other = change(key, [5, 9], [12, 4], num_draws=20_000)
    np.testing.assert_allclose([-other.high, -other.low], one, atol=3e-3)


def test_no_changed_image_and_no_image_at_all_give_zero(key):
    nothing = np.zeros((2, 3, 2), int)
    for bounds in change(key, nothing, nothing, [5, 0]):
        assert bounds.tolist() == np.zeros((2, 3)).tolist()
    # A stratum without images adds nothing: half the gain of the other, certain here.
    assert [end.tolist() for end in change(key, [5, 0], [0, 0], [5, 0])] == [0.5, 0.5]


def test_a_table_is_its_cells_in_any_chunks(key, monkeypatch):
    generator = np.random.default_rng(0)
    gained, lost = generator.integers(0, 20, (2, 6, 5, 2))
    low, high = change(key, gained, lost)
    monkeypatch.setattr(intervals, "BUFFER_BYTES", 1)
    chunked = change(key, gained, lost)
    np.testing.assert_allclose([low, high], chunked, atol=0.02)
    middle = ((gained - lost) / [80, 600] / 2).sum(-1)
    assert ((low <= middle) & (middle <= high)).all()


# --- intervals of means ---------------------------------------------------------------


@settings(deadline=None)
@given(st.lists(whole_values, min_size=2, max_size=9), st.floats(0.1, 0.999))
def test_mean_interval_is_that_of_the_values(values, level):
    number = np.array(len(values))
    sums = np.array(sum(values)), np.array(sum(v * v for v in values))
    scale = max(stats.sem(values), 1e-300)  # scipy has no distribution of width 0
    expected = stats.t.interval(level, number - 1, np.mean(values), scale)
    found = intervals.mean_interval(*sums, number, level=level)
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_equal_values_have_the_interval_of_their_mean():
    total, squared = np.array([0.3, 3.0]), np.array([0.03, 3.0])
    low, high = intervals.mean_interval(total, squared, np.array(3))
    np.testing.assert_allclose(low, [0.1, 1], atol=1e-7)
    np.testing.assert_allclose(high, [0.1, 1], atol=1e-7)


def test_bootstrap_of_many_values_agrees_with_student(key):
    values = np.random.default_rng(5).normal(size=(3, 200))
    sums = values.sum(-1), (values**2).sum(-1)
    expected = intervals.mean_interval(*sums, np.array(200))
    found = intervals.bootstrap_mean(key, values)
    np.testing.assert_allclose(found, expected, atol=0.02)


# --- rank correlation -----------------------------------------------------------------


@settings(deadline=None, max_examples=50)
@given(pairs)
def test_rank_correlation_equals_the_reference(pairs):
    x, y = zip(*pairs, strict=True)
    found = intervals.rank_correlation(
        jax.random.key(0), np.array(x), np.array(y), num_draws=50
    )
    np.testing.assert_allclose(found.value, reference.rank_correlation(x, y), atol=1e-9)
    assert -1 <= found.low <= found.high <= 1


def test_rank_correlation_is_scipys_and_its_interval_that_of_a_loop(key):
    generator = np.random.default_rng(2)
    x = generator.normal(size=60)
    y = np.round(x + generator.normal(size=60))
    found = intervals.rank_correlation(key, x, y)
    np.testing.assert_allclose(found.value, stats.spearmanr(x, y).statistic)
    resamples = generator.integers(0, 60, (1000, 60))
    draws = [stats.spearmanr(x[i], y[i]).statistic for i in resamples]
    ends = np.quantile(draws, [0.025, 0.975])
    np.testing.assert_allclose([found.low, found.high], ends, atol=0.04)


def test_order_alone_counts_and_a_constant_has_none(key):
    x = np.arange(9.0)
    rising = intervals.rank_correlation(key, x, np.exp(x))
    assert (rising.value, rising.high) == (1, 1)
    assert intervals.rank_correlation(key, x, np.ones(9)) == (0, 0, 0)


# --- the key, and refusals ------------------------------------------------------------


def test_the_key_decides_the_draws(key):
    values = np.random.default_rng(0).normal(size=20)
    keys = key, key, jax.random.key(8)
    one, same, other = (intervals.bootstrap_mean(k, values) for k in keys)
    assert one == same
    assert one != other


ONE, TWO, KEY = np.array([1]), np.array([2]), jax.random.key(0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: significance.mcnemar(np.array([-1]), ONE), "`lost` holds -1"),
        (lambda: significance.false_discovery(np.array([0.1, 1.5])), "holds 1.5"),
        (lambda: significance.false_discovery(np.array([np.nan])), "holds nan"),
        (lambda: change(KEY, [3, 0], [3, 0], [5, 5]), "is 6; `number` allows 5"),
        (lambda: change(KEY, [1, 0], [0, 0], level=1.0), "`level` is 1.0"),
        (lambda: change(KEY, [1, 0], [0, 0], num_draws=39), "at least 40"),
        (lambda: intervals.mean_interval(ONE / 1, ONE / 1, ONE), "holds 1; an"),
        (lambda: intervals.mean_interval(TWO / 1, ONE / 1, TWO), "its least value"),
        (lambda: intervals.mean_interval(np.inf * ONE, ONE / 1, TWO), "holds inf"),
        (lambda: intervals.bootstrap_mean(KEY, np.ones((4, 1))), "has length 1"),
        (lambda: intervals.rank_correlation(KEY, np.ones(3), np.ones(4)), "`y` has"),
        (lambda: intervals.rank_correlation(KEY, np.ones(2), np.ones(2)), "least 3"),
    ],
)
def test_what_cannot_be_meant_is_refused(call, message):
    with pytest.raises(BadInput, match=message):
        call()
