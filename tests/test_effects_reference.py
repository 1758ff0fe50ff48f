"""Edits of units against definitions worked out one unit and one image at a time."""

import functools
import itertools

import jax
import numpy as np
import pytest
from conftest import Example, make_example, of_network
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from reference import ablation as accuracies
from reference import effects as reference

from jaxdissect import ablation, base, networks
from jaxdissect.ablation import Answers, Examples
from jaxdissect.streaming import accumulate

K = 5
CHANGES = ("lost", "gained", "intruding", "withdrawn")
LAYERS = [
    of_network("vgg16_bn", "conv5_3", only_slow=True),
    of_network("vgg16_bn", "conv5_3.conv", only_slow=True),
    of_network("lenet", "conv3"),
    of_network("alexnet", "conv5"),
]
TARGETS = np.random.default_rng(4).permutation(np.arange(25) % K)
PARTS = (slice(0, 9), slice(9, 25))  # two batches of unequal size


@functools.cache
def varied(name) -> Example:
    """A network that knows all classes; untrained, it often predicts only one."""
    network, params, images = make_example(name)
    shape = (len(TARGETS), *images.shape[1:])
    images = np.random.default_rng(3).random(shape, np.float32)
    logits = jax.jit(lambda x: networks.apply(network, params, x))(images)
    last = [stage.name for stage in network if stage.contributions is not None][-1]
    kernel, bias = (params[last]["params"][part] for part in ("kernel", "bias"))
    # Not quite the mean: all classes would tie where all units are at theirs.
    bias, gain = bias - 0.9 * logits.mean(0), 2 / logits.std(0)
    weights = {"kernel": kernel * gain, "bias": bias * gain}
    return Example(network, {**params, last: {"params": weights}}, images)


@functools.cache
def cut(name, layer):
    network, params, images = varied(name)
    trunk, tail = (jax.jit(half) for half in networks.split(network, layer))
    acts = np.asarray(trunk(params, images))
    return params, tail, acts, np.asarray(tail(params, acts))


def in_batches(acts, values):
    """Replacements with values for each image are cut with the images."""
    each = [values[p] if np.ndim(values) == 4 else values for p in PARTS]
    return [Examples(acts[p], TARGETS[p], v) for p, v in zip(PARTS, each, strict=True)]


def assert_effects_by_definition(effects, before, after, targets):
    """Every number in `Effects`, and every accuracy that follows from them."""
    was, now = before.argmax(-1), after.argmax(-1)
    changes = reference.paired_changes(was, now, targets, K)
    for name, table in zip(CHANGES, changes, strict=True):
        np.testing.assert_array_equal(getattr(effects, name), table, err_msg=name)
    one_by_one = [
        reference.log_probability_drops(before[[i]], after[:, [i]], targets[[i]])
        for i in range(len(targets))
    ]
    close = functools.partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-4)
    close(effects.drop, sum(one_by_one))
    close(effects.drop_squared, sum(drop**2 for drop in one_by_one))

    counts = accuracies.class_counts(was, targets, K)
    np.testing.assert_array_equal(effects.base, counts)
    edited, cost = ablation.edited_counts(effects), ablation.drops(effects)
    close(cost.log_probability, sum(one_by_one) / counts[2])
    for n, predictions in enumerate(now):
        counts_n = accuracies.class_counts(predictions, targets, K)
        np.testing.assert_array_equal([table[n] for table in edited], counts_n)
        drops = all_accuracies(*counts) - all_accuracies(*counts_n)
        got = np.hstack([cost.top1[n], cost.recall[n], cost.balanced[n]])
        np.testing.assert_allclose(got, drops, atol=1e-12)


def all_accuracies(correct, predicted, true):
    balanced = accuracies.balanced_accuracy(correct, predicted, true)
    top1, recall = (f(correct, true) for f in (accuracies.top1, accuracies.recall))
    return np.hstack([top1, recall, balanced])


