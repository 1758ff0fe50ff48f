"""Laws of the pass in training mode: edits, taps, running statistics, bfloat16."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import every_network, make_example, of_network

from jaxdissect import networks
from jaxdissect.errors import BadInput
from jaxdissect.experiments.train.objectives import in_bfloat16
from jaxdissect.networks.stages import function_stage

cached_example = functools.lru_cache(make_example)


@functools.lru_cache
def unedited(name):
    """The pass with all taps and no edit."""
    network, params, images = cached_example(name)
    layers = networks.layer_names(network)
    return networks.train_run(jax.random.key(7), network, params, images, taps=layers)


def some_layers(name):
    """Every sixth layer, and the last."""
    layers = networks.layer_names(cached_example(name).network)
    return [*layers[1:-1:6], layers[-1]]


def assert_same(got, want):
    assert jax.tree.structure(got) == jax.tree.structure(want)
    jax.tree.map(np.testing.assert_array_equal, got, want)


@every_network
def test_identities_change_nothing(name, key):
    network, params, images = cached_example(name)
    layers = networks.layer_names(network)
    edits = dict.fromkeys(layers, lambda key, acts: acts)
    got = networks.train_run(key, network, params, images, edits=edits, taps=layers)
    assert_same(got, unedited(name))


@every_network
def test_taps_change_nothing(name, key):
    network, params, images = cached_example(name)
    got = networks.train_run(key, network, params, images)
    assert got.taps == {}
    assert_same(got[:2], unedited(name)[:2])


@every_network
def test_until_chance_or_batch_statistics_come_in_taps_are_those_of_evaluation(name):
    network, params, images = cached_example(name)
    taps = unedited(name).taps
    assert list(taps) == list(networks.layer_names(network))
    for layer in taps:
        if layer.endswith(".bn") or layer.startswith("drop"):
            break
        trunk = networks.split(network, layer).trunk
        np.testing.assert_array_equal(taps[layer], trunk(params, images))


def silenced(network, layer, shape):
    """A network that has zeros at a layer and computes nothing before."""
    index = networks.layer_names(network).index(layer)
    still = [function_stage(stage.name, lambda x: x) for stage in network[:index]]
    zeros = function_stage(layer, lambda x: jnp.zeros(shape))
    return (*still, zeros, *network[index + 1 :])


@every_network
def test_a_layer_edited_to_zero_gives_the_tail_of_zeros(name, key):
    network, params, images = cached_example(name)
    for layer in some_layers(name):
        edits = {layer: lambda key, acts: 0 * acts}
        got = networks.train_run(key, network, params, images, edits=edits)
        rest = silenced(network, layer, unedited(name).taps[layer].shape)
        want = networks.train_run(key, rest, params, images)
        np.testing.assert_array_equal(got.outputs, want.outputs)
        _, *after = networks.layer_names(network)[
            networks.layer_index(network, layer) :
        ]
        for stage in params:
            whole = want.params if stage in after else unedited(name).params
            assert_same(got.params[stage], whole[stage])


@every_network
def test_taps_are_from_before_their_edit_and_after_earlier_ones(name, key):
    network, params, images = cached_example(name)
    first, second = some_layers(name)[:2]
    zero, shift = (lambda key, acts: 0 * acts), (lambda key, acts: acts + 1)
    run = functools.partial(
        networks.train_run, key, network, params, images, taps=(first, second)
    )
    both = run(edits={second: shift, first: zero}).taps
    assert_same(both[first], unedited(name).taps[first])
    assert_same(both, run(edits={first: zero}).taps)
    assert not np.array_equal(both[second], unedited(name).taps[second])


@every_network
def test_every_edit_has_a_key_of_its_own(name, key):
    network, params, images = cached_example(name)
    layers = networks.layer_names(network)
    seen = []

    def note(key, acts):
        seen.append(tuple(jax.random.key_data(key).tolist()))
        return acts

    for _ in range(2):
        networks.train_run(
            key, network, params, images, edits=dict.fromkeys(layers, note)
        )
    assert seen[: len(layers)] == seen[len(layers) :]
    assert len(set(seen)) == len(layers)


@pytest.mark.parametrize(
    "wrong", [{"edits": {"conv9": lambda key, acts: acts}}, {"taps": ("conv9",)}]
)
def test_unknown_layers_are_refused(wrong, key):
    network, params, images = cached_example("lenet")
    with pytest.raises(BadInput, match="is 'conv9'; did you mean conv3"):
        networks.train_run(key, network, params, images, **wrong)


@every_network
def test_evaluation_sees_running_statistics_but_no_edit(name, key):
    network, params, images = cached_example(name)
    last = networks.conv_layers(network)[-1]
    edits = {last: lambda key, acts: 0 * acts}
    updated = networks.train_run(key, network, params, images, edits=edits).params
    got = networks.apply(network, updated, images)
    if not any("batch_stats" in variables for variables in params.values()):
        np.testing.assert_array_equal(got, networks.apply(network, params, images))
    # Zeros at the last convolution would make all images' logits the same.
    assert np.ptp(np.asarray(got), axis=0).max() > 0


in_few_networks = pytest.mark.parametrize("name", ["vgg16_bn", "alexnet", "lenet"])


@functools.lru_cache
def rounded(name):
    """`unedited` in bfloat16."""
    network, params, images = cached_example(name)
    layers = networks.layer_names(network)
    return networks.train_run(
        jax.random.key(7), network, in_bfloat16(params), images, taps=layers
    )


@pytest.mark.slow
@in_few_networks
def test_activations_are_bfloat16_from_the_first_convolution_on(name):
    network, _, _ = cached_example(name)
    made_by = {layer for layer in rounded(name).taps if "." in layer}
    for layer in (*networks.conv_layers(network), *made_by):
        assert rounded(name).taps[layer].dtype == jnp.bfloat16, layer
    assert rounded(name).outputs.dtype == jnp.bfloat16


@pytest.mark.slow
@in_few_networks
def test_logits_in_bfloat16_are_close(name):
    want = np.asarray(unedited(name).outputs)
    got = np.asarray(rounded(name).outputs, np.float32)
    scale = np.abs(want).max()
    # A rounding error is 2^-9; BatchNorm over few positions magnifies it.
    assert np.abs(got - want).mean() < 0.1 * scale
    assert not np.array_equal(got, want)


@pytest.mark.parametrize(
    "run", [unedited, pytest.param(rounded, marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("name", ["alexnet_b", of_network("vgg16_bn")])
def test_running_statistics_move_a_tenth_of_the_way_in_float32(name, run):
    network, params, _ = cached_example(name)
    found = run(name)
    stages = [stage for stage in params if stage.endswith(".bn")]
    assert len(stages) == len(networks.conv_layers(network)) >= 5
    for stage in stages:
        acts = np.asarray(found.taps[stage.replace(".bn", ".conv")], np.float32)
        of_batch = {"mean": acts.mean((0, 1, 2)), "var": acts.var((0, 1, 2))}
        for name, value in of_batch.items():
            got = found.params[stage]["batch_stats"][name]
            want = 0.9 * params[stage]["batch_stats"][name] + 0.1 * value
            assert got.dtype == jnp.float32
            np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["alexnet_b", of_network("vgg16_bn")])
def test_training_updates_exactly_the_running_statistics(name):
    params, updated = cached_example(name).params, unedited(name).params
    for stage, variables in params.items():
        for part, before in variables["params"].items():
            np.testing.assert_array_equal(updated[stage]["params"][part], before)
        if stage.endswith(".bn"):
            mean = variables["batch_stats"]["mean"]
            assert not np.array_equal(updated[stage]["batch_stats"]["mean"], mean)
