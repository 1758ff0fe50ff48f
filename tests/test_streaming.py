"""Streaming statistics equal one numpy call on the whole, however the data is cut."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import dissection as reference

from jaxdissect.base import BadInput
from jaxdissect.streaming import (
    accumulate,
    add,
    combine,
    tail_count,
    top_examples,
    total,
    upper_quantile,
)


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


@settings(deadline=None)
@given(cut_arrays(), st.integers(1, 6))
def test_top_examples_equal_a_full_sort_with_ties_by_index(case, k):
    peaks, cuts = case
    indices = np.arange(len(peaks)) + 100
    batches = zip(np.split(peaks, cuts), np.split(indices, cuts), strict=True)
    top = accumulate(top_examples(k), batches)
    for unit in range(peaks.shape[1]):
        ranked = sorted(range(len(peaks)), key=lambda i: (-peaks[i, unit], i))[:k]
        assert top.indices[unit].tolist() == [100 + i for i in ranked]
        assert top.peaks[unit].tolist() == peaks[ranked, unit].tolist()


def test_counts_pass_two_to_the_31():
    near = np.int32(2**31 - 1)
    assert accumulate(total(), [(near,)] * 3).item() == 3 * (2**31 - 1)
    assert add(near, near).dtype == np.int64


def test_combined_statistics_are_those_measured_apart():
    batches = [(np.arange(6).reshape(3, 2),), (np.arange(4).reshape(2, 2),)]
    quantile, summed = upper_quantile(0.5, 5), total(lambda x: x.sum(0))
    both = accumulate(combine(quantile=quantile, total=summed), batches)
    np.testing.assert_array_equal(both["quantile"], accumulate(quantile, batches))
    np.testing.assert_array_equal(both["total"], accumulate(summed, batches))


def test_rounding_does_not_move_the_rank():
    assert tail_count(0.01, 300) == 3
    assert tail_count(0.005, 1000) == 5
    assert tail_count(1e-9, 10) == 1


@pytest.mark.parametrize("tail_mass", [0.0, -0.1, 1.5])
def test_impossible_tail_mass_is_refused(tail_mass):
    with pytest.raises(BadInput, match="`tail_mass`"):
        upper_quantile(tail_mass, 10)


def test_empty_and_short_data_are_refused():
    with pytest.raises(BadInput, match="`batches` is empty"):
        accumulate(total(), [])
    with pytest.raises(BadInput, match="but 2 values per unit arrived"):
        accumulate(upper_quantile(0.5, 10), [(np.zeros((2, 1)),)])
    with pytest.raises(BadInput, match="`num_values` is 2, but 3"):
        accumulate(upper_quantile(0.5, 2), [(np.zeros((3, 1)),)])