@functools.cache
def by_definition(name, layer):
    """Every unit and some sets; replacements, and logits of the edits one by one."""
    params, tail, acts, _ = cut(name, layer)
    units = range(acts.shape[-1])
    edits = [*([unit] for unit in units), [0, 1], [2, 0, 7], [*units]]
    means = acts.mean((0, 1, 2))
    others = acts[(np.arange(len(acts)) + 11) % len(acts)]  # from either batch
    shrunk = acts
    for unit in units:
        shrunk = reference.scale_unit(shrunk, unit, 0.25, means[unit])
    ours = [ablation.ZERO, means, others, ablation.scaled(acts, 0.25, about=means)]
    logits = [
        [tail(params, reference.remove_units(acts, edit, values)) for edit in edits]
        for values in (0, means, others, shrunk)
    ]
    return edits, list(zip(ours, np.array(logits), strict=True))


@pytest.mark.parametrize("way", ["replaying", "factoring"])
@pytest.mark.parametrize(("name", "layer"), LAYERS)
def test_effects_are_those_of_edits_one_by_one(name, layer, way):
    params, tail, acts, before = cut(name, layer)
    edited = ablation.by_replaying(tail)
    if way == "factoring":
        edited = ablation.by_factoring(networks.factored(varied(name).network, layer))
    units, (edits, replaced) = acts.shape[-1], by_definition(name, layer)
    keeps = ablation.set_keeps(edits[units:], units)
    of_units = ablation.unit_effects(edited, params, units, num_classes=K)
    of_sets = ablation.set_effects(edited, params, keeps, num_classes=K)
    seen = np.zeros(len(CHANGES))
    for replacement, after in replaced:
        examples = in_batches(acts, replacement)
        single, several = accumulate(of_units, examples), accumulate(of_sets, examples)
        assert_effects_by_definition(single, before, after[:units], TARGETS)
        assert_effects_by_definition(several, before, after[units:], TARGETS)
        seen += [getattr(single, change).sum() for change in CHANGES]
    assert seen.all()


@pytest.mark.slow
def test_effects_of_rotated_units_are_those_of_directions_projected_out():
    params, tail, acts, before = cut("vgg16_bn", "conv5_3")
    rotation = ablation.random_rotation(jax.random.key(6), acts.shape[-1])
    identity = base.Split(lambda params, acts: acts, tail)
    turn, turned_tail = ablation.rotated(identity, rotation)
    edited = ablation.by_replaying(turned_tail)
    sweep = ablation.unit_effects(edited, params, acts.shape[-1], num_classes=K)
    effects = accumulate(sweep, in_batches(turn(params, acts), ablation.ZERO))
    after = []
    for direction in np.asarray(rotation):
        along = (acts * direction).sum(-1, keepdims=True)
        after.append(tail(params, acts - along * direction))
    assert_effects_by_definition(effects, before, np.stack(after), TARGETS)
    assert effects.lost.any()


@settings(max_examples=50, deadline=None)
@given(
    arrays(np.float32, (4, 7, K), elements=st.integers(-3, 3)),
    st.permutations([0, 1, 2, 3, 4, 0, 2]).map(np.array),
    st.integers(1, 6),
)
def test_tallies_of_parts_are_the_definition_on_all(logits, targets, middle):
    true = np.array([reference.softmax(z) for z in logits.reshape(-1, K)])
    true = np.log(true.reshape(4, 7, K)[:, np.arange(7), targets])
    # Pairs that are not listed are as they were.
    edits, images = np.nonzero((logits[1:] != logits[0]).any(-1))

    def part(p):
        here = (images >= p.start) & (images < p.stop)
        after = 1 + edits[here], images[here]
        was = Answers(logits[0, p].argmax(-1), true[0, p])
        now = Answers(logits[after].argmax(-1), true[after])
        pairs = edits[here], images[here] - p.start
        return ablation.tally(was, targets[p], *pairs, now, num_edits=3, num_classes=K)

    effects = ablation.merge_effects(part(slice(0, middle)), part(slice(middle, 7)))
    assert_effects_by_definition(effects, logits[0], logits[1:], targets)


