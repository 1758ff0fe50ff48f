"""Two dissections compared: counts by hand, matchings by trying all of them."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdissect.dissection import Dissection, label_units, matching
from jaxdissect.dissection import matching as comparison
from jaxdissect.dissection.matching import Side
from jaxdissect.errors import BadInput
from jaxdissect.intervals import Interval

CONCEPTS = [("tree", "object"), ("tree", "part"), ("red", "colour"), ("car", "object")]
OTHERS = [("car", "object"), ("sky", "object"), ("tree", "part"), ("red", "colour")]
SHARED = [("car", "object"), ("tree", "part"), ("red", "colour")]
REVERSED = {"kept": "kept", "gained": "lost", "lost": "gained"}

values = st.sampled_from([0.0, 0.01, 0.03, 0.05, 0.2, 0.21])
rows = st.lists(st.lists(values, min_size=4, max_size=4), min_size=1, max_size=4)


def side(iou, concepts=CONCEPTS, min_iou=0.04):
    iou = np.array(iou, float)
    labels = label_units(iou, min_iou=min_iou)
    return Side(Dissection(np.ones(len(iou)), None, iou, labels), concepts)


def random_side(seed, units=6, concepts=CONCEPTS):
    rng = np.random.default_rng(seed)
    return side(rng.random((units, len(concepts))), concepts)


def permuted(one, units, columns):
    iou = one.result.iou[np.ix_(units, columns)]
    return side(iou, [one.concepts[c] for c in columns])


@settings(deadline=None, max_examples=40)
@given(rows, rows)
def test_concepts_are_counted_as_by_hand(a, b):
    found = comparison.concept_changes(side(a), side(b, OTHERS))
    assert found.concepts == (*CONCEPTS, ("sky", "object"))
    for c, concept in enumerate(found.concepts):
        counts = []
        for k, (iou, concepts) in enumerate(((a, CONCEPTS), (b, OTHERS))):
            best = [max(row) for row in iou]
            labels = [concepts[row.index(max(row))] for row in iou]
            counts.append(
                sum(
                    label == concept and top > 0.04
                    for label, top in zip(labels, best, strict=True)
                )
            )
            column = concepts.index(concept) if concept in concepts else None
            highest = 0 if column is None else max(row[column] for row in iou)
            assert found.best_iou[k, c] == highest
        assert found.detectors[:, c].tolist() == counts
        if concept not in SHARED:
            expected = "unshared"
        elif counts[0] and counts[1]:
            expected = "kept"
        elif counts[1]:
            expected = "gained"
        else:
            expected = "lost" if counts[0] else "undetected"
        assert found.status[c] == expected


@settings(deadline=None, max_examples=40)
@given(rows, rows)
def test_the_other_way_round_what_was_gained_is_lost(a, b):
    there = comparison.concept_changes(side(a), side(b))
    back = comparison.concept_changes(side(b), side(a))
    assert [REVERSED.get(s, s) for s in there.status] == list(back.status)
    np.testing.assert_array_equal(there.detectors, back.detectors[::-1])
    similarity = matching.profile_similarity(side(a), side(b))
    reverse = matching.profile_similarity(side(b), side(a))
    np.testing.assert_allclose(similarity, reverse.T, atol=1e-12)


@settings(deadline=None, max_examples=40)
@given(rows, rows)
def test_similarity_is_the_cosine_over_shared_concepts(a, b):
    found = matching.profile_similarity(side(a), side(b, OTHERS))
    for u, row in enumerate(a):
        for v, other in enumerate(b):
            p = [row[CONCEPTS.index(concept)] for concept in SHARED]
            q = [other[OTHERS.index(concept)] for concept in SHARED]
            both = math.hypot(*p) * math.hypot(*q)
            dot = sum(x * y for x, y in zip(p, q, strict=True))
            assert abs(found[u, v] - (dot / both if both else 0)) < 1e-12
    assert ((found >= 0) & (found <= 1)).all()


def test_neither_the_size_of_the_iou_nor_the_order_of_concepts_matters():
    a, b = random_side(0), random_side(1)
    scaled = side(b.result.iou * np.linspace(0.1, 0.9, 6)[:, None])
    shuffled = permuted(scaled, range(6), [2, 0, 3, 1])
    np.testing.assert_allclose(
        matching.profile_similarity(a, b),
        matching.profile_similarity(a, shuffled),
        atol=1e-12,
    )


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(1, 4))
def test_no_other_matching_has_a_larger_sum(seed, units, others):
    similarity = np.random.default_rng(seed).random((units, others)).round(1)
    found = matching.match_by_profile(similarity)
    short, long = sorted((units, others))
    wide = similarity if units <= others else similarity.T
    best = max(
        sum(wide[k, other] for k, other in enumerate(chosen))
        for chosen in itertools.permutations(range(long), short)
    )
    assert len(set(found.first)) == len(found.first) == len(set(found.second))
    np.testing.assert_array_equal(
        found.similarity, similarity[found.first, found.second]
    )
    assert abs(found.similarity.sum() - best) < 1e-12


def test_shuffled_units_are_found_again():
    a, order = random_side(2, units=40), np.random.default_rng(3).permutation(40)
    noise = 1 + 0.02 * np.random.default_rng(4).random((40, 4))
    b = side((a.result.iou * noise)[order])
    found = matching.match_by_profile(matching.profile_similarity(a, b))
    np.testing.assert_array_equal(order[found.second], found.first)
    changes = comparison.unit_changes(a, b, found)
    assert changes.same_label.mean() > 0.9


def test_units_that_resemble_none_are_left_without_a_partner():
    a = side([[0.1, 0, 0, 0], [0, 0, 0, 0], [0, 0.2, 0, 0]])
    b = side([[0, 0.1, 0, 0], [0, 0, 0.1, 0]])
    found = matching.match_by_profile(matching.profile_similarity(a, b))
    assert (found.first.tolist(), found.second.tolist()) == ([2], [0])


def test_by_number_units_correspond_to_themselves():
    a, b = random_side(5), random_side(6)
    similarity = matching.profile_similarity(a, b)
    found = matching.match_by_number(similarity)
    assert found.first.tolist() == found.second.tolist() == list(range(6))
    assert found.similarity.tolist() == [similarity[u, u] for u in range(6)]


@pytest.mark.parametrize("by", [matching.match_by_number, matching.match_by_profile])
def test_nothing_changes_from_a_dissection_to_itself(by):
    a = random_side(7)
    found = comparison.unit_changes(a, a, by(matching.profile_similarity(a, a)))
    np.testing.assert_allclose(found.matching.similarity, 1)
    assert found.same_label.all() and not found.iou_change.any()
    assert set(found.status) == {"kept"}
    assert set(comparison.concept_changes(a, a).status) <= {"kept", "undetected"}


@pytest.mark.parametrize(
    ("before", "after", "status", "same_label"),
    [
        ([0.3, 0, 0, 0], [0.1, 0, 0, 0], "kept", True),
        ([0.3, 0, 0, 0], [0.1, 0.2, 0, 0], "relabelled", False),
        ([0.3, 0, 0, 0], [0.03, 0, 0, 0], "lost", True),
        ([0.03, 0, 0, 0], [0, 0.3, 0, 0], "gained", False),
        ([0.03, 0, 0, 0], [0.02, 0, 0, 0], "neither", True),
        ([0, 0, 0, 0], [0, 0, 0, 0], "neither", False),
    ],
)
def test_what_became_of_a_unit(before, after, status, same_label):
    same = np.zeros(1, int)
    shown = matching.Matching(same, same, np.ones(1))
    # The second's concepts are the first's, numbered otherwise.
    b = permuted(side([after]), [0], [3, 1, 0, 2])
    found = comparison.unit_changes(side([before]), b, shown)
    assert (found.status, found.same_label.tolist()) == ((status,), [same_label])
    np.testing.assert_allclose(found.iou_change, max(after) - max(before))


def test_units_are_compared_with_their_partners():
    a, b = side([[0.3, 0, 0, 0], [0, 0.2, 0, 0]]), side([[0, 0.1, 0, 0]])
    found = matching.match_by_profile(matching.profile_similarity(a, b))
    changes = comparison.unit_changes(a, b, found)
    assert changes.matching.first.tolist() == [1] and changes.status == ("kept",)
    np.testing.assert_allclose(changes.iou_change, [-0.1])


def test_a_change_is_clear_where_no_value_is_in_both_intervals():
    low, high = np.array([0.1, 0.2, 0.3, 0.3]), np.array([0.2, 0.3, 0.4, 0.4])
    other_low, other_high = np.array([0.2, 0.35, 0.05, 0.35]), np.array([0.4] * 4)
    other_high[2] = 0.25
    units = np.arange(4)
    found = comparison.clear_changes(
        matching.Matching(units, units[::-1], np.ones(4)),
        Interval(low, high),
        Interval(other_low[::-1], other_high[::-1]),
    )
    assert found.tolist() == [False, True, True, False]


def test_what_cannot_be_compared_is_refused():
    a = random_side(8)
    with pytest.raises(BadInput, match="`second` has 3 concepts; its IoU have 4"):
        comparison.concept_changes(a, a._replace(concepts=CONCEPTS[:3]))
    twice = a._replace(concepts=[*CONCEPTS[:3], CONCEPTS[0]])
    with pytest.raises(BadInput, match=r"`first` has the concept 'tree' .* twice"):
        matching.profile_similarity(twice, a)
    strangers = a._replace(concepts=[(name, "other") for name in "abcd"])
    with pytest.raises(BadInput, match="no concept in common"):
        matching.profile_similarity(a, strangers)
    with pytest.raises(BadInput, match="of 6 and 5 units"):
        matching.match_by_number(np.zeros((6, 5)))
