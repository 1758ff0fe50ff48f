"""The other dropouts drop what they say together, and keep the expectation."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdissect.errors import BadInput
from jaxdissect.regularizers.dropouts import (
    dropblock,
    dropout,
    dropped_blocks,
    spatial_dropout,
)

few = settings(deadline=None, max_examples=20)
SHAPE = (64, 7, 6, 8)
METHODS = {
    "dropout": dropout,
    "spatial_dropout": spatial_dropout,
    "dropblock": lambda key, acts, *, rate: dropblock(
        key, acts, rate=rate, block_size=3
    ),
}
every_method = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS.keys())


def dropped_from_ones(method, key, rate, **options):
    return np.asarray(method(key, jnp.ones(SHAPE), rate=rate, **options)) == 0


def within_chance(share, chance, draws):
    """Within five standard deviations, which chance leaves once in a million."""
    return abs(share - chance) < 5 * np.sqrt(chance * (1 - chance) / draws)


@every_method
def test_a_rate_of_0_is_the_identity_bit_for_bit(method, key):
    odd = jnp.array([1e-45, 1e-40, -0.0, jnp.nan, jnp.inf, -3.0])
    acts = jnp.broadcast_to(odd, (2, 3, 4, 6))
    out = method(key, acts, rate=0.0)
    assert np.asarray(out).tobytes() == np.asarray(acts).tobytes()


@pytest.mark.slow
@every_method
def test_the_expectation_is_the_input(method, key):
    out = np.asarray(method(key, jnp.full(SHAPE, 3.0), rate=0.3))
    # DropBlock normalises its mean; whole maps are the fewest draws, 64 * 8.
    assert within_chance(out.mean() / 3 * 0.7, 0.7, 64 * 8)
    assert len(np.unique(out)) == 2


@every_method
def test_kept_values_are_scaled_alike(method, key):
    acts = jax.random.uniform(key, SHAPE, minval=1.0, maxval=2.0)
    out = np.asarray(method(key, acts, rate=0.3))
    ratios = (out / np.asarray(acts))[out > 0]
    expected = out.size / (out > 0).sum() if method is METHODS["dropblock"] else 1 / 0.7
    np.testing.assert_allclose(ratios, expected, rtol=1e-6)


@every_method
def test_bfloat16_stays_and_is_scaled_in_float32(method, key):
    acts = jax.random.uniform(key, SHAPE, minval=1.0, maxval=2.0)
    acts = acts.astype(jnp.bfloat16)
    out = method(key, acts, rate=0.1)
    assert out.dtype == jnp.bfloat16
    exact = method(key, acts.astype(jnp.float32), rate=0.1)
    np.testing.assert_array_equal(out, exact.astype(jnp.bfloat16))


@every_method
def test_the_gradient_is_the_scaled_mask(method, key):
    run = lambda acts: method(key, acts, rate=0.3)  # noqa: E731
    out, pull = jax.vjp(run, jnp.ones(SHAPE))
    np.testing.assert_array_equal(pull(jnp.ones(SHAPE))[0], out)


@pytest.mark.slow
@every_method
def test_jit_and_vmap_drop_the_same(method, key):
    keys, acts = jax.random.split(key), jnp.ones((2, *SHAPE))
    run = lambda key, acts: method(key, acts, rate=0.3)  # noqa: E731
    looped = jnp.stack([run(k, a) for k, a in zip(keys, acts, strict=True)])
    np.testing.assert_allclose(jax.vmap(run)(keys, acts), looped, rtol=1e-6)
    np.testing.assert_allclose(jax.jit(run)(keys[0], acts[0]), looped[0], rtol=1e-6)


def test_dropout_drops_elements_by_themselves(key):
    dropped = dropped_from_ones(dropout, key, 0.3)
    assert within_chance(dropped.mean(), 0.3, dropped.size)
    for axis in range(4):
        pairs = dropped & np.roll(dropped, 1, axis)
        assert within_chance(pairs.mean(), 0.09, dropped.size / 2)


def test_spatial_dropout_drops_whole_maps_by_themselves(key):
    dropped = dropped_from_ones(spatial_dropout, key, 0.3)
    assert (dropped == dropped[:, :1, :1]).all()
    maps = dropped[:, 0, 0]
    assert within_chance(maps.mean(), 0.3, maps.size)
    for axis in range(2):
        pairs = maps & np.roll(maps, 1, axis)
        assert within_chance(pairs.mean(), 0.09, maps.size / 2)


def reference_blocks(seeds, block):
    """By loops: every seed blackens a block down and to the right of it."""
    batch, height, width, units = seeds.shape
    blocks = np.zeros((batch, height + block[0] - 1, width + block[1] - 1, units), bool)
    for b, i, j, u in np.argwhere(seeds):
        blocks[b, i : i + block[0], j : j + block[1], u] = True
    return blocks


@few
@given(st.integers(0, 2**31), st.sampled_from([(1, 1), (2, 2), (3, 2), (4, 3)]))
def test_blocks_equal_the_reference(seed, block):
    seeds = np.random.default_rng(seed).random((2, 4, 3, 2)) < 0.2
    blocks = dropped_blocks(seeds, block)
    np.testing.assert_array_equal(blocks, reference_blocks(seeds, block))


@pytest.mark.slow
@pytest.mark.parametrize("side", [2, 3, 5])
def test_dropblock_drops_unions_of_blocks(side, key):
    dropped = dropped_from_ones(dropblock, key, 0.3, block_size=side)
    windows = np.lib.stride_tricks.sliding_window_view(dropped, (side, side), (1, 2))
    whole = windows.all((-1, -2))
    assert dropped.any()
    np.testing.assert_array_equal(reference_blocks(whole, (side, side)), dropped)


@pytest.mark.parametrize("side", [1, 2, 3, 9])
def test_dropblock_drops_every_place_as_often_as_the_blocks_over_it(side, key):
    dropped = dropped_from_ones(dropblock, key, 0.3, block_size=side)
    height, width = min(side, 7), min(side, 6)
    places = np.ones((1, 7 - height + 1, 6 - width + 1, 1))
    seed = 0.3 / (height * width) * 42 / places.size
    over = np.zeros((7, 6))
    for i, j in np.argwhere(places[0, ..., 0]):
        over[i : i + height, j : j + width] += 1
    chance = 1 - (1 - seed) ** over
    draws = SHAPE[0] * SHAPE[3]
    for share, expected in zip(
        dropped.mean((0, 3)).ravel(), chance.ravel(), strict=True
    ):
        assert within_chance(share, expected, draws)
    assert 0.2 < chance.mean() <= 0.3 + 1e-9
    assert within_chance(dropped.mean(), chance.mean(), draws)


def test_a_block_larger_than_the_map_drops_whole_maps(key):
    dropped = dropped_from_ones(dropblock, key, 0.3, block_size=9)
    assert (dropped == dropped[:, :1, :1]).all()
    assert within_chance(dropped[:, 0, 0].mean(), 0.3, 64 * 8)


@pytest.mark.slow
def test_a_block_is_cut_to_each_side_by_itself(key):
    acts = jnp.ones((64, 7, 2, 4))
    dropped = np.asarray(dropblock(key, acts, rate=0.3, block_size=3)) == 0
    assert (dropped == dropped[:, :, :1]).all()
    assert (dropped.any(1) & ~dropped.all(1)).any(), "the height of 7 is not cut"


def test_a_block_of_1_drops_elements_by_themselves(key):
    dropped = dropped_from_ones(dropblock, key, 0.3, block_size=1)
    for axis in range(4):
        pairs = dropped & np.roll(dropped, 1, axis)
        assert within_chance(pairs.mean(), 0.09, dropped.size / 2)


def test_blocks_are_drawn_for_each_unit_and_image(key):
    dropped = dropped_from_ones(dropblock, key, 0.3, block_size=3)
    maps = dropped.transpose(0, 3, 1, 2).reshape(64 * 8, -1)
    assert len(np.unique(maps, axis=0)) > 100


@pytest.mark.slow
def test_dropblock_gives_zeros_and_no_gradient_where_nothing_is_kept():
    def total(acts, key):
        return dropblock(key, acts, rate=0.9, block_size=2).sum()

    keys = jax.random.split(jax.random.key(0), 40)
    both = jax.vmap(jax.value_and_grad(total), (None, 0))
    totals, grads = both(jnp.ones((1, 2, 2, 1)), keys)
    empty = totals == 0
    assert within_chance(float(empty.mean()), 0.9, 40) and not empty.all()
    np.testing.assert_array_equal(grads.sum((1, 2, 3, 4)), totals)


@every_method
@pytest.mark.parametrize("rate", [-0.1, 1.0, float("nan")])
def test_rates_outside_0_to_1_are_refused(method, rate, key):
    with pytest.raises(BadInput, match=f"`rate` is {rate}; it must be in"):
        method(key, jnp.ones((1, 2, 2, 1)), rate=rate)


def test_a_block_without_size_is_refused(key):
    with pytest.raises(BadInput, match="`block_size` is 0; it must be at least 1"):
        dropblock(key, jnp.ones((1, 2, 2, 1)), rate=0.1, block_size=0)
