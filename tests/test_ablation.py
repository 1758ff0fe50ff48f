"""Laws of edits: over networks, layers, ways to evaluate, chunks and replacements."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import NETWORKS, make_example, of_network
from reference import ablation as reference

from jaxdissect import ablation, metrics, networks
from jaxdissect.ablation import Examples
from jaxdissect.base import FactoredTail
from jaxdissect.streaming import accumulate


@pytest.fixture(scope="module")
def vgg():
    network, params, images = make_example("vgg16_bn")
    trunk, tail = networks.split(network, "conv5_3")
    factored = ablation.by_factoring(networks.factored(network, "conv5_3"))
    # Such as the trunk could give: XLA compiles its thirteen layers for seconds.
    shape = jax.eval_shape(trunk, params, images).shape[1:]
    acts = jnp.maximum(np.random.default_rng(1).normal(size=(9, *shape)), 0)
    # Some silent units on every image, and answers that differ between images.
    heard = jax.random.bernoulli(jax.random.key(3), 0.6, (9, 1, 1, acts.shape[-1]))
    acts = acts * heard
    logits = params["fc8"]["params"]
    bias = logits["bias"] - tail(params, acts).mean(0)
    params = {**params, "fc8": {"params": {**logits, "bias": bias}}}
    assert len(set(tail(params, acts).argmax(1).tolist())) >= 3
    return params, acts, tail, factored


TARGETS = np.arange(9) % 5


def cut(acts, replacement=ablation.ZERO):
    return [
        Examples(acts[:4], TARGETS[:4], replacement),
        Examples(acts[4:], TARGETS[4:], replacement),
    ]


def single_keeps(num_units):
    return 1 - np.eye(num_units, dtype=np.float32)


def unit_effects(tail, params, examples, **options):
    units = examples[0].acts.shape[-1]
    sweep = ablation.unit_effects(tail, params, units, num_classes=5, **options)
    return accumulate(sweep, examples)


def set_effects(tail, params, keeps, examples, **options):
    sweep = ablation.set_effects(tail, params, keeps, num_classes=5, **options)
    return accumulate(sweep, examples)


def assert_same_counts(a, b):
    for name in ("base", "lost", "gained", "intruding", "withdrawn"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)
    np.testing.assert_allclose(a.drop, b.drop, rtol=1e-3, atol=1e-4)


def factored_cases():
    return [
        of_network(name, layer)
        for name in NETWORKS
        for layer in networks.factored_layers(NETWORKS[name][0]())[-9::2]
    ]


@pytest.mark.parametrize(("name", "layer"), factored_cases())
def test_factored_equals_replayed(name, layer):
    network, params, images = make_example(name)
    trunk, tail = networks.split(network, layer)
    acts = trunk(params, images)
    units = min(acts.shape[-1], 6)
    keeps = np.concatenate([single_keeps(acts.shape[-1])[:units], removal(acts)])
    factored = ablation.by_factoring(networks.factored(network, layer))
    replayed = ablation.edited_outputs(ablation.by_replaying(tail), params, acts, keeps)
    got = ablation.edited_outputs(factored, params, acts, keeps)
    np.testing.assert_allclose(got, replayed, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(got.argmax(-1), replayed.argmax(-1))


def removal(acts):
    """One edit that removes two units of three."""
    return (np.arange(acts.shape[-1]) % 3 == 0).astype(np.float32)[None]


@pytest.mark.parametrize("way", ["replayed", "factored"])
def test_single_units_equal_sets_of_one(vgg, way):
    params, acts, tail, factored = vgg
    edited = factored if way == "factored" else ablation.by_replaying(tail)
    units = unit_effects(edited, params, cut(acts))
    sets = set_effects(edited, params, single_keeps(acts.shape[-1]), cut(acts))
    assert_same_counts(units, sets)
    assert units.evaluated == sets.evaluated < acts.shape[-1] * 9


def test_a_sweep_equals_removing_units_one_by_one(vgg):
    params, acts, tail, factored = vgg
    predictions = reference.ablate_one_by_one(
        lambda a: np.asarray(tail(params, jnp.asarray(a))), np.asarray(acts)
    )
    after = ablation.edited_counts(unit_effects(factored, params, cut(acts)))
    for u, row in enumerate(predictions):
        correct, predicted, true = reference.class_counts(row, TARGETS, 5)
        np.testing.assert_array_equal(after.correct[u], correct)
        np.testing.assert_array_equal(after.predicted[u], predicted)
        np.testing.assert_array_equal(after.true[u], true)


@pytest.mark.slow
@pytest.mark.parametrize("way", ["replayed", "factored"])
def test_removing_nothing_changes_nothing_bit_for_bit(vgg, way):
    params, acts, tail, factored = vgg
    edited = factored if way == "factored" else ablation.by_replaying(tail)
    whole = np.ones((1, acts.shape[-1]), np.float32)
    outputs = ablation.edited_outputs(edited, params, acts, whole)
    np.testing.assert_array_equal(outputs[0], tail(params, acts))
    effects = set_effects(edited, params, whole, cut(acts))
    assert effects.evaluated == 0 and not effects.drop.any()


def test_removing_everything_gives_one_prediction_for_all_images(vgg):
    params, acts, _, factored = vgg
    nothing = np.zeros((1, acts.shape[-1]), np.float32)
    counts = ablation.edited_counts(set_effects(factored, params, nothing, cut(acts)))
    assert (counts.predicted[0] > 0).sum() == 1
    np.testing.assert_allclose(metrics.balanced_accuracy(counts), 0.5)


@pytest.mark.slow
@pytest.mark.parametrize("way", ["replayed", "factored"])
def test_factor_one_is_identity_and_factor_zero_is_removal(vgg, way):
    params, acts, tail, factored = vgg
    edited = factored if way == "factored" else ablation.by_replaying(tail)
    removed = unit_effects(edited, params, cut(acts))
    for factor in (1.0, 0.0):
        examples = [
            e._replace(replacement=ablation.scaled(e.acts, factor)) for e in cut(acts)
        ]
        scaled = unit_effects(edited, params, examples)
        if factor == 1:
            assert scaled.evaluated == 0 and not scaled.drop.any()
        else:
            chex.assert_trees_all_equal(scaled, removed)


@pytest.mark.slow
def test_skipping_pairs_in_which_nothing_changes_changes_nothing(vgg):
    params, acts, _, factored = vgg
    everything = factored._replace(
        changed=lambda prepared: jnp.ones_like(factored.changed(prepared))
    )
    skipped = unit_effects(factored, params, cut(acts))
    assert skipped.evaluated < acts.shape[-1] * len(acts)
    evaluated = unit_effects(everything, params, cut(acts))
    assert evaluated.evaluated == acts.shape[-1] * len(acts)
    assert_same_counts(skipped, evaluated)


def test_a_silent_unit_is_never_evaluated(vgg):
    params, acts, tail, _ = vgg

    def refuse(*_):
        raise AssertionError("evaluated")

    dead = jnp.zeros_like(acts)
    edited = ablation.by_replaying(tail)._replace(units=refuse)
    sweep = ablation.unit_effects(edited, params, 32, num_classes=5)
    with pytest.raises(AssertionError):
        sweep.measure(acts, TARGETS, ablation.ZERO)
    # The budget is worked out on shapes; only a dead layer needs no edit at all.
    edited = ablation.by_replaying(tail)
    assert unit_effects(edited, params, cut(dead)).evaluated == 0


@pytest.mark.slow
def test_chunks_and_batches_do_not_change_counts(vgg):
    params, acts, tail, _ = vgg
    edited = ablation.by_replaying(tail)
    units = unit_effects(edited, params, cut(acts))
    keeps = single_keeps(acts.shape[-1])
    shape = (2, *acts.shape[1:])
    for fit, sweep in (
        (
            ablation.pairs_that_fit,
            lambda **o: unit_effects(edited, params, cut(acts), **o),
        ),
        (
            ablation.sets_that_fit,
            lambda **o: set_effects(edited, params, keeps, cut(acts), **o),
        ),
    ):
        # So little that batches of four are cut.
        enough = next(
            2**n for n in range(10, 30) if fit(edited, params, shape, memory_bytes=2**n)
        )
        assert fit(edited, params, (4, *acts.shape[1:]), memory_bytes=enough) < 32
        tight = sweep(memory_bytes=enough)
        assert_same_counts(units, tight)
        np.testing.assert_array_equal(tight.images, units.images)


@pytest.mark.slow
def test_replacements_of_each_image_are_cut_with_the_batch(vgg):
    params, acts, _, factored = vgg
    donors = ablation.resampled(jax.random.key(0), acts)
    whole = [Examples(acts, TARGETS, donors)]
    parts = [
        Examples(acts[:1], TARGETS[:1], donors[:1]),
        Examples(acts[1:], TARGETS[1:], donors[1:]),
    ]
    assert_same_counts(
        unit_effects(factored, params, whole), unit_effects(factored, params, parts)
    )
    few = next(
        2**n
        for n in range(30, 9, -1)
        if not ablation.pairs_that_fit(factored, params, acts.shape, memory_bytes=2**n)
    )
    tight = unit_effects(factored, params, whole, memory_bytes=few)
    assert_same_counts(unit_effects(factored, params, whole), tight)


def test_the_memory_budget_bounds_the_chunk():
    """One edit of this tail makes arrays of 8 floats per image."""
    tail = ablation.by_replaying(lambda params, acts: jnp.sin(acts).reshape(-1, 8))
    for fit in (ablation.pairs_that_fit, ablation.sets_that_fit):
        fits = [
            fit(tail, {}, (2, 2, 2, 2), memory_bytes=m) for m in (100, 2000, 10_000)
        ]
        assert fits[0] == 0 < fits[1] < fits[2]
    # Twice the images take twice the memory.
    many = ablation.sets_that_fit(tail, {}, (4, 2, 2, 2), memory_bytes=10_000)
    assert many == pytest.approx(fits[2] / 2, abs=1)


def test_what_all_edits_share_counts_against_the_budget():
    big = FactoredTail(
        unitwise=lambda params, acts: acts,
        linear=lambda params, x: jnp.ones((len(x), 1000)),
        contributions=lambda params, x: jnp.ones((len(x), 2, 1000)),
        rest=lambda params, z: z,
    )
    tail = ablation.by_factoring(big)
    assert ablation.pairs_that_fit(tail, {}, (2, 1, 1, 2), memory_bytes=16_000) == 0
    looped = ablation.by_replaying(
        lambda params, acts: jax.lax.map(jnp.sin, jnp.stack([acts] * 8))[0]
    )
    fits = ablation.sets_that_fit(looped, {}, (1, 4, 4, 2), memory_bytes=50_000)
    assert 0 < fits < 50_000 / (2 * 8 * 4 * 4 * 2 * 4)
    nested = ablation.by_replaying(jax.jit(lambda params, acts: jnp.sin(acts) * 2))
    plain = ablation.by_replaying(lambda params, acts: jnp.sin(acts) * 2)
    assert ablation.sets_that_fit(
        nested, {}, (1, 4, 4, 2), memory_bytes=5000
    ) == ablation.sets_that_fit(plain, {}, (1, 4, 4, 2), memory_bytes=5000)


def test_a_class_wired_to_one_unit_loses_exactly_that_one():
    """Unit k alone speaks for class k, so removing it silences class k only."""
    acts = jnp.eye(4)[:, None, None, :] * jnp.ones((4, 2, 2, 1))
    tail = ablation.by_replaying(
        lambda params, a: a.sum((1, 2)) - 0.1 * jnp.arange(4) / 4
    )
    sweep = ablation.unit_effects(tail, {}, 4, num_classes=4)
    effects = accumulate(sweep, [Examples(acts, np.arange(4))])
    # Class 0 wins by its bias where all units are silent.
    np.testing.assert_array_equal(effects.lost, np.diag([0, 1, 1, 1]))
    np.testing.assert_array_equal(effects.intruding[1:, 0], 1)
    order = ablation.rank_units(ablation.drops(effects).balanced)
    assert order[1:, 0].tolist() == [1, 2, 3]


@pytest.mark.slow
def test_curves_are_those_of_each_class_s_own_order(vgg):
    params, acts, _, factored = vgg
    rng = np.random.default_rng(0)
    rankings = np.stack([rng.permutation(32) for _ in range(5)])
    controls = np.stack([rng.permutation(32) for _ in range(2)])
    steps = [0, 1, 20, 32]
    orders = ablation.removal_orders(rankings, controls)
    keeps = np.concatenate([ablation.removal_keeps(order, steps) for order in orders])
    effects = set_effects(factored, params, keeps, cut(acts))
    curves = ablation.removal_curves(ablation.edited_counts(effects), steps)
    for curve, wanted in zip(
        (curves.most, curves.least, curves.random),
        (rankings, rankings[:, ::-1], controls),
        strict=True,
    ):
        for row, order in enumerate(wanted):
            effects = set_effects(
                factored, params, ablation.removal_keeps(order, steps), cut(acts)
            )
            after = ablation.edited_counts(effects)
            np.testing.assert_array_equal(curve.top1[row], metrics.top1(after))
            np.testing.assert_array_equal(
                curve.balanced[row], metrics.balanced_accuracy(after)
            )
            np.testing.assert_array_equal(curve.recall[row], metrics.recall(after))


def test_ranking_equals_the_reference_with_ties_by_unit():
    rng = np.random.default_rng(0)
    base = rng.integers(0, 4, 5) / 10
    ablated = rng.integers(0, 4, (9, 5)) / 10 + rng.choice([0, 1e-16], (9, 5))
    np.testing.assert_array_equal(
        ablation.rank_units(base - ablated), reference.rank_units(base, ablated)
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


def test_every_image_gives_its_maps_to_one_other():
    acts = np.arange(7.0).reshape(7, 1, 1, 1)
    for seed in range(20):
        donated = np.asarray(ablation.resampled(jax.random.key(seed), acts)).ravel()
        assert sorted(donated) == list(range(7)) and (donated != range(7)).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["vgg16_bn", "lenet"])
def test_rotation_keeps_the_function_and_changes_the_units(name, key):
    network, params, images = make_example(name)
    layer = "conv5_3" if name == "vgg16_bn" else "conv3"
    split = networks.split(network, layer)
    units = split.trunk(params, images).shape[-1]
    rotation = ablation.random_rotation(key, units)
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(units), atol=1e-5)
    assert np.linalg.det(rotation) == pytest.approx(1, abs=1e-4)
    trunk, tail = ablation.rotated(split, rotation)
    acts = trunk(params, images)
    expected = networks.apply(network, params, images)
    np.testing.assert_allclose(tail(params, acts), expected, rtol=1e-4, atol=1e-4)
    assert not np.allclose(acts, split.trunk(params, images), atol=1e-2)
    same = ablation.rotated(split, jnp.eye(units))
    np.testing.assert_array_equal(
        same.trunk(params, images), split.trunk(params, images)
    )


@pytest.mark.slow
def test_rotations_are_uniform_enough():
    """The mean of an entry is 0 and of its square 1 / U."""
    keys = jax.random.split(jax.random.key(0), 400)
    rotations = np.stack([ablation.random_rotation(k, 4) for k in keys])
    assert np.abs(rotations.mean(0)).max() < 0.15
    np.testing.assert_allclose((rotations**2).mean(0), 0.25, atol=0.06)
