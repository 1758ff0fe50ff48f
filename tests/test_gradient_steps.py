"""The gradient sign step: closed forms, bounds, and harm that noise does not do."""

from inspect import unwrap

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdissect import attacks
from jaxdissect.errors import BadInput

SHAPE = (16, 4, 4, 3)
IMAGES = np.random.default_rng(0).uniform(size=SHAPE).astype(np.float32)
SIGNS = np.random.default_rng(1).choice([-1.0, 1.0], 16).astype(np.float32)
WEIGHTS = np.random.default_rng(2).normal(size=(4, 4, 3)).astype(np.float32)

steps = st.floats(0, 1, width=32)
seeds = st.integers(0, 2**16)


def logistic(weights, signs):
    """Losses of a linear classifier with classes -1 and 1."""
    return lambda x: jax.nn.softplus(-signs * jnp.einsum("bhwc,hwc->b", x, weights))


def smooth(seed):
    """Losses of a random network with one layer of tanh, different for every image."""
    rng = np.random.default_rng(seed)
    first = (rng.normal(size=(48, 8)) / 7).astype(np.float32)
    second = rng.normal(size=(8, 5)).astype(np.float32)
    targets = rng.integers(0, 5, 16)

    def losses(x):
        logits = jnp.tanh(x.reshape(len(x), -1) @ first) @ second
        return -jax.nn.log_softmax(logits)[jnp.arange(len(x)), targets[: len(x)]]

    return losses


@settings(deadline=None, max_examples=20)
@given(steps)
def test_closed_form_on_a_linear_classifier(step):
    # d softplus(-s w.x) / dx = -s w sigmoid(-s w.x), whose sign is -s sign(w).
    expected = IMAGES - step * SIGNS[:, None, None, None] * np.sign(WEIGHTS)
    got = attacks.fgsm(logistic(WEIGHTS, SIGNS), IMAGES, step=step)
    np.testing.assert_allclose(got, np.clip(expected, 0, 1), atol=1e-6)


@settings(deadline=None, max_examples=20)
@given(steps)
def test_minus_the_loss_to_a_target_steps_towards_it(step):
    # Towards class 1 from any image: along sign(w).
    towards = logistic(WEIGHTS, np.ones(16, np.float32))
    got = attacks.fgsm(lambda x: -towards(x), IMAGES, step=step)
    expected = np.clip(IMAGES + step * np.sign(WEIGHTS), 0, 1)
    np.testing.assert_allclose(got, expected, atol=1e-6)


@settings(deadline=None, max_examples=5)
@given(seeds)
def test_step_zero_changes_nothing_bit_for_bit(seed):
    got = attacks.fgsm(smooth(seed), IMAGES, step=0.0)
    np.testing.assert_array_equal(np.asarray(got).view(np.int32), IMAGES.view(np.int32))


@settings(deadline=None, max_examples=20)
@given(seeds, steps)
def test_no_pixel_moves_further_than_the_step_or_out_of_range(seed, step):
    images = IMAGES.copy()
    images[:2], images[2:4] = 0, 1
    got = np.asarray(attacks.fgsm(smooth(seed), images, step=step))
    assert np.abs(got - images).max() <= step + 1e-6
    assert got.min() >= 0 and got.max() <= 1
    assert step < 1e-3 or (got != images).mean() > 0.5


def test_pixels_without_a_gradient_stay():
    weights = WEIGHTS.copy()
    weights[1:3, :, 0] = 0
    got = attacks.fgsm(logistic(weights, SIGNS), IMAGES, step=0.1)
    np.testing.assert_array_equal(got[:, weights == 0], IMAGES[:, weights == 0])
    assert (got[:, weights != 0] != IMAGES[:, weights != 0]).all()


@settings(deadline=None, max_examples=10)
@given(seeds)
def test_a_small_step_raises_every_loss_and_minus_lowers_it(seed):
    losses = smooth(seed)
    # Away from the ends nothing is clipped.
    images = 0.25 + IMAGES / 2
    before = losses(images)
    up = losses(attacks.fgsm(losses, images, step=1e-3))
    down = losses(attacks.fgsm(lambda x: -losses(x), images, step=1e-3))
    assert (down < before).all() and (before < up).all()


def test_the_first_order_rise_is_the_step_times_the_gradient_s_l1_norm():
    losses, images = smooth(5), 0.25 + IMAGES / 2
    grads = np.asarray(jax.grad(lambda x: losses(x).sum())(images))
    rise = losses(attacks.fgsm(losses, images, step=1e-3)) - losses(images)
    norms = np.abs(grads).sum((1, 2, 3))
    np.testing.assert_allclose(rise, 1e-3 * norms, rtol=0.02)


