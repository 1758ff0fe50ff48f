"""The Carlini-Wagner attack: a closed form, a reference, and what must always hold."""

from importlib import import_module
from itertools import pairwise

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference.carlini_wagner import attack

from jaxdissect.attacks import (
    CarliniWagner,
    away_from,
    carlini_wagner,
    towards,
)

# The package has a function of that name.
module = import_module("jaxdissect.attacks.carlini_wagner")

RNG = np.random.default_rng(0)
SHAPE, CLASSES = (6, 2, 2, 2), 4
IMAGES = RNG.uniform(0.3, 0.7, SHAPE).astype(np.float32)
THOROUGH = CarliniWagner(2e-3, 400, 8, 1e-2)
FEW = CarliniWagner(1e-2, 100, 4, 1e-2)


def affine(params, images):
    weights, bias = params
    return images.reshape(len(images), -1) @ weights + bias


def curved(params, images):
    first, second = params
    return jnp.tanh((images - 0.5).reshape(len(images), -1) @ first) @ second


def random_affine(classes, seed=0):
    generator = np.random.default_rng(seed)
    weights = generator.normal(size=(8, classes)).astype(np.float32)
    bias = -0.5 * weights.sum(0) + 0.2 * generator.normal(size=classes)
    return weights, bias.astype(np.float32)


CURVED = (
    RNG.normal(size=(8, 10)).astype(np.float32),
    RNG.normal(size=(10, CLASSES)).astype(np.float32),
)


def next_best(tail, params, images):
    """Targets within reach."""
    return np.asarray(tail(params, images)).argsort(1)[:, -2]


TARGETS = next_best(curved, CURVED, IMAGES)


def run(tail, params, images, classes, options=FEW, **more):
    return carlini_wagner(tail, params, images, classes, settings=options, **more)


def margins(tail, params, images, targets):
    return np.asarray(towards(tail(params, images), jnp.asarray(targets)))


@pytest.mark.parametrize("bounds", [(0.0, 1.0), (-1.0, 2.0)])
def test_between_two_affine_classes_the_distance_is_that_to_the_plane(bounds):
    weights, _ = params = random_affine(2)
    logits = np.asarray(affine(params, IMAGES))
    targets = logits.argmin(1)
    found = run(affine, params, IMAGES, targets, THOROUGH, bounds=bounds)
    plane = weights[:, 1] - weights[:, 0]
    expected = np.abs(logits[:, 1] - logits[:, 0]) / np.linalg.norm(plane)
    assert found.success.all()
    np.testing.assert_allclose(found.distance, expected, rtol=0.02)
    change = (found.images - IMAGES).reshape(6, -1)
    along = np.abs(change @ plane) / np.linalg.norm(plane)
    np.testing.assert_allclose(along, found.distance, rtol=0.02)


@pytest.mark.slow
def test_it_finds_what_the_paper_s_loop_finds_image_by_image():
    params = random_affine(CLASSES)
    targets = next_best(affine, params, IMAGES)
    found = run(affine, params, IMAGES, targets)
    assert found.success.sum() > 3
    weights, bias = (a.astype(np.float64) for a in params)
    for n, image in enumerate(IMAGES.astype(np.float64)):
        nearest, squared = attack(
            lambda x: x.ravel() @ weights + bias,
            lambda x, cotangent: (weights @ cotangent).reshape(x.shape),
            image,
            targets[n],
            **{"rate": 1e-2, "steps": 100, "searches": 4, "constant": 1e-2},
            kappa=0.0,
        )
        assert found.success[n] == (nearest is not None)
        if nearest is not None:
            assert found.distance[n] == pytest.approx(np.sqrt(squared), rel=5e-3)
            np.testing.assert_allclose(found.images[n], nearest, atol=5e-3)


