"""Input-gradient penalties equal closed forms, and cost and change what they say."""

import inspect
import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdissect.errors import BadInput
from jaxdissect.regularizers.input_gradient import double_backprop, finite_difference

SHAPE = (4, 2, 3, 1)
FORWARD = partial(finite_difference, step=0.1)
CENTRAL = partial(FORWARD, sides="central")
ESTIMATORS = [double_backprop, FORWARD, CENTRAL]


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


IMAGES = draw(*SHAPE)
PARAMS = {"inner": 0.5 * draw(5, 6, seed=1), "outer": draw(5, seed=2)}
LABELS = np.array([1, -1, -1, 1], np.float32)


def flat(images):
    return images.reshape(len(images), -1)


def net(params):
    """A smooth network's losses; the pass also gives the mean of its activations."""

    def losses(images):
        hidden = jnp.tanh(flat(images) @ params["inner"].T)
        return hidden @ params["outer"], hidden.mean()

    return losses


def numpy_losses(params, images):
    return np.tanh(flat(images) @ params["inner"].T) @ params["outer"]


def numpy_slopes(params, images):
    hidden = np.tanh(flat(images) @ params["inner"].T)
    return ((1 - hidden**2) * params["outer"]) @ params["inner"]


def numpy_directions(params, images):
    slopes = numpy_slopes(params, images)
    return slopes / np.linalg.norm(slopes, axis=1, keepdims=True)


def numpy_gradient(function, params):
    """By complex steps: exact to rounding, one parameter at a time."""
    grads = {name: np.zeros(x.shape) for name, x in params.items()}
    for name, index in [(n, i) for n, x in params.items() for i in np.ndindex(x.shape)]:
        moved = {n: x.astype(complex) for n, x in params.items()}
        moved[name][index] += 1e-20j
        grads[name][index] = function(moved).imag / 1e-20
    return grads


def assert_close(got, want, **tolerance):
    jax.tree.map(lambda g, w: np.testing.assert_allclose(g, w, **tolerance), got, want)


@pytest.mark.parametrize("estimate", ESTIMATORS)
def test_linear_losses_have_the_squared_norm_of_their_weights(estimate):
    weights = np.array([1.0, -2, 4, 0, 0.5, 3], np.float32)
    got = estimate(lambda x: (flat(x) @ weights, None), jnp.zeros(SHAPE))
    np.testing.assert_allclose(got.penalty, (weights**2).sum(), rtol=1e-6)


@pytest.mark.parametrize(
    ("norm", "slope"), [("l2", 30.25**0.5), ("l1", 10.5 / 6**0.5), ("linf", 4)]
)
@pytest.mark.parametrize("sides", ["forward", "central"])
def test_norms_of_linear_losses(norm, slope, sides):
    weights = np.array([1.0, -2, -4, 0, 0.5, 3], np.float32)
    losses = lambda x: (flat(x) @ weights, None)  # noqa: E731
    options = {"step": 0.5, "sides": sides, "norm": norm}
    got = finite_difference(losses, jnp.zeros(SHAPE), **options)
    np.testing.assert_allclose(got.penalty, slope**2, rtol=1e-6)


def test_logistic_regression_has_its_closed_form():
    def penalty(weights):
        losses = lambda x: (jax.nn.softplus(-LABELS * (flat(x) @ weights)), None)  # noqa: E731
        return double_backprop(losses, jnp.array(IMAGES)).penalty

    weights, x = PARAMS["inner"][0], flat(IMAGES).astype(np.float64)
    got, grads = jax.value_and_grad(penalty)(weights)
    wrong = 1 / (1 + np.exp(LABELS * (x @ weights)))
    size = (weights**2).sum()
    np.testing.assert_allclose(got, (wrong**2).mean() * size, rtol=1e-5)
    through_wrong = -2 * size * (wrong**2 * (1 - wrong) * LABELS) @ x / len(x)
    want = through_wrong + 2 * weights * (wrong**2).mean()
    np.testing.assert_allclose(grads, want, rtol=1e-4)


