"""Prediction gradients against closed forms, differences and each other."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import make_example
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdissect import gradients, networks
from jaxdissect.errors import BadInput
from jaxdissect.gradients import (
    class_gradients,
    filter_scores,
    first_order_drops,
    log_probabilities,
    logits,
    prediction_gradient,
    prediction_gradients,
    probabilities,
    saliency,
)
from jaxdissect.streaming import accumulate

RNG = np.random.default_rng(0)
ACTS = RNG.normal(size=(6, 2, 3, 4)).astype(np.float32)
WEIGHTS = 0.3 * RNG.normal(size=(2, 3, 4, 5))
WEIGHTS = WEIGHTS.astype(np.float32)
TARGETS = np.array([0, 3, 3, 1, 4, 0])
SCORES = {
    "probability": probabilities,
    "log_probability": log_probabilities,
    "logit": logits,
}


def linear(weights, acts):
    return jnp.einsum("bhwu,hwuk->bk", acts, weights)


def ask(tail, params, acts, targets, score=probabilities):
    return np.asarray(prediction_gradient(tail, params, acts, targets, score=score))


def test_of_a_linear_softmax_head_it_is_the_closed_form():
    z = np.einsum("bhwu,hwuk->bk", ACTS, WEIGHTS, dtype=np.float64)
    p = np.exp(z - z.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    for n, y in enumerate(TARGETS):
        expected = p[n, y] * (WEIGHTS[..., y] - WEIGHTS @ p[n])
        got = ask(linear, WEIGHTS, ACTS, TARGETS)[n]
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_at_the_logits_it_is_p_times_delta_minus_p():
    z = jnp.asarray(ACTS[:, 0, 0][:, None, None])
    p = jax.nn.softmax(z[:, 0, 0])
    got = ask(lambda params, a: a[:, 0, 0], {}, z, np.zeros(6, int))
    expected = p[:, :1] * (jnp.eye(4)[0] - p)
    np.testing.assert_allclose(got[:, 0, 0], expected, atol=1e-6)


def test_at_the_logits_of_the_logit_it_is_the_class_itself():
    got = ask(lambda params, a: a[:, 0, 0], {}, ACTS[:, :1, :1], TARGETS % 4, logits)
    np.testing.assert_array_equal(got[:, 0, 0], np.eye(4)[TARGETS % 4])


@pytest.mark.parametrize("gap", [0.5, 5.0, 20.0, 60.0])
def test_gradients_of_probabilities_are_right_however_near_to_one(gap):
    outputs = jnp.array([[gap, 0.0, -1.0]])
    exact = np.exp(np.array([gap, 0.0, -1.0]) - gap)
    exact /= exact.sum()
    np.testing.assert_allclose(probabilities(outputs)[0], exact, rtol=1e-6)
    slopes = np.asarray(jax.jacobian(lambda z: probabilities(z)[0])(outputs))
    others = exact[1:].sum()
    np.testing.assert_allclose(slopes[0, 0, 0], exact[0] * others, rtol=1e-5)
    np.testing.assert_allclose(slopes[0, 0, 1:], -exact[0] * exact[1:], rtol=1e-5)
    np.testing.assert_allclose(slopes[1:, 0, 0], -exact[0] * exact[1:], rtol=1e-5)
    assert np.abs(slopes.sum(0)).max() <= 1e-6 * others


@pytest.mark.parametrize("gap", [0.5, 20.0, 60.0])
def test_gradients_of_log_probabilities_never_lose_the_class_itself(gap):
    outputs = jnp.array([[gap, 0.0, -1.0]])
    wide = np.array([gap, 0.0, -1.0], np.float64) - gap
    log_sum = np.log1p(np.exp(wide[1:]).sum())
    np.testing.assert_allclose(
        log_probabilities(outputs)[0, 1:], (wide - log_sum)[1:], rtol=1e-6
    )
    slopes = np.asarray(jax.jacobian(lambda z: log_probabilities(z)[0])(outputs))[:, 0]
    p = np.exp(wide - log_sum)
    np.testing.assert_allclose(slopes[0, 0], p[1:].sum(), rtol=1e-5)
    np.testing.assert_allclose(slopes[1:, 0], -p[0], rtol=1e-5)


@pytest.fixture(scope="module", params=["lenet", "shapesnet"])
def at_layers(request):
    """A network cut at an early and a late layer."""
    example = make_example(request.param)
    convs = networks.conv_layers(example.network)
    return example, (convs[0], convs[-1])


@pytest.mark.parametrize("score", SCORES.values(), ids=SCORES)
def test_all_classes_of_a_linear_tail_at_once_are_one_by_one(score):
    together = prediction_gradients(linear, WEIGHTS, ACTS, score=score)
    for k in range(5):
        alone = ask(linear, WEIGHTS, ACTS, np.full(6, k), score)
        np.testing.assert_allclose(together[k], alone, rtol=1e-4, atol=1e-7)


@pytest.mark.slow
def test_all_classes_at_once_are_the_classes_one_by_one(at_layers):
    (network, params, images), (_, layer) = at_layers
    trunk, tail = networks.split(network, layer)
    acts = trunk(params, images)
    together = prediction_gradients(tail, params, acts)
    for k in range(5):
        alone = ask(tail, params, acts, np.full(3, k))
        scale = np.abs(alone).max()
        np.testing.assert_allclose(together[k], alone, atol=1e-5 * scale)


def test_probabilities_add_up_to_one_and_their_gradients_to_nothing(at_layers):
    (network, params, images), (_, layer) = at_layers
    trunk, tail = networks.split(network, layer)
    found = np.asarray(prediction_gradients(tail, params, trunk(params, images)))
    assert np.abs(found).max() > 0
    assert np.abs(found.sum(0)).max() < 1e-5 * np.abs(found).max()


def test_classes_memory_and_reduction_change_only_what_is_returned():
    whole = np.asarray(prediction_gradients(linear, WEIGHTS, ACTS))
    some = prediction_gradients(linear, WEIGHTS, ACTS, np.array([4, 1, 4]))
    np.testing.assert_allclose(some, whole[[4, 1, 4]], rtol=1e-6)
    little = prediction_gradients(linear, WEIGHTS, ACTS, memory_bytes=5_000)
    np.testing.assert_allclose(little, whole, rtol=1e-5, atol=1e-7)
    reduced = prediction_gradients(linear, WEIGHTS, ACTS, reduce=filter_scores)
    np.testing.assert_allclose(reduced, filter_scores(whole), rtol=1e-5)


@pytest.mark.slow
def test_gradients_are_what_small_differences_show():
    network, params, images = make_example("lenet")
    direction = np.random.default_rng(1).normal(size=images.shape).astype(np.float32)
    targets = np.array([0, 4, 2])

    def value(x):
        return networks.apply(network, params, x)[jnp.arange(3), targets]

    with jax.enable_x64(True):
        wide = jax.tree.map(lambda a: jnp.asarray(a, jnp.float64), params)
        apply = jax.jit(lambda p, x: networks.apply(network, p, x))
        x = jnp.asarray(images, jnp.float64)
        found = prediction_gradient(apply, wide, x, targets, score=logits)
        slope = (found * direction).sum((1, 2, 3))
        h = 1e-8  # small enough to cross no kink
        up, down = (
            apply(wide, x + sign * h * direction)[jnp.arange(3), targets]
            for sign in (1, -1)
        )
        np.testing.assert_allclose(slope, (up - down) / (2 * h), rtol=1e-4)


@pytest.mark.slow
def test_several_layers_from_one_pass_are_the_layers_one_by_one(at_layers):
    (network, params, images), layers = at_layers
    targets = np.array([0, 4, 2])
    together = networks.layer_gradients(network, layers)(params, images, targets)
    for layer in layers:
        trunk, tail = networks.split(network, layer)
        alone = ask(tail, params, trunk(params, images), targets)
        scale = np.abs(alone).max()
        np.testing.assert_allclose(together[layer], alone, atol=1e-5 * scale)


@pytest.mark.slow
def test_without_biases_relu_drops_add_up_to_the_logit():
    network, params, images = make_example("vgg16")
    params = jax.tree.map(lambda a: a if a.ndim > 1 else 0 * a, params)
    targets = np.array([1, 0, 3])
    for layer in ("conv5_3", "fc6"):
        trunk, tail = networks.split(network, layer)
        acts = jax.jit(trunk)(params, images)

        @jax.jit
        def both(acts, tail=tail):
            found = prediction_gradient(tail, params, acts, targets, score=logits)
            return first_order_drops(found, acts).sum(-1), tail(params, acts)

        drops, outputs = both(acts)
        logit = outputs[np.arange(3), targets]
        np.testing.assert_allclose(drops, logit, rtol=1e-4, atol=1e-5)


def test_of_a_linear_tail_the_first_order_drop_is_the_removal_s():
    found = prediction_gradient(linear, WEIGHTS, ACTS, TARGETS, score=logits)
    drops = np.asarray(first_order_drops(found, ACTS))
    whole = linear(WEIGHTS, ACTS)[np.arange(6), TARGETS]
    for unit in range(4):
        kept = ACTS * (np.arange(4) != unit)
        removed = linear(WEIGHTS, kept)[np.arange(6), TARGETS]
        np.testing.assert_allclose(drops[:, unit], whole - removed, atol=1e-4)


@pytest.mark.parametrize("order", [1.0, 2.0, math.inf])
def test_norms_are_numpy_s(order):
    by_unit = np.linalg.norm(ACTS.reshape(6, 6, 4), order, axis=1)
    np.testing.assert_allclose(filter_scores(ACTS, order=order), by_unit, rtol=1e-5)
    by_position = np.linalg.norm(ACTS, order, axis=-1)
    np.testing.assert_allclose(saliency(ACTS, order=order), by_position, rtol=1e-5)


def test_a_saturated_prediction_has_gradient_zero_and_no_nan():
    acts = jnp.array([[[[500.0, 0.0]]], [[[0.0, 500.0]]]])
    found = ask(lambda params, a: a[:, 0, 0], {}, acts, np.array([0, 0]))
    np.testing.assert_array_equal(found, 0)
    np.testing.assert_array_equal(filter_scores(found), 0)
    alike = gradients.consistency(found.reshape(2, -1), np.array([0, 0]), num_classes=1)
    np.testing.assert_array_equal(alike.within, 0)


@pytest.mark.parametrize("targets", [[5, 0, 0, 0, 0, 0], [-1, 0, 0, 0, 0, 0], [0]])
def test_targets_that_are_no_classes_or_too_few_are_refused(targets):
    with pytest.raises(BadInput, match=r"class|`targets`"):
        prediction_gradient(linear, WEIGHTS, ACTS, np.array(targets))


def test_a_class_out_of_range_and_too_little_memory_are_refused():
    with pytest.raises(BadInput, match="class 5 is asked about"):
        prediction_gradients(linear, WEIGHTS, ACTS, np.array([5]))
    with pytest.raises(BadInput, match="`memory_bytes` is 10"):
        prediction_gradients(linear, WEIGHTS, ACTS, memory_bytes=10)


def gradient_of(params, acts, targets):
    return prediction_gradient(linear, params, acts, targets)


@pytest.mark.slow
@settings(deadline=None, max_examples=20)
@given(st.permutations(range(6)), st.integers(1, 5))
def test_class_gradients_do_not_depend_on_batches_or_order(order, cut):
    statistic = class_gradients(gradient_of, WEIGHTS, num_classes=5)
    order = np.array(order)
    parts = [(ACTS[at], TARGETS[at]) for at in (order[:cut], order[cut:])]
    found = accumulate(statistic, parts)
    each = ask(linear, WEIGHTS, ACTS, TARGETS)
    for k in range(5):
        own = each[k == TARGETS]
        expected = own.mean(0) if len(own) else np.zeros(each.shape[1:])
        np.testing.assert_allclose(found.mean[k], expected, atol=1e-6)
        norms = np.linalg.norm(own.reshape(len(own), 6, 4), axis=1)
        expected = norms.mean(0) if len(own) else np.zeros(4)
        np.testing.assert_allclose(found.mean_scores[k], expected, atol=1e-6)
    assert found.number.tolist() == [2, 1, 0, 2, 1]


def test_the_norm_of_the_mean_is_at_most_the_mean_of_the_norms():
    statistic = class_gradients(gradient_of, WEIGHTS, num_classes=5)
    found = accumulate(statistic, [(ACTS, TARGETS)])
    of_mean = np.asarray(filter_scores(found.mean))
    assert (of_mean <= found.mean_scores + 1e-6).all()
    assert (of_mean[[0, 3]] < found.mean_scores[[0, 3]] - 1e-4).any()


def test_class_gradients_refuse_targets_that_are_no_classes():
    statistic = class_gradients(gradient_of, WEIGHTS, num_classes=4)
    with pytest.raises(BadInput, match="`targets` has 4; allowed are 0 to 3"):
        accumulate(statistic, [(ACTS, TARGETS)])


def test_consistency_is_the_mean_cosine_of_pairs():
    vectors, targets = RNG.normal(size=(7, 3)), np.array([0, 0, 0, 1, 1, 2, 0])
    found = gradients.consistency(vectors, targets, num_classes=4)
    for k in range(4):
        pairs = [
            (targets[j] == k, cosine(vectors[i], vectors[j]))
            for i in np.flatnonzero(targets == k)
            for j in range(7)
            if i != j
        ]
        same = [c for own, c in pairs if own]
        other = [c for own, c in pairs if not own]
        assert found.within[k] == pytest.approx(np.mean(same) if same else 0)
        assert found.between[k] == pytest.approx(np.mean(other) if other else 0)


def cosine(a, b):
    return a @ b / np.sqrt(a @ a) / np.sqrt(b @ b)
