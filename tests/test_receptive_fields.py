"""Soft distances are 1 - IoU, pairs stay in groups, compact fields cost nothing."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdissect.errors import BadInput
from jaxdissect.regularizers import receptive_fields as rf
from jaxdissect.regularizers.block_norm import groups

SHAPE = (2, 5, 6, 7)
seeds = st.integers(0, 2**31)


def random_maps(seed=0, shape=SHAPE):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def sigmoid(x):
    return 1 / (1 + np.exp(-np.asarray(x, np.float64)))


def l1(x):
    return np.abs(x).sum((0, 1, 2))


def finite(tree):
    return all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves(tree))


def test_fields_equal_the_formula():
    maps = random_maps() * np.arange(1, 8) + np.arange(7)
    got = rf.soft_receptive_fields(jnp.array(maps, jnp.float32), scale=1.7, shift=-0.4)
    deviation = np.stack([maps[..., u].std() for u in range(7)])
    np.testing.assert_allclose(got, sigmoid(1.7 * maps / deviation - 0.4), rtol=1e-5)


def test_after_batch_norm_fields_are_those_of_the_normalised_maps():
    maps = random_maps(1).astype(np.float64)
    normalised = (maps - maps.mean((0, 1, 2))) / maps.std((0, 1, 2))
    gamma, beta = np.geomspace(0.2, 50, 7), np.linspace(-3, 3, 7)
    got = rf.soft_receptive_fields(jnp.array(gamma * normalised + beta, jnp.float32))
    np.testing.assert_allclose(got, sigmoid(normalised + beta / gamma), rtol=1e-4)


@pytest.mark.parametrize(
    ("constant", "field"),
    [(0.1, 1), (3e5, 1), (0.25, 1), (-0.1, 0), (-0.5, 0), (0, 0.5), (1e-20, 0.5)],
)
def test_constant_maps_have_constant_fields_and_finite_gradients(constant, field):
    maps = jnp.full(SHAPE, constant, jnp.float32)
    fields = rf.soft_receptive_fields(maps)
    np.testing.assert_allclose(fields, field, atol=1e-6)
    loss = lambda a: rf.spatial_loss(rf.soft_receptive_fields(a))  # noqa: E731
    assert finite(jax.grad(loss)(maps))


@settings(deadline=None, max_examples=20)
@given(seeds, st.floats(0, 1), st.floats(0, 1))
def test_distance_of_binary_fields_is_one_minus_iou(seed, share, other_share):
    rng = np.random.default_rng(seed)
    a, b = rng.random(SHAPE) < share, rng.random(SHAPE) < other_share
    union = (a | b).sum((0, 1, 2))
    iou = np.where(union > 0, (a & b).sum((0, 1, 2)) / np.maximum(union, 1), 1)
    got = rf.soft_distance(jnp.array(a, jnp.float32), jnp.array(b, jnp.float32))
    np.testing.assert_allclose(got, 1 - iou, atol=1e-6)


def test_distance_is_a_bounded_symmetric_measure():
    a, b = (jnp.array(sigmoid(random_maps(s)), jnp.float32) for s in (0, 1))
    got = rf.soft_distance(a, b)
    np.testing.assert_allclose(
        got, 2 * l1(a - b) / (l1(a) + l1(b) + l1(a - b)), rtol=1e-5
    )
    np.testing.assert_allclose(got, rf.soft_distance(b, a))
    assert ((got > 0) & (got < 1)).all()
    assert (rf.soft_distance(a, a) == 0).all()
    left = a * (jnp.arange(6) < 3)[:, None]
    np.testing.assert_allclose(rf.soft_distance(left, a - left), 1, rtol=1e-6)


@pytest.mark.parametrize("value", [0.0, 0.3])
def test_equal_and_empty_fields_feel_nothing(value):
    fields = jnp.full(SHAPE, value)
    grads = jax.grad(lambda a, b: rf.soft_distance(a, b).sum(), (0, 1))(fields, fields)
    assert all((g == 0).all() for g in grads)


@pytest.mark.slow
@settings(deadline=None, max_examples=20)
@given(seeds, st.sampled_from([(7, 2), (7, 3), (9, 5), (11, 3)]), st.integers(1, 3))
def test_pairs_are_different_filters_of_one_group(seed, filters_and_groups, per_filter):
    filters, num_groups = filters_and_groups
    first, second, weight = rf.filter_pairs(
        jax.random.key(seed),
        filters,
        num_groups=num_groups,
        pairs_per_filter=per_filter,
    )
    numbers = groups(filters, num_groups)
    assert (first != second).all()
    assert (numbers[first] == numbers[second]).all()
    sizes = np.bincount(numbers)
    drawn = np.bincount(numbers[first], minlength=len(sizes))
    np.testing.assert_array_equal(drawn, np.where(sizes > 1, per_filter * sizes, 0))
    np.testing.assert_allclose(weight, 1 / drawn[numbers[first]])


def test_every_pair_of_a_group_is_as_likely():
    first, second, _ = rf.filter_pairs(
        jax.random.key(0), 7, num_groups=2, pairs_per_filter=2000
    )
    times = np.zeros((7, 7))
    np.add.at(times, (np.array(first), np.array(second)), 1)
    numbers = groups(7, 2)
    possible = (numbers[:, None] == numbers) & ~np.eye(7, dtype=bool)
    # 6,000 draws from 6 pairs: 1,000 each, standard deviation 29.
    assert (abs(times[possible] - 1000) < 150).all() and (times[~possible] == 0).all()


@pytest.mark.slow
@settings(deadline=None, max_examples=10)
@given(seeds)
def test_group_activation_loss_is_the_sum_of_the_groups_mean_distances(seed):
    key = jax.random.key(seed)
    fields = sigmoid(random_maps(seed, (2, 5, 6, 11)))
    first, second, _ = rf.filter_pairs(key, 11, num_groups=3)
    a, b = fields[..., np.array(first)], fields[..., np.array(second)]
    distances = 2 * l1(a - b) / (l1(a) + l1(b) + l1(a - b))
    of_pair = groups(11, 3)[np.array(first)]
    want = sum(distances[of_pair == g].mean() for g in range(4))
    got = rf.group_activation_loss(key, jnp.array(fields, jnp.float32), num_groups=3)
    np.testing.assert_allclose(got, want, rtol=1e-5)


@pytest.mark.slow
def test_group_activation_loss_is_0_within_equal_and_g_within_disjoint_groups(key):
    fields = jnp.array(sigmoid(random_maps()), jnp.float32)
    equal = fields[..., jnp.array([0, 0, 0, 1, 1, 1, 2])]
    assert rf.group_activation_loss(key, equal, num_groups=2) == 0
    one_cell_each = jnp.eye(7).reshape(1, 7, 1, 7)
    got = rf.group_activation_loss(key, one_cell_each, num_groups=2)
    np.testing.assert_allclose(got, 2, rtol=1e-6)


def test_groups_of_single_filters_contribute_nothing(key):
    fields = jnp.array(sigmoid(random_maps()), jnp.float32)
    assert rf.group_activation_loss(key, fields, num_groups=7) == 0
    assert rf.group_activation_loss(key, fields, num_groups=5) == 0


@pytest.mark.slow
def test_minimising_it_draws_a_group_together_and_leaves_the_groups_apart(key):
    def loss(maps, key):
        return rf.group_activation_loss(
            key, rf.soft_receptive_fields(maps), num_groups=2, pairs_per_filter=4
        )

    def distance(maps, one, other):
        fields = rf.soft_receptive_fields(maps)
        return rf.soft_distance(fields[..., one], fields[..., other])

    within = jnp.array([0, 0, 1, 3, 3, 4]), jnp.array([1, 2, 2, 4, 5, 5])
    between = jnp.repeat(jnp.arange(3), 3), jnp.tile(jnp.arange(3, 6), 3)
    before = maps = jnp.array(random_maps(shape=(2, 5, 6, 6)))
    step = jax.jit(lambda maps, key: maps - 20 * jax.grad(loss)(maps, key))
    for k in jax.random.split(key, 30):
        maps = step(maps, k)
    assert (distance(maps, *within) < 0.5 * distance(before, *within)).all()
    assert distance(maps, *between).mean() > 0.5 * distance(before, *between).mean()
    assert distance(maps, *within).max() < 0.5 * distance(maps, *between).min()


def box(height, width, top=2, left=3):
    field = np.zeros((1, 16, 17, 1), np.float32)
    field[:, top : top + height, left : left + width] = 0.7
    return field


def numpy_spatial_loss(fields):
    losses = []
    for field in np.moveaxis(np.asarray(fields, np.float64), -1, 1).reshape(
        -1, *fields.shape[1:3]
    ):
        cells = np.argwhere(np.ones_like(field))
        share = field.ravel() / field.sum()
        losses.append(share @ np.linalg.norm(cells - share @ cells, axis=1))
    return np.mean(losses)


@settings(deadline=None, max_examples=10)
@given(seeds)
def test_spatial_loss_equals_the_formula(seed):
    fields = np.random.default_rng(seed).random(SHAPE).astype(np.float32)
    got = rf.spatial_loss(jnp.array(fields))
    np.testing.assert_allclose(got, numpy_spatial_loss(fields), rtol=1e-5)


def test_spatial_loss_of_one_cell_is_0_and_grows_with_the_region():
    one = rf.spatial_loss(jnp.array(box(1, 1)))
    np.testing.assert_allclose(one, 0, atol=1e-6)
    losses = [rf.spatial_loss(jnp.array(box(n, n))).item() for n in (1, 2, 4, 8)]
    assert (np.diff(losses) > 0).all()
    # A region twice as large has twice the loss, up to the grain of the cells.
    np.testing.assert_allclose(losses[3] / losses[2], 2, rtol=0.05)


@given(st.integers(0, 12), st.integers(0, 12))
@settings(deadline=None, max_examples=10)
def test_spatial_loss_does_not_see_where_the_field_is(top, left):
    here = rf.spatial_loss(jnp.array(box(3, 4, top, left)))
    np.testing.assert_allclose(here, rf.spatial_loss(jnp.array(box(3, 4))), rtol=1e-5)


@pytest.mark.parametrize(
    "field", [box(1, 1), box(3, 3), box(0, 0), 1e-7 * box(3, 4), np.ones((1, 1, 1, 2))]
)
def test_spatial_loss_has_finite_gradients_also_at_the_centroid(field):
    field = jnp.array(field, jnp.float32)
    value, grads = jax.value_and_grad(rf.spatial_loss)(field)
    assert finite((value, grads)) and value >= 0


def test_no_pairs_is_refused(key):
    with pytest.raises(BadInput, match="`pairs_per_filter` is 0"):
        rf.group_activation_loss(key, jnp.ones(SHAPE), pairs_per_filter=0)
    with pytest.raises(BadInput, match="`num_groups` is 8"):
        rf.group_activation_loss(key, jnp.ones(SHAPE), num_groups=8)
