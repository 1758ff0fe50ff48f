"""Steps along the input gradient: first order, counts, and images that are stuck."""

from inspect import unwrap

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdissect.attacks import step_outcomes
from jaxdissect.errors import BadInput
from jaxdissect.streaming import accumulate

CLASSES = 4
IMAGES = np.random.default_rng(0).uniform(0.2, 0.8, (12, 3, 3, 2)).astype(np.float32)


def smooth(params, x):
    first, second = params
    return jnp.tanh(x.reshape(len(x), -1) @ first) @ second


def random_params(seed):
    rng, shapes = np.random.default_rng(seed), ((18, 8), (8, CLASSES))
    return [jnp.asarray(rng.normal(size=s), jnp.float32) for s in shapes]


def outcomes(params, steps, targets, scaling="l2", images=IMAGES, tail=smooth):
    statistic = step_outcomes(
        tail, params, num_classes=CLASSES, steps=steps, scaling=scaling
    )
    return accumulate(statistic, [(images, targets)])


@pytest.mark.slow
@settings(deadline=None, max_examples=10)
@given(st.integers(0, 100), st.sampled_from(["l2", "sign"]))
def test_a_small_step_raises_every_probability(seed, scaling):
    targets = np.arange(12) % CLASSES
    found = outcomes(random_params(seed), [1e-3], targets, scaling)
    np.testing.assert_array_equal(found.number, 9)
    np.testing.assert_array_equal(found.risen[0], 9)
    np.testing.assert_array_equal(found.stuck, 0)


@pytest.mark.slow
@settings(deadline=None, max_examples=10)
@given(st.integers(0, 100), st.sampled_from(["l2", "sign", "raw"]))
def test_reaching_a_class_is_an_error_at_every_step(seed, scaling):
    params = random_params(seed)
    targets = np.asarray(smooth(params, IMAGES).argmax(1))
    found = outcomes(params, [0.0, 0.1, 1.0, 4.0], targets, scaling)
    assert (found.success <= found.errors).all()
    assert (found.errors <= found.number).all()
    assert not found.errors[0].any() and not found.risen[0].any()


@pytest.mark.slow
def test_counts_are_those_of_a_loop_and_of_any_batches():
    params, targets = random_params(1), np.arange(12) % 3
    steps = [0.3, 2.0]
    found = outcomes(params, steps, targets)
    statistic = step_outcomes(
        smooth, params, num_classes=CLASSES, steps=steps, scaling="l2"
    )
    parts = accumulate(
        statistic, [(IMAGES[:5], targets[:5]), (IMAGES[5:], targets[5:])]
    )
    success = np.zeros((2, CLASSES), int)
    errors = np.zeros((2, CLASSES), int)
    for image, target in zip(IMAGES, targets, strict=True):
        for k in set(range(CLASSES)) - {target}:

            def probability(x, k=k):
                return jax.nn.softmax(smooth(params, x[None]))[0, k]

            g = np.asarray(jax.grad(probability)(image))
            for s, step in enumerate(steps):
                x = np.clip(image + step * g / np.linalg.norm(g), 0, 1)
                taken = int(smooth(params, x[None]).argmax())
                success[s, k] += taken == k
                errors[s, k] += taken != target
    for counts in (found, parts):
        np.testing.assert_array_equal(counts.success, success)
        np.testing.assert_array_equal(counts.errors, errors)
        assert counts.number.tolist() == [8, 8, 8, 12]
    assert errors.any() and (success < errors).any()


@pytest.mark.slow
def test_saturated_images_are_stuck_and_counted():
    tail = lambda params, x: 1e4 * x[:, 0, 0, :1] * jnp.arange(4.0)  # noqa: E731
    found = outcomes({}, [1.0], np.full(12, 3), tail=tail)
    assert found.stuck.tolist() == [12, 12, 12, 0]
    assert not found.success.any() and not found.errors.any()


@pytest.mark.parametrize(
    ("steps", "images", "words"),
    [
        ([], IMAGES, "`steps` is empty"),
        ([-1.0], IMAGES, "`step` is -1.0"),
        ([1.0], 2 * IMAGES, "`images` has values from"),
    ],
)
def test_mistakes_are_refused(steps, images, words):
    with pytest.raises(BadInput, match=words):
        outcomes(random_params(0), steps, np.zeros(12, int), images=images)


@pytest.mark.parametrize(
    ("options", "targets", "message"),
    [
        ({"scaling": "max"}, [0, 1], "`scaling` is 'max'"),
        ({"num_classes": 3}, [0, 1], r"`num_classes` is 3; `tail` gives 2 logits"),
        ({}, [0, 2], "`targets` has 2; allowed are 0 to 1"),
        ({}, [0], "`targets` has the shape"),
        ({}, [0.0, 1.0], "`targets` is float64"),
    ],
)
def test_classes_that_are_none_are_refused(options, targets, message):
    given = {"num_classes": 2, "steps": [0.1], "scaling": "l2"} | options
    with pytest.raises(BadInput, match=message):
        statistic = unwrap(step_outcomes)(lambda p, x: x[:, 0, 0], {}, **given)
        statistic.measure(np.full((2, 1, 1, 2), 0.5, np.float32), np.array(targets))
