"""Optimizers equal loops written from their rules; schedules equal published rates."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdissect.errors import BadInput
from jaxdissect.training import optimizers

RNG = np.random.default_rng(0)
NUM_STEPS = 6
WEIGHTS = RNG.normal(size=(3, 2)).astype(np.float32)
GRADS = RNG.normal(size=(NUM_STEPS, 3, 2)).astype(np.float32)
FACTORS = [1.0, 2.0, 1.0, 1.0, 3.0, 0.0]


def descend(optimizer, *, factors=None):
    """Weights after each of the steps along `GRADS`."""
    weights = {"kernel": jnp.array(WEIGHTS)}
    state, path = optimizer.init(weights), []
    for number, gradient in enumerate(GRADS):
        extra = (
            {} if factors is None else {"decay_factor": jnp.float32(factors[number])}
        )
        grads = {"kernel": jnp.array(gradient)}
        updates, state = optimizer.update(grads, state, weights, **extra)
        weights = optax.apply_updates(weights, updates)
        path.append(weights["kernel"])
    return np.stack(path)


def pytorch_sgd(rates, decays, momentum, nesterov):
    """The rule in the documentation of torch.optim.SGD, without dampening."""
    weights, buffer, path = WEIGHTS.astype(np.float64), None, []
    for gradient, rate, decay in zip(GRADS, rates, decays, strict=True):
        g = gradient + decay * weights
        if momentum:
            buffer = g if buffer is None else momentum * buffer + g
            g = g + momentum * buffer if nesterov else buffer
        weights = weights - rate * g
        path.append(weights)
    return np.stack(path)


def adam_with_decoupled_decay(rates, decays):
    """Algorithm 2 of Loshchilov and Hutter, with the step size in the decay."""
    weights = WEIGHTS.astype(np.float64)
    m, v, path = 0 * weights, 0 * weights, []
    for t, (g, rate, decay) in enumerate(zip(GRADS, rates, decays, strict=True), 1):
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        adapted = (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
        weights = weights - rate * (adapted + decay * weights)
        path.append(weights)
    return np.stack(path)


RATES = [0.1 / (step + 1) for step in range(NUM_STEPS)]


def falling(step):
    return 0.1 / (step + 1)


@pytest.mark.parametrize("factors", [None, FACTORS], ids=["plain", "magnified"])
@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_sgd_is_the_rule_of_pytorch(momentum, nesterov, factors):
    optimizer = optimizers.sgd(
        falling, momentum=momentum, nesterov=nesterov, weight_decay=0.05
    )
    decays = 0.05 * np.array(factors or [1.0] * NUM_STEPS)
    want = pytorch_sgd(RATES, decays, momentum, nesterov and momentum > 0)
    np.testing.assert_allclose(descend(optimizer, factors=factors), want, rtol=1e-5)


@pytest.mark.parametrize("factors", [None, [1.0] * NUM_STEPS], ids=["none", "one"])
@pytest.mark.parametrize("rate", [0.01, falling])
def test_adamw_is_optax_s_to_the_bit(rate, factors):
    got = descend(optimizers.adamw(rate, weight_decay=0.05), factors=factors)
    want = descend(optax.adamw(rate, weight_decay=0.05))
    np.testing.assert_array_equal(got, want)


def test_in_adamw_the_factor_scales_the_decay_alone():
    optimizer = optimizers.adamw(falling, weight_decay=0.05)
    want = adam_with_decoupled_decay(RATES, 0.05 * np.array(FACTORS))
    np.testing.assert_allclose(descend(optimizer, factors=FACTORS), want, rtol=1e-4)


@pytest.mark.parametrize("make", [optimizers.sgd, optimizers.adamw])
def test_without_decay_the_factor_changes_nothing(make):
    optimizer = make(0.1, weight_decay=0.0)
    got = descend(optimizer, factors=FACTORS)
    np.testing.assert_array_equal(got, descend(optimizer))


def rates(schedule, steps):
    """As a compiled step sees them."""
    return np.asarray(jax.jit(jax.vmap(schedule))(jnp.asarray(steps, jnp.int32)))


def test_epoch_cosine_is_constant_within_an_epoch_and_ends_where_s000_ended():
    schedule = optimizers.epoch_cosine(0.01, period=200, steps_per_epoch=391)
    found = rates(schedule, np.arange(150 * 391)).reshape(150, 391)
    assert (found == found[:, :1]).all()
    want = 0.01 * (1 + np.cos(np.pi * np.arange(150) / 200)) / 2
    np.testing.assert_allclose(found[:, 0], want, rtol=1e-5)
    # The last rate of the 150 epochs in its log.
    assert round(float(found[-1, 0]), 5) == 0.00152


def test_epoch_drops_has_the_rates_of_pytorch_cifar100():
    """Warm-up over the first epoch, then a fifth from epochs 60, 120 and 160 on."""
    schedule = optimizers.epoch_drops(
        0.1, drop_at=(60, 120, 160), drop_by=5.0, warmup_steps=391, steps_per_epoch=391
    )
    for epoch, rate in {1: 0.1, 60: 0.02, 120: 0.004, 160: 0.0008}.items():
        before = {1: 0.1 * 390 / 391}.get(epoch, 5 * rate)
        found = rates(schedule, [epoch * 391 - 1, epoch * 391, epoch * 391 + 390])
        np.testing.assert_allclose(found, [before, rate, rate], rtol=1e-5)
    rising = rates(schedule, np.arange(391))
    np.testing.assert_allclose(rising, 0.1 * np.arange(391) / 391, rtol=1e-5)
    assert rates(schedule, [199 * 391 + 390])[0] == pytest.approx(0.0008)


def test_epoch_drops_without_warm_up_begins_at_the_full_rate():
    schedule = optimizers.epoch_drops(
        0.1, drop_at=(), drop_by=5.0, warmup_steps=0, steps_per_epoch=3
    )
    np.testing.assert_allclose(rates(schedule, [0, 1, 9]), 0.1, rtol=1e-6)


@pytest.mark.parametrize("drop_by", [0.0, -5.0])
def test_a_drop_that_is_none_is_refused(drop_by):
    with pytest.raises(BadInput, match=f"`drop_by` is {drop_by}; it must be positive"):
        optimizers.epoch_drops(
            0.1, drop_at=(1,), drop_by=drop_by, warmup_steps=0, steps_per_epoch=1
        )


@pytest.mark.parametrize("period", [0, -1])
def test_a_period_that_is_none_is_refused(period):
    with pytest.raises(BadInput, match=f"`period` is {period}; it must be positive"):
        optimizers.epoch_cosine(0.1, period=period, steps_per_epoch=1)


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 20), st.integers(1, 60))
def test_warmup_cosine_rises_linearly_and_falls_along_a_cosine_to_zero(warmup, rest):
    schedule = optimizers.warmup_cosine(
        0.3, warmup_steps=warmup, num_steps=warmup + rest
    )
    steps = np.arange(warmup + rest + 1)
    falling = 0.15 * (1 + np.cos(np.pi * (steps - warmup) / rest))
    want = np.where(steps < warmup, 0.3 * steps / warmup, falling)
    got = [float(schedule(step)) for step in steps]
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-6)