@settings(deadline=None, max_examples=10)
@given(
    st.integers(0, 2**16),
    st.sampled_from([towards, away_from]),
    st.sampled_from([0, 1]),
)
def test_flags_distances_and_bounds_are_those_of_the_images_returned(seed, goal, low):
    generator = np.random.default_rng(seed)
    bounds = ((0.0, 1.0), (-1.0, 2.0))[low]
    # Some pixels on the bounds, where arctanh would be infinite.
    images = np.clip(generator.uniform(-1.5, 2.5, SHAPE), *bounds).astype(np.float32)
    classes = generator.integers(0, CLASSES, 6)
    found = run(curved, CURVED, images, classes, goal=goal, bounds=bounds)
    answers = np.asarray(curved(CURVED, found.images).argmax(1))
    reached = answers == classes if goal is towards else answers != classes
    np.testing.assert_array_equal(found.success, reached)
    assert found.images.min() >= bounds[0] and found.images.max() <= bounds[1]
    size = np.linalg.norm((found.images - images).reshape(6, -1), axis=1)
    np.testing.assert_allclose(
        found.distance, np.where(reached, size, np.inf), rtol=1e-4, atol=1e-6
    )
    np.testing.assert_array_equal(found.images[~reached], images[~reached])


UNITS = [
    (0.0, 255.0),
    *(
        pytest.param(*unit, marks=pytest.mark.slow)
        for unit in [(-1.0, 1.0), (0.2, 5.0), (-3.0, -2.9), (0.7, 0.9)]
    ),
]


@pytest.mark.parametrize(("low", "high"), UNITS)
def test_in_another_unit_it_is_the_same_problem(low, high):
    width = high - low
    plain = run(curved, CURVED, IMAGES, TARGETS)
    scaled = np.float32(low) + np.float32(width) * IMAGES
    tail = narrowed(low, width)
    found = run(tail, CURVED, scaled, TARGETS, bounds=(low, high))
    assert plain.success.all() and found.success.all()
    np.testing.assert_allclose(found.distance, width * plain.distance, rtol=0.01)
    np.testing.assert_allclose((found.images - low) / width, plain.images, atol=0.01)