def test_exact_penalty_and_its_gradient_equal_differences():
    def penalty(params):
        return double_backprop(net(params), jnp.array(IMAGES)).penalty

    def reference(params):
        return (numpy_slopes(params, IMAGES) ** 2).sum() / len(IMAGES)

    got, grads = jax.value_and_grad(penalty)(PARAMS)
    np.testing.assert_allclose(got, reference(PARAMS), rtol=1e-5)
    assert_close(grads, numpy_gradient(reference, PARAMS), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("sides", ["forward", "central"])
def test_estimate_and_its_gradient_equal_differences_at_a_fixed_direction(sides):
    step = 0.3
    move = step * numpy_directions(PARAMS, IMAGES)

    def reference(params):
        x = flat(IMAGES)
        behind = x if sides == "forward" else x - move
        rise = numpy_losses(params, x + move) - numpy_losses(params, behind)
        return ((rise / (step if sides == "forward" else 2 * step)) ** 2).mean()

    def penalty(params):
        images = jnp.array(IMAGES)
        return finite_difference(net(params), images, step=step, sides=sides).penalty

    got, grads = jax.value_and_grad(penalty)(PARAMS)
    np.testing.assert_allclose(got, reference(PARAMS), rtol=1e-4)
    assert_close(grads, numpy_gradient(reference, PARAMS), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    ("sides", "order", "step"), [("forward", 1, 0.02), ("central", 2, 0.2)]
)
def test_errors_shrink_with_the_step_at_their_order(sides, order, step):
    image = jnp.array(IMAGES[1:2])  # Errors of several images may cancel.
    exact = double_backprop(net(PARAMS), image).penalty

    def error(step):
        got = finite_difference(net(PARAMS), image, step=step, sides=sides)
        return abs(got.penalty - exact)

    measured = math.log2(error(step) / error(step / 2))
    assert order - 0.2 < measured < order + 0.2


@pytest.mark.parametrize("estimate", ESTIMATORS)
@pytest.mark.parametrize("wrap", [jax.jit, lambda f: f])
def test_weight_zero_leaves_every_bit_of_the_gradient(estimate, wrap):
    images = jnp.array(IMAGES)

    def penalized(params):
        got = estimate(net(params), images)
        return got.losses.mean() + 0.0 * got.penalty

    plain = wrap(jax.grad(lambda params: net(params)(images)[0].mean()))(PARAMS)
    jax.tree.map(
        np.testing.assert_array_equal, wrap(jax.grad(penalized))(PARAMS), plain
    )


@pytest.mark.parametrize(("estimate", "calls"), zip(ESTIMATORS, (1, 2, 3), strict=True))
def test_passes_are_counted_and_only_the_clean_one_is_returned(estimate, calls):
    seen = []

    def losses(images):
        values, others = net(PARAMS)(images)
        seen.append(images)
        return values, {"statistics": others, "number": jnp.array(len(seen))}

    got = estimate(losses, jnp.array(IMAGES))
    want, others = net(PARAMS)(jnp.array(IMAGES))
    assert len(seen) == calls and got.others["number"] == 1
    np.testing.assert_allclose(got.losses, want, rtol=1e-6)
    np.testing.assert_allclose(got.others["statistics"], others, rtol=1e-6)
    move = 0.1 * numpy_directions(PARAMS, IMAGES).reshape(SHAPE)
    for images, sign in zip(seen[1:], (1, -1), strict=False):
        np.testing.assert_allclose(images, IMAGES + sign * move, atol=1e-6)


@pytest.mark.parametrize("size", [1e-25, 1e25])
def test_directions_have_unit_length_whatever_the_size_of_the_gradient(size):
    seen = []

    def losses(images):
        seen.append(images)
        return size * flat(images).sum(1), None

    finite_difference(losses, jnp.zeros(SHAPE), step=2.0)
    np.testing.assert_allclose(np.linalg.norm(flat(seen[1]), axis=1), 2, rtol=1e-6)


@pytest.mark.parametrize(
    "estimate", [*ESTIMATORS, *(partial(CENTRAL, norm=n) for n in ("l1", "linf"))]
)
def test_images_without_a_gradient_have_no_penalty_and_finite_gradients(estimate):
    def penalty(params):
        return estimate(net(params), jnp.array(IMAGES)).penalty

    dead = {**PARAMS, "outer": np.zeros(5, np.float32)}
    value, grads = jax.value_and_grad(penalty)(dead)
    assert value == 0
    assert all((g == 0).all() for g in jax.tree.leaves(grads))


def test_images_that_see_each_other_share_the_gradient_of_the_sum():
    offsets = np.array([1.0, 2, 4, 8], np.float32)

    def losses(images):  # Every loss depends on the mean image, as with a BatchNorm.
        return offsets * flat(images - images.mean(0)).sum(1), None

    got = double_backprop(losses, jnp.array(IMAGES)).penalty
    np.testing.assert_allclose(got, 6 * offsets.var(), rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("step", value) for value in (0.0, -0.1, math.nan, math.inf)),
        *(("sides", "both"), ("norm", "l0")),
    ],
)
def test_options_that_mean_nothing_are_refused(name, value):
    unchecked = inspect.unwrap(finite_difference)
    with pytest.raises(BadInput, match=f"`{name}` is {value!r}"):
        unchecked(net(PARAMS), jnp.array(IMAGES), **{"step": 0.1, name: value})


@pytest.mark.parametrize("estimate", ESTIMATORS)
def test_one_loss_for_the_whole_batch_is_refused(estimate):
    with pytest.raises(BadInput, match=r"`losses` gave an array of shape \(\)"):
        estimate(lambda x: (x.mean(), None), jnp.array(IMAGES))
