"""What attacks do to units: peaks and the groups of units they are averaged over."""

from inspect import unwrap

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdissect.attacks import peak_changes, role_changes
from jaxdissect.errors import BadInput

RNG = np.random.default_rng(0)
IMPORTANT = np.array([[3, 5], [5, 0], [7, 1]])
SOURCES, TARGETS = np.array([0, 1, 2, 0, 2]), np.array([1, 2, 0, 2, 1])
CHANGES = RNG.normal(size=(5, 8)).astype(np.float32)

seeds = st.integers(0, 2**16)


@settings(deadline=None, max_examples=10)
@given(seeds)
def test_a_peak_is_the_highest_activation_wherever_it_is(seed):
    before, after = np.random.default_rng(seed).normal(size=(2, 3, 4, 5, 6))
    found = peak_changes(before.astype(np.float32), after.astype(np.float32))
    for n in range(3):
        for unit in range(6):
            rise = after[n, ..., unit].max() - before[n, ..., unit].max()
            assert found[n, unit] == pytest.approx(rise, abs=1e-5)


def test_moving_a_peak_elsewhere_is_no_change():
    before = RNG.normal(size=(2, 4, 4, 3)).astype(np.float32)
    after = np.roll(before, (1, 2), axis=(1, 2))
    np.testing.assert_array_equal(peak_changes(before, after), 0)


def roles(key, changes=CHANGES, important=IMPORTANT):
    return role_changes(key, changes, important, SOURCES, TARGETS)


def test_groups_are_averaged_image_by_image_and_the_others_are_in_neither(key):
    found = roles(key)
    for n, (source, target) in enumerate(zip(SOURCES, TARGETS, strict=True)):
        size = np.abs(CHANGES[n])
        either = set(IMPORTANT[source]) | set(IMPORTANT[target])
        others = [size[unit] for unit in range(8) if unit not in either]
        assert found.target[n] == pytest.approx(size[IMPORTANT[target]].mean())
        assert found.source[n] == pytest.approx(size[IMPORTANT[source]].mean())
        assert found.others[n] == pytest.approx(np.mean(others))


def test_the_random_group_is_as_many_different_units_and_stands_for_all():
    # Every pair of units has a sum of its own.
    changes = np.tile(2.0 ** np.arange(8, dtype=np.float32), (5, 1))
    pairs = {(2.0**i + 2.0**j) / 2 for i in range(8) for j in range(i)}
    drawn = np.array([roles(k, changes).random for k in keys(40)])
    assert set(drawn.ravel()) <= pairs
    assert len(set(drawn.ravel())) > 20
    spread = changes[0].std() / np.sqrt(2 * drawn.size)
    assert abs(drawn.mean() - changes.mean()) < 4 * spread


def keys(number):
    return jax.random.split(jax.random.key(0), number)


@settings(deadline=None, max_examples=10)
@given(seeds)
def test_only_the_random_group_depends_on_the_key(seed):
    first, again = roles(jax.random.key(seed)), roles(jax.random.key(seed))
    other = roles(jax.random.key(seed + 1))
    for name in first._fields:
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
        if name != "random":
            np.testing.assert_array_equal(getattr(first, name), getattr(other, name))


@settings(deadline=None, max_examples=10)
@given(st.permutations(range(8)))
def test_renumbering_the_units_changes_no_group_but_the_random_one(order):
    key, order = jax.random.key(0), np.array(order)
    found = roles(key, CHANGES[:, order], order.argsort()[IMPORTANT])
    for name in ("target", "source", "others"):
        expected = getattr(roles(key), name)
        np.testing.assert_allclose(getattr(found, name), expected, rtol=1e-6)


def test_what_moves_only_the_units_of_two_classes_shows_there(key):
    changes = np.zeros((5, 8), np.float32)
    for n in range(5):
        changes[n, IMPORTANT[TARGETS[n]]] = 2
        changes[n, IMPORTANT[SOURCES[n]]] = -3
    found = roles(key, changes)
    assert (found.others == 0).all()
    assert (found.source == 3).all()
    assert (found.target >= 2).all()


def test_a_source_that_is_the_target_is_refused(key):
    with pytest.raises(BadInput, match="`sources` has class 2 for image 1"):
        role_changes(key, CHANGES, IMPORTANT, np.array([0, 2, 2, 0, 2]), TARGETS)


def test_units_that_leave_none_for_the_others_are_refused(key):
    with pytest.raises(BadInput, match=r"`important` has 2 units .* of 4 units none"):
        role_changes(key, CHANGES[:, :4], IMPORTANT % 4, SOURCES, TARGETS)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"changes": np.full((2, 5), np.nan)}, "`changes` holds nan"),
        ({"important": np.array([[0], [5]])}, "`important` has 5; allowed are 0 to 4"),
        ({"sources": np.array([0, 2])}, "`sources` has 2; allowed are 0 to 1"),
        ({"targets": np.array([1, -1])}, "`targets` has -1"),
        ({"targets": np.array([1])}, "`targets` has the shape"),
        ({"important": np.zeros((2, 0), int)}, "`important` has the shape"),
    ],
)
def test_units_and_classes_that_are_none_are_refused(key, change, message):
    given = {
        "changes": np.ones((2, 5)),
        "important": np.array([[0], [1]]),
        "sources": np.array([0, 1]),
        "targets": np.array([1, 0]),
    }
    # `unwrap` gets past the checks of types, which are on under pytest only.
    with pytest.raises(BadInput, match=message):
        unwrap(role_changes)(key, **given | change)


@pytest.mark.parametrize("shape", [(1, 2, 2, 3), (2, 2, 2, 4), (2, 0, 2, 3)])
def test_maps_of_two_shapes_have_no_changes(shape):
    with pytest.raises(BadInput, match="has the shape"):
        unwrap(peak_changes)(np.zeros((2, 2, 2, 3)), np.zeros(shape))
