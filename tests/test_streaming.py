"""Streaming statistics equal one numpy call on the whole, however the data is cut."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdissect.errors import BadInput
from jaxdissect.streaming import (
    accumulate,
    add,
    combine,
    top_examples,
    total,
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
    number, summed = total(len), total(lambda x: x.sum(0))
    both = accumulate(combine(number=number, total=summed), batches)
    np.testing.assert_array_equal(both["number"], accumulate(number, batches))
    np.testing.assert_array_equal(both["total"], accumulate(summed, batches))


def test_no_data_is_refused():
    with pytest.raises(BadInput, match="`batches` is empty"):
        accumulate(total(), [])