@given(
    st.sets(st.integers(1, 30), min_size=3, max_size=3),
    arrays(float, (2, 4), elements=st.floats(0, 1, width=16)),
)
def test_removal_area_is_the_trapezoids(steps, top1):
    counts = np.array([0, *sorted(steps)])
    expected = [reference.morcos_area(counts, row) for row in top1]
    np.testing.assert_allclose(ablation.removal_area(counts, top1), expected)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["vgg16", "vgg16_bn", "alexnet"])
def test_scaling_outputs_scales_weights(name):
    """At the convolution's own output always; after the ReLU without BatchNorm only."""
    network, params, images = varied(name)
    layer = "conv5" if name == "alexnet" else "conv5_3"
    conv = f"{layer}.conv"
    kernel, bias = (np.asarray(params[conv]["params"][p]) for p in ("kernel", "bias"))
    assert bias.all()
    whole = jax.jit(lambda params: networks.apply(network, params, images))
    keeps = ablation.set_keeps([[0], [1], [2]], len(bias))

    def at(point):
        trunk, tail = networks.split(network, point)
        edited, acts = ablation.by_replaying(tail), jax.jit(trunk)(params, images)
        cut = edited, params, acts, keeps
        run = jax.jit(lambda values: ablation.edited_outputs(*cut, replacement=values))
        return lambda *how, **about: run(ablation.scaled(acts, *how, **about))

    before_relu, after_relu, gaps, logits = at(conv), at(layer), [], {}
    for factor, with_bias in itertools.product((0.0, 0.25, 1.0, 3.0), (False, True)):
        expected = []
        for unit in range(3):
            how = unit, factor, with_bias
            k, b = reference.scale_incoming_weights(kernel, bias, *how)
            weights = {"params": {"kernel": k, "bias": b}}
            expected.append(whole({**params, conv: weights}))
        logits[factor, with_bias] = expected = np.stack(expected)
        got = before_relu(factor, about=ablation.ZERO if with_bias else bias)
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4)
        if with_bias:
            gaps.append(np.abs(after_relu(factor) - expected).max())
    assert np.abs(logits[3, True] - logits[1, True]).max() > 1e-2
    assert np.abs(logits[3, True] - logits[3, False]).max() > 1e-3
    assert (max(gaps) > 1e-2) if name == "vgg16_bn" else (max(gaps) < 1e-4)


ATTRIBUTES = ablation.unit_attributes(K)


def assert_attributes_by_definition(acts, targets, logits, parts):
    got = accumulate(ATTRIBUTES, [(acts[p], targets[p], logits[p]) for p in parts])
    exact = acts.astype(np.float64)
    of_class = [exact[targets == k].mean((0, 1, 2)) for k in range(K)]
    close = functools.partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-5)
    close(got.mean, exact.mean((0, 1, 2)))
    close(got.class_means, np.transpose(of_class))
    close(got.frequency, reference.activation_frequency(acts))
    close(got.mean_peak, reference.mean_peak(acts))
    close(got.class_correlation, reference.class_correlation(acts, logits))
    if acts.min() >= 0:  # otherwise the definition has no sign to go by
        close(got.selectivity, reference.class_selectivity(acts, targets, K))


@pytest.mark.parametrize(("name", "layer"), LAYERS)
def test_attributes_of_layers(name, layer):
    _, _, acts, logits = cut(name, layer)
    parts = slice(0, 4), slice(4, 9), slice(9, 25)
    assert_attributes_by_definition(acts, TARGETS, logits, parts)


@settings(max_examples=50, deadline=None)
@given(
    arrays(np.float32, (8, 2, 1, 3), elements=st.sampled_from([0, 0, 0, 1, 2.5])),
    arrays(np.float32, (8, K), elements=st.sampled_from([0, 1, -2])),
    st.permutations([0, 1, 2, 3, 4, 0, 0, 1]).map(np.array),
)
def test_attributes_of_dead_constant_and_tied_units(acts, logits, targets):
    assert_attributes_by_definition(acts, targets, logits, (slice(3), slice(3, 8)))
