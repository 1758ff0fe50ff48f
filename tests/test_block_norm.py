"""Block norms equal the formula, the norms they contain, and never give NaN."""

import inspect
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdissect.errors import BadInput
from jaxdissect.regularizers import block_norm as module
from jaxdissect.regularizers.block_norm import block_norm, group_norms, groups

EXPONENTS = [1.0, 1.5, 2.0, 3.0, 40.0, math.inf]
exponents = st.sampled_from(EXPONENTS) | st.floats(1, 60)


def kernel_of(num_filters=7, seed=0):
    shape = (2, 2, 3, num_filters)
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def numpy_norm(values, p):
    return np.linalg.norm(np.ravel(values).astype(np.float64), p)


def numpy_members(num_filters, num_groups, leftovers):
    size = num_filters // num_groups
    starts = range(0, num_filters, size)
    members = [range(s, min(s + size, num_filters)) for s in starts]
    return members if leftovers == "grouped" else members[:num_groups]


of_kernels = given(
    exponents,
    exponents,
    st.sampled_from([(5, 1), (5, 5), (7, 2), (7, 3), (9, 5), (9, 4)]),
    st.sampled_from(["grouped", "free"]),
)


# Every example is another program to compile.
@settings(deadline=None, max_examples=4)
@of_kernels
def test_equals_the_formula(p, q, filters_and_groups, leftovers):
    assert_equals_the_formula(p, q, filters_and_groups, leftovers)


@pytest.mark.slow
@settings(deadline=None, max_examples=40)
@of_kernels
def test_equals_the_formula_of_many(p, q, filters_and_groups, leftovers):
    assert_equals_the_formula(p, q, filters_and_groups, leftovers)


def assert_equals_the_formula(p, q, filters_and_groups, leftovers):
    num_filters, num_groups = filters_and_groups
    kernels = [kernel_of(num_filters, seed) for seed in (1, 2)]
    options = {"num_groups": num_groups, "p": p, "leftovers": leftovers}
    members = numpy_members(num_filters, num_groups, leftovers)
    betas = [[numpy_norm(k[..., m], p) for m in members] for k in kernels]
    for kernel, beta in zip(kernels, betas, strict=True):
        got = group_norms(jnp.array(kernel), **options)
        np.testing.assert_allclose(got, beta, rtol=1e-5)
    total = block_norm([jnp.array(k) for k in kernels], q=q, **options)
    want = sum(numpy_norm(beta, q) for beta in betas)
    np.testing.assert_allclose(total, want, rtol=1e-5)


def test_64_filters_in_five_groups_are_five_of_12_and_one_of_4():
    assert np.bincount(groups(64, 5)).tolist() == [12] * 5 + [4]
    free = groups(64, 5, leftovers="free")
    assert np.bincount(free[free >= 0]).tolist() == [12] * 5
    assert (free == -1).sum() == 4


