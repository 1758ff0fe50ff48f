"""Laws of every network at every layer."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import NETWORKS, make_example, of_network, random_params

from jaxdissect import networks
from jaxdissect.errors import BadInput
from jaxdissect.networks import convolution
from jaxdissect.upsampling import Centres


def layers_of(names=tuple(NETWORKS)):
    return [
        of_network(name, layer)
        for name in names
        for layer in networks.layer_names(NETWORKS[name][0]())
    ]


def factored_of(names=tuple(NETWORKS)):
    return [
        of_network(name, layer)
        for name in names
        for layer in networks.factored_layers(NETWORKS[name][0]())
    ]


cached_example = functools.lru_cache(make_example)


@functools.lru_cache
def whole(name):
    network, params, images = cached_example(name)
    return networks.apply(network, params, images)


@pytest.mark.parametrize(("name", "layer"), layers_of())
def test_tail_of_trunk_is_the_network_bit_for_bit(name, layer):
    network, params, images = cached_example(name)
    trunk, tail = networks.split(network, layer)
    np.testing.assert_array_equal(tail(params, trunk(params, images)), whole(name))


@pytest.mark.slow
@pytest.mark.parametrize("layer", ["conv5_3", "pool5", "fc6", "conv5_3.conv"])
def test_the_split_law_holds_under_jit(layer):
    network, params, images = cached_example("vgg16_bn")
    trunk, tail = networks.split(network, layer)
    halves = jax.jit(tail)(params, jax.jit(trunk)(params, images))
    # A logit near zero is a sum of large parts: it errs by their size, not by its own.
    scale = abs(whole("vgg16_bn")).max()
    np.testing.assert_allclose(halves, whole("vgg16_bn"), rtol=1e-5, atol=1e-6 * scale)


def test_taps_are_what_the_trunks_give(example):
    network, params, images = example
    layers = networks.layer_names(network)
    tapped = networks.taps(network, layers)(params, images)
    assert list(tapped) == list(layers)
    for layer in layers[::5]:
        trunk = networks.split(network, layer).trunk
        np.testing.assert_array_equal(tapped[layer], trunk(params, images))


def test_every_layer_but_the_logits_has_maps_of_units(example):
    network, params, images = example
    tapped = networks.taps(network, networks.layer_names(network))(params, images)
    shapes = {layer: acts.ndim for layer, acts in tapped.items()}
    assert shapes.pop("logits") == 2
    assert set(shapes.values()) == {4}


def without_outgoing_weights(network, layer, params, keep):
    """Params in which the next linear map does not see the units that go."""
    names = networks.layer_names(network)
    following = network[names.index(layer) + 1 :]
    stage = next(s for s in following if s.contributions is not None)
    kernel = np.asarray(params[stage.name]["params"]["kernel"])
    *_, units, outputs = kernel.shape  # [... units / groups, outputs]
    seen = np.asarray(keep).reshape(-1, units)
    kernel = jnp.asarray(kernel * seen.repeat(outputs // len(seen), axis=0).T)
    changed = {**params[stage.name]["params"], "kernel": kernel}
    return {**params, stage.name: {**params[stage.name], "params": changed}}


@pytest.mark.parametrize(("name", "layer"), factored_of())
def test_removed_equals_contributions_taken_away_equals_outgoing_weights_zeroed(
    name, layer
):
    network, params, images = cached_example(name)
    trunk, tail = networks.split(network, layer)
    factored = networks.factored(network, layer)
    # What is between the network's parts is numpy's, which compiles nothing.
    acts = np.asarray(trunk(params, images))
    keep = (np.arange(acts.shape[-1]) % 3 > 0).astype(np.float32)
    x, edited = (factored.unitwise(params, a) for a in (acts, acts * keep))
    change = jnp.asarray(np.asarray(edited) - np.asarray(x))
    shares = np.asarray(factored.contributions(params, change))
    moved = np.einsum("u,bu...->b...", 1 - keep, shares)
    expected = np.asarray(tail(params, acts * keep))
    got = factored.rest(params, np.asarray(factored.linear(params, x)) + moved)
    scale = float(np.abs(expected).max())
    np.testing.assert_allclose(got, expected, atol=2e-5 * max(scale, 1), rtol=1e-4)
    np.testing.assert_array_equal(got.argmax(-1), expected.argmax(-1))
    # BatchNorm after the layer makes something of a unit that is zero.
    if layer.endswith(".conv") and f"{layer.removesuffix('conv')}bn" in params:
        return
    zeroed = tail(without_outgoing_weights(network, layer, params, keep), acts)
    np.testing.assert_allclose(zeroed, expected, atol=2e-5 * max(scale, 1), rtol=1e-4)
    np.testing.assert_array_equal(zeroed.argmax(-1), expected.argmax(-1))


@pytest.mark.parametrize("name", ["alexnet", of_network("vgg16")])
def test_contributions_add_up_to_the_linear_map_without_its_bias(name):
    network, params, images = cached_example(name)
    last = networks.conv_layers(network)[-1]
    acts = networks.split(network, last).trunk(params, images)
    factored = networks.factored(network, last)
    bias = params["fc6.dense"]["params"]["bias"]
    x = factored.unitwise(params, acts)
    total = factored.contributions(params, x).sum(1) + bias
    np.testing.assert_allclose(total, factored.linear(params, x), atol=1e-4)


def test_a_factored_tail_needs_a_linear_map_ahead():
    network, _, _ = cached_example("vgg16_bn")
    assert {"conv5_3.conv", "conv5_3"} < set(networks.factored_layers(network))
    with pytest.raises(BadInput, match=r"fc8.*no factored tail"):
        networks.factored(network, "fc8")


def test_examples_do_not_leak_into_each_other(example):
    network, params, images = example
    together = networks.apply(network, params, images)
    alone = networks.apply(network, params, images[1:2])
    np.testing.assert_allclose(together[1:2], alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["alexnet", of_network("vgg16")])
def test_dropout_is_random_in_training_and_absent_in_evaluation(name, key):
    network, params, images = cached_example(name)
    first = networks.train_run(key, network, params, images).outputs
    again = networks.train_run(key, network, params, images).outputs
    other = networks.train_run(jax.random.key(1), network, params, images).outputs
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    np.testing.assert_array_equal(networks.apply(network, params, images), whole(name))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("build", "shape", "parameters"),
    [
        (lambda: networks.vgg16(1000), (224, 224, 3), 138_357_544),
        (lambda: networks.vgg16(1000, batch_norm=True), (224, 224, 3), 138_365_992),
        (
            lambda: networks.vgg16(100, batch_norm=True, grid=1, hidden=()),
            (32, 32, 3),
            14_774_436,
        ),
        (lambda: networks.alexnet(1000), (224, 224, 3), 61_100_840),
        (lambda: networks.caffe_alexnet(1000), (227, 227, 3), 60_965_224),
        (lambda: networks.resnet(1000, depth=18), (224, 224, 3), 11_689_512),
        (lambda: networks.resnet(1000, depth=50), (224, 224, 3), 25_557_032),
        (lambda: networks.resnet(1000, depth=152), (224, 224, 3), 60_192_808),
        # Section 4.2 of He et al. says .27, .85 and 1.7 million.
        (lambda: networks.cifar_resnet(10, depth=20), (32, 32, 3), 269_722),
        (lambda: networks.cifar_resnet(10, depth=56), (32, 32, 3), 853_018),
        (lambda: networks.cifar_resnet(10, depth=110), (32, 32, 3), 1_727_962),
        (lambda: networks.resnet(10, depth=18, stem="small"), (32, 32, 3), 11_173_962),
        (lambda: networks.vgg11(1000), (224, 224, 3), 132_863_336),
        (lambda: networks.vgg13(1000), (224, 224, 3), 133_047_848),
        (lambda: networks.vgg19(1000), (224, 224, 3), 143_667_240),
        (lambda: networks.lenet(15), (60, 60, 1), 6_683),
    ],
)
def test_full_size_networks_have_the_published_number_of_parameters(
    build, shape, parameters
):
    params = jax.eval_shape(
        lambda key: networks.init(key, build(), shape), jax.random.key(0)
    )
    counted = sum(
        np.prod(leaf.shape, dtype=int)
        for variables in params.values()
        for leaf in jax.tree.leaves(variables["params"])
    )
    assert counted == parameters


def test_thesis_lenet_has_maps_of_28_12_and_4():
    network, params, images = cached_example("lenet")
    layers = ("pool1", "pool2", "pool3")
    tapped = networks.taps(network, layers)(params, images)
    assert [tapped[layer].shape[1] for layer in layers] == [28, 12, 4]


def test_receptive_field_centres_in_closed_form():
    vgg, alexnet = networks.vgg16(2), networks.alexnet(2)
    # Four 2 x 2 pools: the first cell's centre lies in the middle of 16 pixels.
    assert networks.centres(vgg, "conv5_3", 224) == Centres.square(7.5, 16.0)
    # conv1: 11 / 4, padding 2 -> 3; pools 3 / 2 add 4 and 8 pixels.
    assert networks.centres(alexnet, "conv1", 224) == Centres.square(3.0, 4.0)
    assert networks.centres(alexnet, "conv5", 224) == Centres.square(3.0 + 4 + 8, 16.0)
    # One cell for the whole image sits in its middle.
    assert networks.centres(vgg, "fc6", 224).rows.offset == 111.5


@pytest.mark.slow
@pytest.mark.parametrize("layer", ["pool1", "conv2", "pool2", "conv3", "fc4"])
def test_gradients_reach_exactly_the_pixels_around_the_centre(layer):
    network, _, images = cached_example("lenet")
    # Positive weights and small inputs, so that no path cancels or saturates; average
    # over several images, because a max-pool lets one path through at a time.
    params = random_params(network, (60, 60, 1))
    params = jax.tree.map(lambda x: jnp.abs(x) * 0.02, params)
    trunk = networks.split(network, layer).trunk
    many = np.random.default_rng(1).random((64, 60, 60, 1), np.float32)
    cell = trunk(params, images[:1]).shape[1] // 2
    seen = jax.grad(lambda x: trunk(params, x)[:, cell, cell].sum())(many)
    rows = np.flatnonzero(np.abs(seen).sum((0, 2, 3)))
    offset, step, _ = networks.centres(network, layer, 60).rows
    assert offset + cell * step == pytest.approx((rows[0] + rows[-1]) / 2, abs=0.5)


@pytest.mark.slow
@pytest.mark.parametrize("size", [1, 2, 3, 5])
@pytest.mark.parametrize("kernel", [3, 5])
def test_shifted_products_agree_with_the_convolution(size, kernel):
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.normal(size=(2, size, size, 6)), jnp.float32)
    w = jnp.asarray(rng.normal(size=(kernel, kernel, 6, 4)), jnp.float32)
    padding = ((kernel // 2, kernel // 2),) * 2
    layout = {"dimension_numbers": ("NHWC", "HWIO", "NHWC")}
    for differentiated in (lambda f: f, lambda f: jax.grad(lambda x: f(x).sum() ** 2)):
        shifted, plain = (
            differentiated(lambda x, f=f: f(x, w, (1, 1), padding, **layout))(x)
            for f in (convolution.shifting_small_maps, jax.lax.conv_general_dilated)
        )
        np.testing.assert_allclose(shifted, plain, rtol=1e-4, atol=1e-3)


@pytest.mark.slow
def test_max_pool_equals_xla_s_own_with_its_gradient(key):
    from jaxdissect.networks.layers import max_pool

    x = jnp.round(jax.random.normal(key, (2, 7, 7, 3)))  # rounded: many ties
    for size, stride in ((2, 2), (3, 2)):
        pool = functools.partial(max_pool("pool", size=size, stride=stride).apply, {})

        def reference(x, size=size, stride=stride):
            window, strides = (1, size, size, 1), (1, stride, stride, 1)
            return jax.lax.reduce_window(
                x, -jnp.inf, jax.lax.max, window, strides, "VALID"
            )

        np.testing.assert_array_equal(pool(x), reference(x))
        weights = jnp.arange(pool(x).size, dtype=jnp.float32).reshape(pool(x).shape)
        grads = [
            jax.grad(lambda x, f=f, w=weights: (f(x) * w).sum())(x)
            for f in (pool, reference)
        ]
        np.testing.assert_array_equal(*grads)
    assert jnp.isnan(pool(x.at[0, 0, 0, 0].set(jnp.nan))).any()


@pytest.mark.parametrize("length", [1, 2, 3, 5, 7, 9])
def test_average_pool_is_torchvision_s_adaptive_one(length):
    from jaxdissect.networks.layers import average_pool

    x = np.random.default_rng(0).normal(size=(1, length, length, 2))
    got = average_pool("avgpool", 3).apply({}, jnp.asarray(x, jnp.float32))
    edges = [(i * length // 3, -(-(i + 1) * length // 3)) for i in range(3)]
    for row, (top, bottom) in enumerate(edges):
        for column, (left, right) in enumerate(edges):
            cell = x[:, top:bottom, left:right].mean((1, 2))
            np.testing.assert_allclose(got[:, row, column], cell, atol=1e-6)


def test_unknown_layer_is_refused_with_the_known_ones():
    with pytest.raises(BadInput, match="'conv6_1'; did you mean conv5_1"):
        networks.split(networks.vgg16(2), "conv6_1")


def test_images_of_the_wrong_size_are_refused(key):
    network, params, _ = cached_example("lenet")
    with pytest.raises(BadInput, match=r"image size does not fit.*fc4"):
        networks.apply(network, params, jnp.zeros((1, 80, 80, 1)))
    network, _, _ = cached_example("vgg16")
    with pytest.raises(BadInput, match=r"too small.*pool5"):
        jax.eval_shape(lambda key: networks.init(key, network, (16, 16, 3)), key)
