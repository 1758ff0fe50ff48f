"""Ablation: laws of edits, factored against replayed, planted truths."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import NETWORKS, make_example
from reference import ablation as reference

from jaxdissect import ablation, metrics, networks
from jaxdissect.base import BadInput, FactoredTail

MEMORY = 2**24


@pytest.fixture(scope="module")
def vgg():
    network, params, images = make_example("vgg16_bn")
    images = jnp.concatenate([images, 1 - images, images[:, ::-1]])
    trunk, tail = networks.split(network, "conv5_3")
    return network, params, trunk(params, images), tail


def counts_by(tail, params, acts, targets, keeps, memory=MEMORY):
    return ablation.measure_edits(
        tail,
        params,
        keeps,
        [(acts[:4], targets[:4]), (acts[4:], targets[4:])],
        num_classes=5,
        memory_bytes=memory,
    ).counts


def factored_cases():
    return [
        (name, layer)
        for name in NETWORKS
        for layer in networks.factored_layers(NETWORKS[name][0]())[-6::2]
    ]


@pytest.mark.parametrize(("name", "layer"), factored_cases())
def test_factored_sweep_equals_the_replayed_one(name, layer):
    network, params, images = make_example(name)
    trunk, tail = networks.split(network, layer)
    acts = trunk(params, images)
    keeps = ablation.single_unit_keeps(acts.shape[-1])
    replayed = ablation.edited_outputs(ablation.by_replaying(tail), params, acts, keeps)
    factored = ablation.edited_outputs(
        ablation.by_factoring(networks.factored(network, layer)), params, acts, keeps
    )
    np.testing.assert_allclose(factored, replayed, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(factored.argmax(-1), replayed.argmax(-1))


def test_a_sweep_equals_removing_units_one_by_one(vgg):
    network, params, acts, tail = vgg
    edited = ablation.by_factoring(networks.factored(network, "conv5_3"))
    keeps = ablation.single_unit_keeps(acts.shape[-1])
    predictions = ablation.edited_outputs(edited, params, acts, keeps).argmax(-1)
    expected = reference.ablate_one_by_one(
        lambda a: np.asarray(tail(params, jnp.asarray(a))), np.asarray(acts)
    )
    np.testing.assert_array_equal(predictions, expected)


def test_removing_nothing_changes_nothing_bit_for_bit(vgg):
    network, params, acts, tail = vgg
    whole = np.ones((1, acts.shape[-1]), np.float32)
    edited = ablation.by_factoring(networks.factored(network, "conv5_3"))
    outputs = ablation.edited_outputs(edited, params, acts, whole)
    np.testing.assert_array_equal(outputs[0], tail(params, acts))


def test_removing_everything_gives_one_prediction_for_all_images(vgg):
    network, params, acts, _ = vgg
    outputs = ablation.by_factoring(networks.factored(network, "conv5_3"))
    nothing = np.zeros((1, acts.shape[-1]), np.float32)
    targets = jnp.arange(len(acts)) % 5
    counts = counts_by(outputs, params, acts, targets, nothing)
    assert (counts.predicted[0] > 0).sum() == 1
    np.testing.assert_allclose(metrics.balanced_accuracy(counts), 0.5)


def test_chunks_and_batches_do_not_change_counts(vgg):
    _, params, acts, tail = vgg
    targets = jnp.arange(len(acts)) % 5
    keeps = ablation.single_unit_keeps(acts.shape[-1])
    outputs = ablation.by_replaying(tail)
    roomy = counts_by(outputs, params, acts, targets, keeps)
    # So little that the batches are cut too.
    one = ablation.edits_that_fit(
        outputs, params, (2, *acts.shape[1:]), memory_bytes=2**30
    )
    tight = counts_by(outputs, params, acts, targets, keeps, memory=2**30 // one)
    for a, b in zip(roomy, tight, strict=True):
        np.testing.assert_array_equal(a, b)
    assert roomy.true.sum(-1).tolist() == [len(acts)] * len(keeps)


def test_the_memory_budget_bounds_the_chunk():
    """One edit of this tail makes two arrays of 8 floats per image."""
    tail = ablation.by_replaying(lambda params, acts: jnp.sin(acts).reshape(-1, 8))
    fits = [
        ablation.edits_that_fit(tail, {}, (2, 2, 2, 2), memory_bytes=m)
        for m in (100, 1000, 10_000)
    ]
    assert fits[0] == 0 < fits[1] < fits[2]
    # Twice the images take twice the memory.
    many = ablation.edits_that_fit(tail, {}, (4, 2, 2, 2), memory_bytes=10_000)
    assert many == pytest.approx(fits[2] / 2, abs=1)


def test_what_all_edits_share_counts_against_the_budget():
    big = FactoredTail(
        linear=lambda params, acts: jnp.ones((len(acts), 1000)),
        contributions=lambda params, acts: jnp.ones((len(acts), 2, 1000)),
        rest=lambda params, z: z,
    )
    tail = ablation.by_factoring(big)
    assert ablation.edits_that_fit(tail, {}, (2, 1, 1, 2), memory_bytes=16_000) == 0
    nested = ablation.by_replaying(jax.jit(lambda params, acts: jnp.sin(acts) * 2))
    plain = ablation.by_replaying(lambda params, acts: jnp.sin(acts) * 2)
    assert ablation.edits_that_fit(
        nested, {}, (1, 4, 4, 2), memory_bytes=5000
    ) == ablation.edits_that_fit(plain, {}, (1, 4, 4, 2), memory_bytes=5000)


def test_a_budget_too_small_for_one_image_is_refused(vgg):
    _, params, acts, tail = vgg
    targets, keeps = jnp.zeros(len(acts), int), np.ones((1, acts.shape[-1]), np.float32)
    with pytest.raises(BadInput, match="`memory_bytes` is 10; one edit of one image"):
        counts_by(ablation.by_replaying(tail), params, acts, targets, keeps, memory=10)


def test_log_probabilities_are_the_softmax_s(vgg):
    _, params, acts, tail = vgg
    targets = np.arange(len(acts)) % 5
    keeps = ablation.single_unit_keeps(acts.shape[-1])[:3]
    measured = ablation.measure_edits(
        ablation.by_replaying(tail), params, keeps, [(acts, targets)], num_classes=5
    )
    for keep, got in zip(keeps, measured.log_probability, strict=True):
        logits = np.asarray(tail(params, acts * keep), np.float64)
        p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        true = np.log(p[np.arange(len(p)), targets])
        expected = [true[targets == k].mean() for k in range(5)]
        np.testing.assert_allclose(got, expected, rtol=1e-4)


def test_curves_are_those_of_each_class_s_own_order():
    rng = np.random.default_rng(0)
    rankings = np.stack([rng.permutation(6) for _ in range(3)])
    controls = np.stack([rng.permutation(6) for _ in range(2)])

    def counts_under(keeps):  # class k is seen while units k and k + 3 are there
        seen = (keeps[:, :3] * keeps[:, 3:]).astype(int) * 4
        return metrics.ClassCounts(seen, seen, np.full_like(seen, 4))

    steps = [0, 1, 3, 6]
    curves = ablation.removal_curves(counts_under, rankings, controls, steps)
    for order, curve in ((rankings, curves.most), (rankings[:, ::-1], curves.least)):
        for k in range(3):
            counts = counts_under(ablation.removal_keeps(order[k], steps))
            balanced = metrics.balanced_accuracy(counts)[:, k]
            np.testing.assert_array_equal(curve.balanced[k], balanced)
            np.testing.assert_array_equal(curve.top1[k], metrics.top1(counts))
    assert curves.random.balanced.shape == curves.random.top1.shape == (3, 2, 4)
    counts = counts_under(ablation.removal_keeps(controls[1], steps))
    np.testing.assert_array_equal(
        curves.random.balanced[:, 1].T, metrics.balanced_accuracy(counts)
    )


def test_a_class_wired_to_one_unit_loses_exactly_that_one():
    """Unit k alone speaks for class k, so removing it silences class k only."""
    acts = jnp.eye(4)[:, None, None, :] * jnp.ones((4, 2, 2, 1))
    tail = ablation.by_replaying(
        lambda params, a: a.sum((1, 2)) - 0.1 * jnp.arange(4) / 4
    )
    keeps = np.concatenate([np.ones((1, 4), np.float32), ablation.single_unit_keeps(4)])
    counts = ablation.measure_edits(
        tail, {}, keeps, [(acts, jnp.arange(4))], num_classes=4
    ).counts
    recall = metrics.recall(counts)
    np.testing.assert_array_equal(recall[0], 1)
    # Class 0 wins by its bias where all units are silent.
    np.testing.assert_array_equal(recall[2:], 1 - np.eye(4)[1:])
    accuracy = metrics.balanced_accuracy(counts)
    order = ablation.rank_units(accuracy[0], accuracy[1:])
    assert order[1:, 0].tolist() == [1, 2, 3]


def test_ranking_equals_the_reference_with_ties_by_unit():
    rng = np.random.default_rng(0)
    base = rng.integers(0, 4, 5) / 10
    ablated = rng.integers(0, 4, (9, 5)) / 10 + rng.choice([0, 1e-16], (9, 5))
    np.testing.assert_array_equal(
        ablation.rank_units(base, ablated), reference.rank_units(base, ablated)
    )


def test_removal_is_nested_and_complete():
    order = np.array([3, 0, 2, 1])
    keeps = ablation.removal_keeps(order, range(5))
    np.testing.assert_array_equal(keeps.sum(1), [4, 3, 2, 1, 0])
    for n in range(4):
        assert keeps[n][order[n]] == 1
        assert keeps[n + 1][order[n]] == 0


def test_random_orders_are_permutations_and_differ():
    orders = ablation.random_orders(jax.random.key(0), 3, 20)
    np.testing.assert_array_equal(np.sort(orders, 1), np.tile(np.arange(20), (3, 1)))
    assert len({tuple(order) for order in orders}) == 3


def test_masks_that_do_not_fit_are_refused(vgg):
    _, params, acts, tail = vgg
    with pytest.raises(BadInput, match="`keeps` has 3 units"):
        counts_by(
            ablation.by_replaying(tail),
            params,
            acts,
            jnp.zeros(len(acts), int),
            np.ones((1, 3), np.float32),
        )