@given(st.integers(1, 40), st.integers(1, 40))
def test_groups_are_contiguous_equal_and_only_the_last_is_smaller(filters, num):
    num = min(num, filters)
    numbers = groups(filters, num)
    sizes = np.bincount(numbers)
    assert (np.diff(numbers) >= 0).all() and len(sizes) >= num
    assert (sizes[:-1] == filters // num).all() and 0 < sizes[-1] <= filters // num
    free = groups(filters, num, leftovers="free")
    assert (np.bincount(free[free >= 0]) == filters // num).all()
    assert free.max() == num - 1


@pytest.mark.parametrize("p", [1.0, 2.0, math.inf])
def test_equal_exponents_are_the_plain_norm_of_the_layer(p):
    kernel = kernel_of()
    got = block_norm([jnp.array(kernel)], num_groups=3, p=p, q=p)
    np.testing.assert_allclose(got, numpy_norm(kernel, p), rtol=1e-6)


@pytest.mark.slow
def test_group_lasso_pulls_every_group_with_the_same_force():
    kernel = kernel_of() * np.array([1e-3] * 3 + [1e3] * 3 + [1], np.float32)
    grads = jax.grad(lambda k: block_norm([k], num_groups=2))(jnp.array(kernel))
    for part in (slice(0, 3), slice(3, 6), slice(6, 7)):
        want = kernel[..., part] / numpy_norm(kernel[..., part], 2)
        np.testing.assert_allclose(grads[..., part], want, rtol=1e-5)


@pytest.mark.slow
def test_free_filters_are_not_pulled():
    norm = lambda k: block_norm([k], num_groups=2, leftovers="free")  # noqa: E731
    grads = jax.grad(norm)(jnp.array(kernel_of()))
    assert (grads[..., :6] != 0).all() and (grads[..., 6] == 0).all()


@pytest.mark.slow
@settings(deadline=None, max_examples=20)
@given(exponents, exponents, st.sampled_from([1e-25, 1e-3, 7.0, 1e25]))
def test_homogeneous_of_degree_one_over_fifty_decades(p, q, factor):
    kernel = jnp.array(kernel_of())
    norm = lambda k: block_norm([k], num_groups=3, p=p, q=q)  # noqa: E731
    scaled, grads = jax.value_and_grad(norm)(factor * kernel)
    np.testing.assert_allclose(scaled, factor * norm(kernel), rtol=1e-5)
    # Euler: <gradient, kernel> is the norm.
    np.testing.assert_allclose((grads * kernel).sum(), norm(kernel), rtol=1e-4)


@pytest.mark.parametrize(("p", "q"), [(2.0, 1.0), (3.0, math.inf)])
def test_only_the_groups_of_the_filters_matter_not_their_order(p, q):
    kernel = jnp.array(kernel_of()) * jnp.arange(1.0, 8.0)
    within = kernel[..., jnp.array([2, 0, 1, 5, 4, 3, 6])]
    across = kernel[..., jnp.array([6, 1, 2, 3, 4, 5, 0])]
    norm = lambda k: block_norm([k], num_groups=2, p=p, q=q)  # noqa: E731
    np.testing.assert_allclose(norm(within), norm(kernel), rtol=1e-6)
    assert abs(norm(across) - norm(kernel)) > 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("p", EXPONENTS)
@pytest.mark.parametrize("q", EXPONENTS)
def test_a_dead_group_feels_nothing_and_disturbs_nobody(p, q):
    norm = lambda k: block_norm([k], num_groups=3, p=p, q=q)  # noqa: E731
    alive = jnp.array(kernel_of(4))
    dead = jnp.concatenate([jnp.zeros((2, 2, 3, 2)), alive], -1)
    value, grads = jax.value_and_grad(norm)(dead)
    alone = lambda k: block_norm([k], num_groups=2, p=p, q=q)  # noqa: E731
    np.testing.assert_allclose(value, alone(alive), rtol=1e-6)
    assert (grads[..., :2] == 0).all()
    np.testing.assert_allclose(grads[..., 2:], jax.grad(alone)(alive), rtol=1e-5)
    value, grads = jax.value_and_grad(norm)(jnp.zeros((2, 2, 3, 6)))
    assert value == 0 and (grads == 0).all()


@pytest.mark.parametrize("p", EXPONENTS[:-1])
@pytest.mark.parametrize("q", EXPONENTS[:-1])
def test_gradients_equal_the_closed_form(p, q):
    kernel = kernel_of(4)
    got = jax.grad(lambda k: block_norm([k], num_groups=2, p=p, q=q))(jnp.array(kernel))
    halves = np.split(kernel.astype(np.float64), 2, -1)
    betas = np.array([numpy_norm(half, p) for half in halves])
    outer = (betas / numpy_norm(betas, q)) ** (q - 1)
    inner = [
        np.sign(half) * (abs(half) / beta) ** (p - 1)
        for half, beta in zip(halves, betas, strict=True)
    ]
    want = np.concatenate([o * i for o, i in zip(outer, inner, strict=True)], -1)
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("value", [0.5, -1.0, math.nan, -math.inf])
@pytest.mark.parametrize("name", ["p", "q"])
def test_exponents_that_are_no_norm_are_refused(name, value):
    with pytest.raises(BadInput, match=f"`{name}` is {value}"):
        block_norm([jnp.array(kernel_of())], **{name: value})


@pytest.mark.parametrize("num_groups", [0, -2, 8])
def test_more_groups_than_filters_or_none_are_refused(num_groups):
    with pytest.raises(BadInput, match=f"`num_groups` is {num_groups}.* filters, 7"):
        group_norms(jnp.array(kernel_of()), num_groups=num_groups)


def test_no_kernels_and_unknown_leftovers_are_refused():
    with pytest.raises(BadInput, match="`kernels` is empty"):
        block_norm([])
    with pytest.raises(BadInput, match="`leftovers` is 'split'"):
        inspect.unwrap(module.groups)(7, 3, leftovers="split")
