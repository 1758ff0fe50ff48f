"""FocusedDropout in a step: the coin of a batch, and its weight decay."""

import functools
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdissect import training
from jaxdissect.base import TrainRun
from jaxdissect.regularizers import focused_dropout
from jaxdissect.training import Objective, optimizers
from jaxdissect.training.objective import draw_focused

NUM_STEPS, LR, DECAY = 60, 0.5, 2.0**-6


def draw(num):
    """Images with a dark corner, so that some place is always dropped."""
    images = np.random.default_rng(1).uniform(0.5, 1, (num, 3, 3, 2))
    images[:, 0, 0] = 0.01
    return jnp.asarray(images, jnp.float32)


def idle(key, params, x, edits):
    """A network that answers the same whatever its weights are."""
    keys = jax.random.split(key, len(edits))
    seen = {layer: edits[layer](k, x) for layer, k in zip(edits, keys, strict=True)}
    changed = {name: (acts != x).any((1, 2, 3)) for name, acts in seen.items()}
    fc = {"params": params["fc"]["params"], "batch_stats": changed}
    return TrainRun(jnp.zeros((len(x), 2)), {"fc": fc}, seen)


def decays(seed, rule, *, batch_size=8, layers=("a", "b")):
    """Of every step: how many times the weights decayed, and which images changed."""
    objective = Objective(idle, partial(draw_focused, rule, layers, {}))
    optimizer = optimizers.sgd(LR, momentum=0.0, weight_decay=DECAY)
    stats = {layer: jnp.zeros(batch_size, bool) for layer in layers}
    params = {"fc": {"params": {"bias": jnp.ones(3)}, "batch_stats": stats}}
    state = training.init_state(params, optimizer)
    images = draw(batch_size)

    @jax.jit
    def step(number):
        start = state._replace(step=number)
        key, targets = jax.random.key(seed), jnp.zeros(batch_size, int)
        after, _ = training.train_step(
            key, objective, optimizer, start, images, targets
        )
        return after.params["fc"]

    found = [step(number) for number in range(NUM_STEPS)]
    biases = np.stack([each["params"]["bias"] for each in found])
    changed = [np.stack([each["batch_stats"][x] for each in found]) for x in layers]
    for other in changed[1:]:
        np.testing.assert_array_equal(other, changed[0])
    return (1 - biases) / (LR * DECAY), changed[0]


@functools.lru_cache
def decays_of_the_paper(seed):
    rule = focused_dropout.PAPER._replace(rate=0.5, decay_factor=3.0)
    return decays(seed, rule)


def test_exactly_the_focused_batches_decay_more():
    factors, changed = decays_of_the_paper(0)
    whole = changed.all(1)
    np.testing.assert_array_equal(whole, changed.any(1))
    # Powers of two and a factor of 3 are exact in float32.
    want = np.where(whole, 3.0, 1.0)[:, None]
    np.testing.assert_array_equal(factors, np.broadcast_to(want, factors.shape))
    # Sixty fair coins: fewer than 15 heads have a probability below 1e-4.
    assert 15 <= whole.sum() <= 45


def test_the_seed_decides_which_batches_are_focused():
    again = decays(0, focused_dropout.PAPER._replace(rate=0.5, decay_factor=3.0))
    for got, want in zip(again, decays_of_the_paper(0), strict=True):
        np.testing.assert_array_equal(got, want)
    assert not np.array_equal(decays_of_the_paper(1)[1], decays_of_the_paper(0)[1])


@pytest.mark.slow
def test_per_element_edits_the_first_twelve_of_128_in_every_step():
    rule = focused_dropout.PER_ELEMENT._replace(decay_factor=5.0)
    factors, changed = decays(0, rule, batch_size=128)
    first = np.arange(128) < 12
    np.testing.assert_array_equal(changed, np.tile(first, (NUM_STEPS, 1)))
    np.testing.assert_array_equal(factors, np.ones((NUM_STEPS, 3)))


def test_focus_comes_after_other_edits():
    rule = focused_dropout.PAPER._replace(rate=1.0)

    def brighten(key, acts):
        return acts.at[:, 1, 1].multiply(10.0)

    others = {"a": brighten, "c": lambda key, acts: -acts}
    images = draw(4)
    drawn = draw_focused(rule, ("a", "b"), others, jax.random.key(0), 4)
    key, key_edit = jax.random.key(1), jax.random.split(jax.random.key(1))[1]
    everyone = jnp.ones(4, bool)
    focus = partial(focused_dropout.focused_dropout, key_edit, rule, everyone)
    assert drawn.edits.keys() == {"a", "b", "c"}
    got = {layer: edit(key, images) for layer, edit in drawn.edits.items()}
    np.testing.assert_array_equal(got["a"], focus(brighten(None, images)))
    np.testing.assert_array_equal(got["b"], focus(images))
    np.testing.assert_array_equal(got["c"], -images)


def logging(key, params, x, edits):
    """An idle network whose running statistics are what its last passes saw."""
    seen = edits["a"](key, x)
    log = params["fc"]["batch_stats"]["log"]
    stats = {"log": jnp.concatenate([log[1:], seen[None]])}
    fc = {"params": params["fc"]["params"], "batch_stats": stats}
    return TrainRun(jnp.zeros((len(x), 2)), {"fc": fc}, {})


@pytest.mark.slow
def test_parts_take_turns_with_one_coin_and_masks_of_their_own():
    rule = focused_dropout.PAPER._replace(rate=0.5)
    objective = Objective(logging, partial(draw_focused, rule, ("a",), {}))
    optimizer = optimizers.sgd(LR, momentum=0.0, weight_decay=DECAY)
    one = draw(2)
    images = jnp.concatenate([one, one, 2 * one, one])
    log = {"log": jnp.zeros((4, *one.shape))}
    params = {"fc": {"params": {"bias": jnp.ones(1)}, "batch_stats": log}}
    state = training.init_state(params, optimizer)
    step = partial(
        training.train_step, jax.random.key(0), objective, optimizer, num_parts=4
    )
    coins = []
    for _ in range(8):
        after, _ = step(state, images, jnp.zeros(8, int))
        seen = np.asarray(after.params["fc"]["batch_stats"]["log"])
        changed = (seen != np.asarray(images).reshape(seen.shape)).any((2, 3, 4))
        assert changed.all() or not changed.any()
        coins.append(changed.all())
        assert np.array_equal(seen[0], seen[3]) == (not changed.any())
        factor = (1 - after.params["fc"]["params"]["bias"][0]) / (LR * DECAY)
        assert factor == (2 if changed.all() else 1)
        state = state._replace(step=after.step)
    assert {True, False} == set(coins)
