"""Exact quantiles, kept or counted bit by bit, however the data is cut."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import dissection as reference

from jaxdissect import quantiles
from jaxdissect.errors import BadInput
from jaxdissect.quantiles import tail_count, upper_quantile
from jaxdissect.streaming import accumulate


@st.composite
def cut_arrays(draw):
    """Values [N U] with many ties, and the places to cut them into batches."""
    rows, units = draw(st.integers(1, 40)), draw(st.integers(1, 3))
    seed = draw(st.integers(0, 2**32 - 1))
    values = np.random.default_rng(seed).integers(-5, 6, (rows, units)) / 4
    cuts = draw(st.lists(st.integers(1, rows), max_size=5, unique=True))
    return values.astype(np.float32), sorted(c for c in cuts if c < rows)


@settings(deadline=None)
@given(cut_arrays(), st.floats(0.01, 1.0))
def test_upper_quantile_equals_the_whole_array_s(case, tail_mass):
    values, cuts = case
    statistic = upper_quantile(tail_mass, len(values))
    streamed = accumulate(statistic, ((part,) for part in np.split(values, cuts)))
    np.testing.assert_array_equal(streamed, reference.upper_quantile(values, tail_mass))


def test_tail_above_the_threshold_is_what_was_asked_for():
    values = np.random.default_rng(0).normal(size=(10_000, 4)).astype(np.float32)
    thresholds = accumulate(upper_quantile(0.01, len(values)), [(values,)])
    above = (values > thresholds).mean(0)
    assert (above <= 0.01).all()
    assert (above >= 0.01 - 1 / len(values)).all()


def in_digits(tail_mass, batches, num_values, bits):
    num_units = batches[0].shape[-1]
    bracket = quantiles.open_bracket(tail_mass, num_values, num_units)
    while bracket.known < quantiles.BITS:
        statistic = quantiles.next_digits(bracket, bits)
        bracket = accumulate(statistic, ((part,) for part in batches))
        yield bracket


@pytest.mark.slow
@settings(deadline=None)
@given(cut_arrays(), st.floats(0.01, 1.0), st.sampled_from([3, 11, 16]))
def test_counting_digits_gives_the_same_quantile(case, tail_mass, bits):
    values, cuts = case
    expected = reference.upper_quantile(values, tail_mass)
    batches = np.split(values, cuts)
    for bracket in in_digits(tail_mass, batches, len(values), bits):
        low, high = quantiles.bounds(bracket)
        if bracket.known > 8:  # else the greatest value may be no number
            assert (low <= expected).all()
            assert (expected <= high).all()
    np.testing.assert_array_equal(low, expected)
    np.testing.assert_array_equal(high, expected)


def test_digits_order_all_floats_and_make_nothing_of_the_sign_of_zero():
    values = np.array([0.0, -0.0, 1e-45, -1e-45, 3e38, -3e38, 1, -1], np.float32)
    for rank in range(1, 9):
        *_, last = in_digits(rank / 8, [values[:, None]], 8, 11)
        assert quantiles.bounds(last)[0].item() == np.sort(values)[-rank]


def test_halves_merge_into_the_whole():
    values = np.random.default_rng(0).normal(size=(500, 3)).astype(np.float32)
    statistic = upper_quantile(0.02, 500)
    parts = [statistic.measure(part) for part in np.split(values, 10)]
    left, right = parts[0], parts[5]
    for part in parts[1:5]:
        left = statistic.merge(left, part)
    for part in parts[6:]:
        right = statistic.merge(part, right)
    merged = statistic.value(statistic.merge(left, right))
    np.testing.assert_array_equal(merged, accumulate(statistic, [(values,)]))


def test_rounding_does_not_move_the_rank():
    assert tail_count(0.01, 300) == 3
    assert tail_count(0.005, 1000) == 5
    assert tail_count(1e-9, 10) == 1


@pytest.mark.parametrize("tail_mass", [0.0, -0.1, 1.5])
def test_impossible_tail_mass_is_refused(tail_mass):
    with pytest.raises(BadInput, match="`tail_mass`"):
        upper_quantile(tail_mass, 10)


def test_short_data_are_refused():
    with pytest.raises(BadInput, match="but 2 values per unit arrived"):
        accumulate(upper_quantile(0.5, 10), [(np.zeros((2, 1)),)])
    with pytest.raises(BadInput, match="`num_values` is 2, but 3"):
        accumulate(upper_quantile(0.5, 2), [(np.zeros((3, 1)),)])
    bracket = quantiles.open_bracket(0.5, 10, 1)
    with pytest.raises(BadInput, match="every pass needs all values"):
        accumulate(quantiles.next_digits(bracket, 8), [(np.zeros((2, 1)),)])
