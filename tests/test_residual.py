"""Residual blocks: clean cuts at their outputs, and units inside them."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import make_example, of_network

from jaxdissect import networks
from jaxdissect.errors import BadInput
from jaxdissect.gradients import prediction_gradient
from jaxdissect.networks.running import turned
from jaxdissect.upsampling import Centres

INNER = "layer2.0.conv1"


@functools.lru_cache
def resnet(name="resnet18"):
    return make_example(name)


@functools.lru_cache
def tapped(name="resnet18"):
    network, params, images = resnet(name)
    layers = (*networks.inner_layers(network), *networks.layer_names(network))
    return networks.taps(network, layers)(params, images)


@pytest.mark.slow
def test_a_block_is_its_branch_and_the_way_around():
    acts = tapped()
    want = jax.nn.relu(acts["layer1.0"] + acts["layer1.1.conv2.bn"])
    np.testing.assert_allclose(acts["layer1.1"], want, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_what_is_inside_has_the_shapes_of_the_paper():
    shapes = {layer: acts.shape[1:] for layer, acts in tapped().items()}
    assert shapes["conv1"] == (24, 24, 4)  # of 48 pixels
    assert shapes["pool1"] == shapes["layer1.0.conv1"] == (12, 12, 4)
    assert shapes[INNER] == shapes["layer2.0"] == (6, 6, 8)
    assert shapes["layer4.1"] == (2, 2, 32)


@pytest.mark.parametrize("name", ["cifar_resnet", of_network("resnet18")])
def test_tapping_inside_changes_nothing_outside(name):
    network, params, images = resnet(name)
    want = networks.apply(network, params, images)
    np.testing.assert_allclose(tapped(name)["logits"], want, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["cifar_resnet", of_network("resnet18")])
def test_units_inside_are_removed_by_an_edit(name):
    network, params, images = resnet(name)
    keep = jnp.arange(8) % 2.0
    without = networks.without_units(network, (INNER,))(params, images, {INNER: keep})
    # The same by weights: what reads the units no longer sees them.
    block = turned(params["layer2.0"])
    kernel = block["layer2.0.conv2.conv"]["params"]["kernel"] * keep[:, None]
    block["layer2.0.conv2.conv"] = {"params": {"kernel": kernel}}
    blind = {**params, "layer2.0": turned(block)}
    want = networks.apply(network, blind, images)
    np.testing.assert_allclose(without, want, rtol=1e-4, atol=1e-5)
    assert not np.allclose(without, tapped(name)["logits"])


@pytest.mark.slow
def test_gradients_reach_inside():
    network, params, images = resnet()
    targets = jnp.array([0, 1, 2])
    ask = networks.layer_gradients(network, (INNER, "layer2.0"))
    got = ask(params, images, targets)
    tail = networks.split(network, "layer2.0").tail
    acts = tapped()["layer2.0"]
    want = prediction_gradient(tail, params, acts, targets)
    np.testing.assert_allclose(got["layer2.0"], want, rtol=1e-3, atol=1e-6)
    assert got[INNER].shape == tapped()[INNER].shape and got[INNER].any()


def test_what_is_inside_cuts_nothing():
    network, _, _ = resnet()
    for ask in (networks.split, networks.factored, networks.layer_index):
        with pytest.raises(BadInput, match=r"inside the residual block layer2\.0"):
            ask(network, INNER)
    with pytest.raises(BadInput, match=r"'layer2\.9'; did you mean layer2"):
        networks.taps(network, ("layer2.9",))
    with pytest.raises(BadInput, match="no weights lead to"):
        networks.incoming_layer(network, "layer2.0")
    assert networks.incoming_layer(network, INNER) == f"{INNER}.conv"


def test_only_the_last_block_has_a_factored_tail():
    network, _, _ = resnet()
    blocks = [layer for layer in networks.unit_layers(network) if "layer" in layer]
    assert set(blocks) & set(networks.factored_layers(network)) == {"layer4.1"}


def test_centres_in_closed_form():
    network = networks.resnet(3, depth=50)
    # 7 / 2 with padding 3 and 3 / 2 with padding 1: each first cell on the first pixel.
    assert networks.centres(network, "layer1.2", 224) == Centres.square(0.0, 4.0)
    assert networks.centres(network, "layer4.0.conv1", 224) == Centres.square(0.0, 16.0)
    assert networks.centres(network, "layer4.0.conv2", 224) == Centres.square(0.0, 32.0)
    assert networks.centres(network, "layer4.2", 224) == Centres.square(0.0, 32.0)


@pytest.mark.slow
def test_training_updates_the_statistics_inside():
    network, params, images = resnet()
    updated = networks.train_run(jax.random.key(0), network, params, images).params
    assert jax.tree.structure(updated) == jax.tree.structure(params)
    before, after = (turned(p["layer3.0"]) for p in (params, updated))
    for stage, variables in before.items():
        jax.tree.map(
            np.testing.assert_array_equal, after[stage]["params"], variables["params"]
        )
        if stage.endswith(".bn"):
            mean = variables["batch_stats"]["mean"]
            assert not np.array_equal(after[stage]["batch_stats"]["mean"], mean)


def test_padded_shortcuts_in_closed_form():
    """Blocks whose branches give nothing pass every other cell on, between zeros."""
    network, params, images = make_example("cifar_resnet")
    trunk = networks.split(network, "layer1.0").trunk
    silent = {
        name: jax.tree.map(lambda x: 0 * x, value) if "layer2" in name else value
        for name, value in params.items()
    }
    before = np.asarray(trunk(params, images))  # [B 16 16 4], after a ReLU
    after = networks.split(network, "layer2.0").trunk(silent, images)
    want = np.zeros((3, 8, 8, 8), np.float32)
    want[..., 2:6] = before[:, ::2, ::2]
    np.testing.assert_allclose(after, want, rtol=1e-5, atol=1e-6)
    # Nothing halves the maps before the second group.
    assert networks.centres(network, "layer1.0", 16) == Centres.square(0.0, 1.0)
    assert networks.centres(network, "layer3.0", 16) == Centres.square(0.0, 4.0)


def test_settings_that_are_none():
    with pytest.raises(BadInput, match="`depth` is 18; allowed are 8, 14, 20"):
        networks.cifar_resnet(3, depth=18)
    with pytest.raises(BadInput, match="`shortcut` is 'A'; allowed are 'padding' and"):
        networks.cifar_resnet(3, shortcut="A")
    with pytest.raises(BadInput, match="`stem` is '3x3'; allowed are 'usual' and"):
        networks.resnet(3, stem="3x3")
    with pytest.raises(BadInput, match="`depth` is 12; allowed are 11, 13, 16, 19"):
        networks.vgg(3, depth=12)
    assert networks.penultimate_group(networks.cifar_resnet(3)) == "conv1"


def test_depths_that_are_none():
    with pytest.raises(BadInput, match="`depth` is 20; allowed are 18, 34, 50"):
        networks.resnet(3, depth=20)
