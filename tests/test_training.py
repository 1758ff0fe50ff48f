"""The step: gradient descent, the passes of a penalty, parts of a batch."""

import functools
from functools import partial

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from conftest import make_example

from jaxdissect import experiments, training
from jaxdissect.base import TrainRun
from jaxdissect.errors import BadInput
from jaxdissect.experiments.train.objectives import make_objective, make_penalty
from jaxdissect.regularizers import dropouts
from jaxdissect.regularizers.input_gradient import double_backprop, finite_difference
from jaxdissect.training import Objective, evaluate_objective, optimizers


def test_a_step_is_gradient_descent_on_the_mean_cross_entropy(key):
    """For a linear softmax classifier the gradient is known in closed form."""
    rng = np.random.default_rng(0)
    weights = jnp.asarray(rng.normal(size=(4, 3)), jnp.float32)
    params = {"fc": {"params": {"kernel": weights}}}

    def apply(key, params, x, edits):
        logits = x.reshape(len(x), -1) @ params["fc"]["params"]["kernel"]
        return TrainRun(logits, params, {})

    optimizer = optax.sgd(0.5)
    state = training.init_state(params, optimizer)
    x = jnp.asarray(rng.normal(size=(6, 1, 1, 4)), jnp.float32)
    targets = jnp.array([0, 1, 2, 0, 1, 2])
    after, measured = training.train_step(
        key, Objective(apply), optimizer, state, x, targets
    )
    p = jax.nn.softmax(x.reshape(6, 4) @ weights)
    gradient = x.reshape(6, 4).T @ (p - jax.nn.one_hot(targets, 3)) / 6
    np.testing.assert_allclose(
        after.params["fc"]["params"]["kernel"], weights - 0.5 * gradient, atol=1e-6
    )
    expected = -jnp.log(p[jnp.arange(6), targets]).mean()
    np.testing.assert_allclose(measured.loss, expected, rtol=1e-6)
    np.testing.assert_allclose(measured.accuracy, (p.argmax(1) == targets).mean())
    assert list(measured.terms) == ["cross_entropy"]
    assert after.step == 1


RAMP = jnp.linspace(-1, 1, 48).reshape(1, 4, 4, 3)
IMAGES = jnp.asarray(
    np.random.default_rng(5).uniform(0.5, 1, (4, 4, 4, 3)), jnp.float32
)
FINITE = partial(finite_difference, step=0.1)
ESTIMATES = [double_backprop, FINITE, partial(FINITE, sides="central")]


def linear(key, params, x, edits):
    """A network whose cross-entropy of class 0 is linear in the edited image.

    Class 1 wins by so much that class 0 adds nothing to the sum of exponentials.
    """
    acts = edits["input"](key, x)
    score = 100 + (RAMP * acts).sum((1, 2, 3))
    seen = {"fc": {**params["fc"], "batch_stats": {"seen": acts}}}
    return TrainRun(jnp.stack([0 * score, score], -1), seen, {})


def evaluate_linear(estimate, edit):
    objective = Objective(linear, penalize=estimate, penalty_weight=1.0)
    return evaluate_objective(
        jax.random.key(2),
        objective,
        {"fc": {"params": {"bias": jnp.zeros(1)}}},
        IMAGES,
        jnp.zeros(4, int),
        edits={"input": edit},
    )


@pytest.mark.parametrize("estimate", ESTIMATES, ids=["exact", "forward", "central"])
@pytest.mark.parametrize("rate", [0.0, 0.5])
def test_every_pass_of_a_step_drops_the_same(estimate, rate):
    found = evaluate_linear(estimate, partial(dropouts.dropout, rate=rate))
    factors = found.params["fc"]["batch_stats"]["seen"] / IMAGES
    assert set(np.unique(factors.round(4))) == ({1.0} if rate == 0 else {0.0, 2.0})
    want = ((RAMP * factors) ** 2).sum((1, 2, 3)).mean()
    np.testing.assert_allclose(found.terms["input_gradient"], want, rtol=1e-3)
    scores = 100 + (RAMP * factors * IMAGES).sum((1, 2, 3))
    np.testing.assert_allclose(found.terms["cross_entropy"], scores.mean(), rtol=1e-5)


def test_gradients_in_normalised_units_are_the_deviation_times_as_large():
    terms = {}
    std = (0.5, 0.25, 0.125)
    for units in ("raw", "normalised"):
        config = experiments.InputGradientSettings(weight=1.0, units=units)
        penalize = make_penalty(config, experiments.NetworkSettings(std=std))
        found = evaluate_linear(penalize, lambda key, acts: acts)
        terms[units] = found.terms["input_gradient"]
    squares = (RAMP**2).sum((0, 1, 2))
    np.testing.assert_allclose(terms["raw"], squares.sum(), rtol=1e-5)
    want = squares @ jnp.array(std) ** 2
    np.testing.assert_allclose(terms["normalised"], want, rtol=1e-5)


def step_in_parts(num_parts):
    """A step of a network without BatchNorm and dropout, on eight images."""
    network, params, images = make_example("shapesnet")
    images = jnp.concatenate([images, 1 - images, images**2])[:8]
    regularize = experiments.RegularizeSettings(
        block_norm=experiments.BlockNormSettings(weight=0.01),
        input_gradient=experiments.InputGradientSettings(weight=0.1),
    )
    objective = make_objective(
        network, experiments.NetworkSettings(), regularize, "float32"
    )
    optimizer = optimizers.sgd(1.0)
    step = partial(
        training.train_step,
        jax.random.key(0),
        objective,
        optimizer,
        num_parts=num_parts,
    )
    state = training.init_state(params, optimizer)
    return jax.jit(step)(state, images, jnp.arange(8) % 5)


@pytest.mark.slow
@pytest.mark.parametrize("num_parts", [2, 8])
def test_a_batch_in_parts_gives_the_step_of_the_whole(num_parts):
    got, want = step_in_parts(num_parts), whole_step()
    chex.assert_trees_all_close(got, want, rtol=1e-4, atol=1e-5)


@functools.lru_cache
def whole_step():
    return step_in_parts(1)


@pytest.mark.parametrize("num_parts", [0, 3, 8])
def test_a_batch_that_cannot_be_cut_is_refused(num_parts):
    network, params, _ = make_example("shapesnet")
    del network
    state = training.init_state(params, optax.sgd(0.1))
    with pytest.raises(BadInput, match=rf"`num_parts` is {num_parts}.*batch of 4"):
        training.train_step(
            jax.random.key(0),
            Objective(linear),
            optax.sgd(0.1),
            state,
            IMAGES,
            jnp.zeros(4, int),
            num_parts=num_parts,
        )
