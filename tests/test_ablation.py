"""Ablation: laws of edits, factored against replayed, planted truths."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import make_example
from reference import ablation as reference

from jaxdissect import ablation, metrics, networks
from jaxdissect.base import BadInput

MEMORY = 2**24


@pytest.fixture(scope="module")
def vgg():
    network, params, images = make_example("vgg16_bn")
    images = jnp.concatenate([images, 1 - images, images[:, ::-1]])
    trunk, tail = networks.split(network, "conv5_3")
    return network, params, trunk(params, images), tail


def counts_by(outputs, params, acts, targets, keeps, memory=MEMORY):
    return ablation.count_under_edits(
        outputs,
        params,
        keeps,
        [(acts[:4], targets[:4]), (acts[4:], targets[4:])],
        num_classes=5,
        memory_bytes=memory,
    )


@pytest.mark.parametrize("layer", ["conv5_3", "conv5_2", "pool5", "fc6"])
def test_factored_sweep_equals_the_replayed_one(layer):
    network, params, images = make_example("vgg16_bn")
    trunk, tail = networks.split(network, layer)
    acts = trunk(params, images)
    keeps = ablation.single_unit_keeps(acts.shape[-1])
    replayed = ablation.by_replaying(tail)(params, acts, keeps)
    factored = ablation.by_factoring(networks.factored(network, layer))(
        params, acts, keeps
    )
    np.testing.assert_allclose(factored, replayed, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(factored.argmax(-1), replayed.argmax(-1))


def test_a_sweep_equals_removing_units_one_by_one(vgg):
    network, params, acts, tail = vgg
    outputs = ablation.by_factoring(networks.factored(network, "conv5_3"))
    keeps = ablation.single_unit_keeps(acts.shape[-1])
    predictions = outputs(params, acts, keeps).argmax(-1)
    expected = reference.ablate_one_by_one(
        lambda a: np.asarray(tail(params, jnp.asarray(a))), np.asarray(acts)
    )
    np.testing.assert_array_equal(predictions, expected)


def test_removing_nothing_changes_nothing_bit_for_bit(vgg):
    network, params, acts, tail = vgg
    whole = np.ones((1, acts.shape[-1]), np.float32)
    outputs = ablation.by_factoring(networks.factored(network, "conv5_3"))
    np.testing.assert_array_equal(outputs(params, acts, whole)[0], tail(params, acts))


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
    tight = counts_by(outputs, params, acts, targets, keeps, memory=1)
    for a, b in zip(roomy, tight, strict=True):
        np.testing.assert_array_equal(a, b)
    assert roomy.true.sum(-1).tolist() == [len(acts)] * len(keeps)


def test_the_memory_budget_bounds_the_chunk(vgg):
    _, params, acts, tail = vgg
    outputs = ablation.by_replaying(tail)
    sizes = [
        ablation.edits_per_chunk(outputs, params, acts, memory_bytes=m)
        for m in (1, 2**20, 2**24)
    ]
    assert sizes[0] == 1 < sizes[1] < sizes[2]


def test_a_class_wired_to_one_unit_loses_exactly_that_one():
    """Unit k alone speaks for class k, so removing it silences class k only."""
    acts = jnp.eye(4)[:, None, None, :] * jnp.ones((4, 2, 2, 1))
    tail = ablation.by_replaying(
        lambda params, a: a.sum((1, 2)) - 0.1 * jnp.arange(4) / 4
    )
    keeps = np.concatenate([np.ones((1, 4), np.float32), ablation.single_unit_keeps(4)])
    counts = ablation.count_under_edits(
        tail, {}, keeps, [(acts, jnp.arange(4))], num_classes=4, memory_bytes=MEMORY
    )
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