@pytest.mark.slow
def test_an_image_is_changed_the_same_alone_as_in_a_batch():
    losses = smooth(6)
    together = attacks.fgsm(losses, IMAGES, step=0.1)
    np.testing.assert_array_equal(
        attacks.fgsm(losses, IMAGES[:1], step=0.1), together[:1]
    )


@pytest.mark.parametrize("step", [-0.1, 8.0, float("nan")])
def test_steps_out_of_range_are_refused(step):
    with pytest.raises(BadInput, match="`step`"):
        attacks.fgsm(logistic(WEIGHTS, SIGNS), IMAGES, step=step)


@pytest.mark.slow
def test_the_attack_harms_a_trained_classifier_more_than_noise_of_its_size():
    signs, images = planted(jax.random.key(0))
    loss = lambda w: logistic(w, signs)(images).mean()  # noqa: E731
    weights = jnp.zeros(WEIGHTS.shape)
    descend = jax.jit(lambda w: w - 2.0 * jax.grad(loss)(w))
    for _ in range(100):
        weights = descend(weights)

    def accuracy(x):
        return (jnp.sign(jnp.einsum("bhwc,hwc->b", x, weights)) == signs).mean()

    step = 0.05
    noise = step * jax.random.rademacher(jax.random.key(1), images.shape)
    attacked = attacks.fgsm(logistic(weights, signs), images, step=step)
    assert accuracy(images) > 0.9
    assert accuracy(jnp.clip(images + noise, 0, 1)) > 0.85
    assert accuracy(attacked) < 0.4


def planted(key):
    """Two classes of grey noise, a little brighter or darker along a random pattern."""
    key_signs, key_noise = jax.random.split(key)
    signs = jax.random.rademacher(key_signs, (256,), jnp.float32)
    noise = 0.1 * jax.random.normal(key_noise, (256, *WEIGHTS.shape))
    shift = 0.03 * signs[:, None, None, None] * jnp.sign(WEIGHTS)
    return signs, jnp.clip(0.5 + noise + shift, 0, 1)


GRADIENTS = np.random.default_rng(3).normal(size=SHAPE).astype(np.float32)
SCALINGS = ("sign", "l2", "raw")
scalings = st.sampled_from(SCALINGS)


@settings(deadline=None, max_examples=15)
@given(st.floats(0, 0.25, width=32))
def test_a_step_s_size_is_what_its_scaling_says(step):
    middle = np.full(SHAPE, 0.5, np.float32)
    change = {
        scaling: np.asarray(
            attacks.gradient_step(middle, GRADIENTS / 10, step=step, scaling=scaling)
        )
        - middle
        for scaling in SCALINGS
    }
    np.testing.assert_allclose(np.abs(change["sign"]), step, atol=1e-6)
    lengths = np.linalg.norm(change["l2"].reshape(16, -1), axis=1)
    np.testing.assert_allclose(lengths, step, atol=1e-5)
    np.testing.assert_allclose(change["raw"], step * GRADIENTS / 10, atol=1e-6)
    along = (change["l2"] * GRADIENTS).sum((1, 2, 3))
    norms = np.linalg.norm(GRADIENTS.reshape(16, -1), axis=1)
    np.testing.assert_allclose(along, step * norms, rtol=1e-3, atol=1e-4)


@settings(deadline=None, max_examples=15)
@given(scalings, st.sampled_from([(0.0, 1.0), (-1.0, 2.0)]), st.floats(0, 100))
def test_a_step_stays_in_the_bounds_and_one_of_zero_stays_put(scaling, bounds, step):
    options = {"scaling": scaling, "bounds": bounds}
    got = attacks.gradient_step(IMAGES, GRADIENTS, step=step, **options)
    assert got.min() >= bounds[0] and got.max() <= bounds[1]
    same = attacks.gradient_step(IMAGES, GRADIENTS, step=0.0, **options)
    np.testing.assert_array_equal(same, IMAGES)


@pytest.mark.parametrize("scaling", SCALINGS)
def test_an_image_without_a_gradient_stays_and_the_others_do_not(scaling):
    gradients = GRADIENTS.copy()
    gradients[::2] = 0
    got = attacks.gradient_step(IMAGES, gradients, step=0.1, scaling=scaling)
    np.testing.assert_array_equal(got[::2], IMAGES[::2])
    assert (got[1::2] != IMAGES[1::2]).any((1, 2, 3)).all()


