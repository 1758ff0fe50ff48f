"""Seeds trained side by side are the seeds trained alone."""

from functools import partial

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import QUICKLY

from jaxdissect import experiments, networks, training
from jaxdissect.experiments.train.objectives import make_objective
from jaxdissect.training import loop, optimizers, seeds

SEEDS, NUM_STEPS, BATCH = (3, 8), 3, 4
RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (10, 12, 12, 3), dtype=np.uint8)
TARGETS = np.arange(10, dtype=np.int32) % 5
NETWORK = networks.shapesnet(5, width=1 / 16, batch_norm=True)
OBJECTIVE = make_objective(
    NETWORK,
    experiments.NetworkSettings(),
    experiments.RegularizeSettings(
        focused_dropout=experiments.FocusedDropoutSettings(rate=0.5, decay_factor=4.0),
        dropout=experiments.MapDropoutSettings(rate=0.2),
        block_norm=experiments.BlockNormSettings(weight=0.01),
        fields=experiments.FieldsSettings(group=0.01),
    ),
    "float32",
)
OPTIMIZER = optimizers.sgd(0.05, weight_decay=0.1)


def read(chosen):
    return IMAGES[chosen], TARGETS[chosen]


@partial(jax.jit, compiler_options=QUICKLY)
def first(key):
    params = networks.init(key, NETWORK, (12, 12, 3))
    return training.init_state(params, OPTIMIZER)


def one(key, state, images, targets):
    step = partial(training.train_step, key, OBJECTIVE, OPTIMIZER)
    return step(state, images / 255.0, targets)


alone = jax.jit(one, compiler_options=QUICKLY)


@pytest.fixture(scope="module")
def together():
    """(state, metrics of every step) of all seeds at once."""
    keys = jnp.stack([jax.random.key(seed) for seed in SEEDS])
    step = jax.jit(partial(jax.vmap(one), keys), compiler_options=QUICKLY)
    orders = seeds.orders_of_each(SEEDS, 10, BATCH, start=0, stop=NUM_STEPS)
    fit = loop.fit(step, jax.vmap(first)(keys), orders, seeds.read_of_each(read))
    states, measured = zip(*fit, strict=True)
    return states[-1], measured


@pytest.mark.slow
@pytest.mark.parametrize("number", [0, 1])
def test_a_seed_among_others_is_the_seed_alone(number, together):
    key = jax.random.key(SEEDS[number])
    order = loop.batch_order(SEEDS[number], 10, BATCH, start=0, stop=NUM_STEPS)
    fit = loop.fit(partial(alone, key), first(key), order, read)
    states, measured = zip(*fit, strict=True)
    of_seed = jax.tree.map(lambda x: x[number], together)
    expected = states[-1], measured
    chex.assert_trees_all_close(of_seed, expected, rtol=1e-4, atol=1e-5)
    assert expected[0].step == NUM_STEPS


@pytest.mark.slow
def test_seeds_differ_in_everything_random(together):
    state, measured = together
    kernel = training.trainable(state.params)["conv2.conv"]["kernel"]
    assert not np.allclose(kernel[0], kernel[1])
    assert all(each.loss[0] != each.loss[1] for each in measured)
