"""Powers of rotations: a path from the units as they are to a random basis."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdissect import ablation
from jaxdissect.base import Split

UNITS = 7


def drawn(seed):
    return np.asarray(ablation.random_rotation(jax.random.key(seed), UNITS))


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 2**31 - 1), st.floats(0, 1), st.floats(0, 1))
def test_powers_are_rotations_that_add_up(seed, a, b):
    rotation = drawn(seed)
    one, other, both = (ablation.rotation_power(rotation, p) for p in (a, b, a + b))
    np.testing.assert_allclose(one @ other, both, atol=2e-5)
    np.testing.assert_allclose(one @ one.T, np.eye(UNITS), atol=2e-5)
    assert np.linalg.det(one) == pytest.approx(1, abs=1e-4)


def test_power_0_changes_nothing_and_power_1_is_the_rotation():
    rotation = drawn(0)
    nothing, whole = (ablation.rotation_power(rotation, p) for p in (0.0, 1.0))
    np.testing.assert_allclose(nothing, np.eye(UNITS), atol=1e-6)
    np.testing.assert_allclose(whole, rotation, atol=1e-6)


def test_the_further_the_less_is_left_of_a_unit():
    rotation = drawn(0)
    powers = np.linspace(0, 1, 5)
    left = [np.trace(ablation.rotation_power(rotation, p)) for p in powers.tolist()]
    assert left == sorted(left, reverse=True)


@pytest.mark.parametrize("power", [0.25, 1.0])
def test_the_function_of_the_network_is_unchanged(power):
    weights = np.random.default_rng(0).normal(size=(UNITS, 3)).astype(np.float32)
    split = Split(lambda params, x: x, lambda params, acts: acts @ weights)
    turned = ablation.rotated(split, ablation.rotation_power(drawn(1), power))
    x = np.random.default_rng(1).normal(size=(4, UNITS)).astype(np.float32)
    acts = turned.trunk({}, x)
    assert not np.allclose(acts, x, atol=0.1)
    np.testing.assert_allclose(turned.tail({}, acts), x @ weights, rtol=1e-4, atol=1e-5)