@pytest.mark.parametrize("scale", [1e-30, 1e-12, 1e30])
@pytest.mark.parametrize("scaling", ["sign", "l2"])
def test_directions_do_not_depend_on_the_gradient_s_size(scaling, scale):
    plain = attacks.gradient_step(IMAGES, GRADIENTS, step=0.1, scaling=scaling)
    scaled = np.float32(scale) * GRADIENTS
    got = attacks.gradient_step(IMAGES, scaled, step=0.1, scaling=scaling)
    np.testing.assert_allclose(got, plain, atol=1e-6)


def test_a_compiled_step_is_the_same_step():
    plain = attacks.gradient_step(IMAGES, GRADIENTS, step=0.1, scaling="l2")
    compiled = jax.jit(
        lambda x, g: attacks.gradient_step(x, g, step=0.1, scaling="l2")
    )(IMAGES, GRADIENTS)
    np.testing.assert_allclose(compiled, plain, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"step": -1.0}, "`step` is -1.0; it must be at least 0"),
        ({"step": float("nan")}, "`step` is nan"),
        ({"bounds": (1.0, 1.0)}, "`bounds` is .* the first must be below the second"),
        ({"bounds": (0.0, float("nan"))}, "`bounds` is .* must be below"),
        ({"bounds": (0.2, 1.0)}, "`images` has values from .* allows 0.2 to 1"),
        ({"bounds": (0.0, 0.8)}, "`images` has values from .* allows 0 to 0.8"),
    ],
)
def test_steps_bounds_and_images_that_cannot_be_are_refused(change, message):
    options = {"step": 0.1, "scaling": "l2", "bounds": (0.0, 1.0)} | change
    with pytest.raises(BadInput, match=message):
        attacks.gradient_step(IMAGES, GRADIENTS, **options)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scaling": "max"}, "`scaling` is 'max'; it must be 'sign' or 'l2' or 'raw'"),
        ({"step": float("inf")}, "`step` is inf"),
        ({"gradients": GRADIENTS[:1]}, "`gradients` has the shape"),
        ({"gradients": np.nan * GRADIENTS}, "`gradients` holds nan"),
        ({"images": IMAGES[:0]}, "`images` has the shape .* may be empty"),
        ({"images": IMAGES[0]}, "`images` has the shape"),
    ],
)
def test_what_types_would_tell_is_refused_without_them(change, message):
    # `unwrap` gets past the checks of types, which are on under pytest only.
    options = {"step": 0.1, "scaling": "l2", "images": IMAGES, "gradients": GRADIENTS}
    with pytest.raises(BadInput, match=message):
        unwrap(attacks.gradient_step)(**options | change)


@pytest.mark.parametrize(("low", "high"), [(0.0, 255.0), (-1.0, 1.0), (0.7, 0.9)])
@pytest.mark.parametrize("scaling", ["sign", "l2", "raw"])
def test_in_another_unit_it_is_the_same_step(scaling, low, high):
    width = high - low
    plain = attacks.gradient_step(IMAGES, GRADIENTS, step=0.1, scaling=scaling)
    images = np.float32(low) + np.float32(width) * np.asarray(IMAGES)
    # The gradient of the same function of larger images is smaller by as much.
    size = 0.1 * (width**2 if scaling == "raw" else width)
    bounds = (low, high)
    found = attacks.gradient_step(
        images, GRADIENTS / width, step=size, scaling=scaling, bounds=bounds
    )
    np.testing.assert_allclose((found - low) / width, plain, atol=2e-6)


@pytest.mark.parametrize(
    ("images", "loss", "message"),
    [
        (
            np.zeros((2, 1, 1, 3), np.uint8),
            lambda x: x.sum((1, 2, 3)),
            "floating point",
        ),
        (np.zeros((2, 1, 1, 3), np.float32), lambda x: x.sum(), "`loss` gives"),
    ],
)
def test_the_sign_method_needs_a_loss_of_each_image(images, loss, message):
    with pytest.raises(BadInput, match=message):
        unwrap(attacks.fgsm)(loss, images, step=0.1)


@pytest.mark.parametrize("bounds", [(0.2, 1.0), (1.0, 0.0)])
def test_the_sign_method_refuses_the_same(bounds):
    with pytest.raises(BadInput, match=r"`images`|`bounds`"):
        attacks.fgsm(logistic(WEIGHTS, SIGNS), IMAGES, step=0.1, bounds=bounds)