@pytest.mark.parametrize(
    ("low", "high"),
    [
        (0.0, 1.0),
        pytest.param(0.0, 255.0, marks=pytest.mark.slow),
        pytest.param(0.7, 0.9, marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("saturated", [0.5, 1.0])
def test_black_and_white_pictures_are_not_given_up_early(
    low, high, saturated, monkeypatch
):
    generator = np.random.default_rng(1)
    pictures = generator.integers(0, 2, SHAPE).astype(np.float32)
    grey = generator.uniform(0.2, 0.8, SHAPE)
    pictures = np.where(generator.random(SHAPE) < saturated, pictures, grey)
    pictures = np.float32(low) + np.float32(high - low) * pictures.astype(np.float32)
    pictures = np.clip(pictures, np.float32(low), np.float32(high))
    tail, options = narrowed(low, high - low), FEW._replace(steps=200)
    targets = next_best(tail, CURVED, pictures)
    early = run(tail, CURVED, pictures, targets, options, bounds=(low, high))
    monkeypatch.setattr(module, "CHECKS", 1)
    never = run(tail, CURVED, pictures, targets, options, bounds=(low, high))
    # Black and white, one image cannot be changed further in the right direction.
    assert never.success.sum() >= 5
    np.testing.assert_array_equal(early.success, never.success)
    np.testing.assert_allclose(early.distance, never.distance, rtol=0.05)


def narrowed(low, width):
    return lambda params, images: curved(params, (images - low) / width)


def test_confidence_is_the_margin_and_costs_distance():
    found = [
        run(curved, CURVED, IMAGES, TARGETS, THOROUGH._replace(confidence=kappa))
        for kappa in (0.0, 0.5, 1.0)
    ]
    for kappa, attacked in zip((0.0, 0.5, 1.0), found, strict=True):
        assert attacked.success.all()
        least = margins(curved, CURVED, attacked.images, TARGETS).min()
        assert least >= kappa - 1e-5
    near, middle, far = (attacked.distance for attacked in found)
    assert (near < middle).all() and (middle < far).all()


def test_a_margin_of_zero_is_no_success():
    # Both logits are always the same.
    found = run(lambda params, x: x[:, 0, 0, :1] * jnp.ones(2), {}, IMAGES, TARGETS % 2)
    assert not found.success.any()


def test_more_constants_never_find_anything_farther():
    found = [
        run(curved, CURVED, IMAGES, TARGETS, FEW._replace(searches=n)).distance
        for n in range(1, 7)
    ]
    for fewer, more in pairwise(found):
        assert (more <= fewer).all()
    first = np.array(
        [next(d for d in each if np.isfinite(d)) for each in np.transpose(found)]
    )
    assert (found[-1] < 0.9 * first).any()


@pytest.mark.slow
def test_losing_a_class_costs_what_the_nearest_other_class_does():
    params = random_affine(CLASSES)
    own = np.asarray(affine(params, IMAGES)).argmax(1)
    lost = run(affine, params, IMAGES, own, THOROUGH, goal=away_from)
    targeted = [
        run(affine, params, IMAGES, np.full(6, k), THOROUGH).distance
        for k in range(CLASSES)
    ]
    others = np.where(np.arange(CLASSES)[:, None] == own, np.inf, targeted)
    assert (lost.distance >= 0.99 * others.min(0)).all()
    # It follows the class nearest by logits, which need not be the nearest by distance.
    assert (lost.distance <= 1.03 * others.min(0)).mean() > 0.8


@pytest.mark.slow
def test_an_image_s_result_is_its_own_whatever_is_in_its_batch():
    sizes = set()

    def recording(params, images):
        sizes.add(len(images))
        return curved(params, images)

    images = np.concatenate([IMAGES, IMAGES[::-1]])
    # Some are there from the start, others have far to go.
    targets = np.tile([0, 1, 2, 3], 3)
    together = run(recording, CURVED, images, targets)
    assert len(sizes) > 1  # images that were done had left the batch
    for n in range(12):
        alone = run(curved, CURVED, images[n : n + 1], targets[n : n + 1])
        assert alone.success[0] == together.success[n]
        np.testing.assert_allclose(together.distance[n], alone.distance, rtol=1e-3)
        np.testing.assert_allclose(together.images[n], alone.images[0], atol=1e-3)


@pytest.mark.slow
def test_an_impossible_target_is_given_up_and_the_image_stays():
    weights, bias = random_affine(CLASSES)
    params = np.pad(weights, ((0, 0), (0, 1))), np.append(bias, np.float32(-100))
    targets = np.array([4, 0, 4, 1, 4, 2])
    # So many that the constant would overflow if nothing held it.
    found = run(affine, params, IMAGES, targets, FEW._replace(steps=40, searches=45))
    assert found.success.tolist() == [False, True] * 3
    assert np.isposinf(found.distance[::2]).all()
    np.testing.assert_array_equal(found.images[::2], IMAGES[::2])
    assert np.isfinite(found.images).all()


def test_images_already_taken_for_the_target_hardly_change():
    own = np.asarray(curved(CURVED, IMAGES).argmax(1))
    found = run(curved, CURVED, IMAGES, own)
    assert found.success.all()
    assert found.distance.max() < 1e-5


def test_images_that_get_nowhere_stop_at_the_second_look(monkeypatch):
    calls, step = [], module._step
    monkeypatch.setattr(module, "_step", lambda *all: calls.append(0) or step(*all))
    fixed = lambda params, x: 0 * x[:, 0, 0] + params  # noqa: E731
    options = FEW._replace(constant=10.0)
    found = run(fixed, jnp.array([0, -1]), IMAGES, np.ones(6, int), options)
    assert not found.success.any()
    assert len(calls) == FEW.searches * 2 * FEW.steps / module.CHECKS
