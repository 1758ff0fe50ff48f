"""Adapted networks are tables of stages like any other."""

from functools import partial

import chex
import jax
import jax.numpy as jnp
import numpy as np
import own_networks as own
import pytest
from flax import nnx
from test_adapters import CUTS

from jaxdissect import adapters, gradients, networks, weights
from jaxdissect.errors import BadInput
from jaxdissect.upsampling import Axis, Centres

close = {"rtol": 1e-5, "atol": 1e-6}


@pytest.fixture(scope="module", params=["digits", "resnet", "vit_token"])
def table(request):
    """(name, module, arguments, variables, network, params)"""
    module, call = own.LINEN[request.param]
    variables = own.linen_variables(module, call)
    made = adapters.linen_network(module, variables, own.IMAGES, **call)
    return request.param, module, call, variables, *made


def test_the_table_is_the_model(table):
    name, module, call, variables, network, params = table
    assert networks.layer_names(network) == (*CUTS[name].split(), "logits")
    want = jax.jit(partial(module.apply, **call))(variables, own.IMAGES)
    got = jax.jit(partial(networks.apply, network))(params, own.IMAGES)
    np.testing.assert_array_equal(got, want)
    leaves = [set(stage) for stage in params.values()]
    assert len(jax.tree.leaves(variables)) == len(set().union(*leaves))


@pytest.mark.slow
def test_taps_splits_and_gradients_are_those_of_the_model(table):
    name, module, call, variables, network, params = table
    layers, targets = tuple(CUTS[name].split()[1:4:2]), jnp.array([1, 3])
    late = layers[-1:]

    @jax.jit
    def of_table(params, images):
        tapped = networks.taps(network, layers)(params, images)
        edited = networks.split(network, late[0]).tail(params, 2 * tapped[late[0]])
        gradient = networks.layer_gradients(network, late)(params, images, targets)
        return tapped, edited, gradient[late[0]]

    @jax.jit
    def of_model(variables, images):
        cut = partial(adapters.split_linen, module, example=images, **call)
        acts = {layer: cut(layer).trunk(variables, images) for layer in layers}
        tail, last = cut(late[0]).tail, acts[late[0]]
        gradient = gradients.prediction_gradient(tail, variables, last, targets)
        return acts, tail(variables, 2 * last), gradient

    got, want = of_table(params, own.IMAGES), of_model(variables, own.IMAGES)
    chex.assert_trees_all_close(got, want, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_cells_sit_where_the_models_windows_are():
    module, call = own.LINEN["resnet"]
    variables, images = own.linen_variables(module, call), jnp.zeros((1, 64, 64, 3))
    network, _ = adapters.linen_network(module, variables, images, **call)
    # Of an even map, SAME pads 7 by 2 before it, and 3 by 0, where the stride is 2.
    centres = [networks.centres(network, stage.name, 64) for stage in network[2:5]]
    places = [(1.0, 2.0), (1.0 + 2, 4.0), (1.0 + 2 + 4, 8.0)]
    assert centres == [Centres.square(*each) for each in places]


@pytest.mark.slow
def test_tokens_sit_at_the_centres_of_their_patches():
    module, _ = own.LINEN["vit"]
    variables = own.linen_variables(module, {})
    network, _ = adapters.linen_network(module, variables, own.IMAGES)
    # What attention sees has no borders, so its cells are supposed to stay in place.
    where = networks.centres(network, "block0", 16)
    assert where == Centres(Axis(1.5, 4, known=False), Axis(1.5, 4, known=False))


def test_nnx_tables_are_the_model():
    model = own.modern_cnn()
    network, params = adapters.nnx_network(model, own.IMAGES)
    names = networks.layer_names(network)
    assert names[3:] == ("dropout", "blocks.layers.0", "blocks", "head", "logits")
    second = {f"blocks.layers.1.conv.{leaf}" for leaf in ("kernel", "bias")}
    assert set(params["blocks"]) == second
    copy = nnx.clone(model)
    copy.eval()
    got = networks.apply(network, params, own.IMAGES)
    np.testing.assert_allclose(got, copy(own.IMAGES), **close)


@pytest.mark.slow
def test_layers_can_be_chosen_and_come_in_order():
    module, call = own.LINEN["resnet"]
    variables = own.linen_variables(module, call)
    network, params = adapters.linen_network(
        module, variables, own.IMAGES, layers=("ResidualBlock_1", "bn_init"), **call
    )
    assert networks.layer_names(network) == ("bn_init", "ResidualBlock_1", "logits")
    got = networks.apply(network, params, own.IMAGES[:1])
    want = module.apply(variables, own.IMAGES[:1], **call)
    np.testing.assert_allclose(got, want, **close)
    with pytest.raises(
        BadInput, match="`path` is 'bn_inti'; the nearest layers are bn"
    ):
        adapters.linen_network(
            module, variables, own.IMAGES, layers=("bn_inti",), **call
        )


def test_stages_of_lower_precision_give_single_precision():
    module, _ = own.LINEN["vit_half"]
    variables = own.linen_variables(module, {})
    network, params = adapters.linen_network(module, variables, own.IMAGES)
    tapped = jax.eval_shape(
        networks.taps(network, ("embedding", "norm")), params, own.IMAGES
    )
    assert {acts.dtype for acts in tapped.values()} == {jnp.dtype("float32")}


def test_params_survive_being_saved(table, tmp_path):
    *_, params = table
    weights.save(tmp_path / "w.safetensors", params, {})
    loaded = weights.load(tmp_path / "w.safetensors").params
    assert jax.tree.structure(loaded) == jax.tree.structure(params)


def test_adapted_networks_are_not_trained(key):
    module, _ = own.LINEN["digits"]
    variables = own.linen_variables(module, {})
    network, params = adapters.linen_network(module, variables, own.IMAGES)
    for attempt in (
        lambda: networks.train_run(key, network, params, own.IMAGES),
        lambda: networks.init(key, network, (16, 16, 3)),
    ):
        with pytest.raises(BadInput, match="own weights and cannot be trained here"):
            attempt()
    with pytest.raises(BadInput, match="images have another size than the example"):
        networks.apply(network, params, own.IMAGES[:, :8, :8])


def trunk(variables, x):
    return jnp.tanh(x @ variables["w"])


def tail(variables, acts):
    return acts.mean((1, 2)) @ variables["v"]


PARAMS = {"trunk": {"w": jnp.ones((3, 4))}, "logits": {"v": jnp.eye(4)}}


def test_a_trunk_and_a_tail_by_hand_are_a_table_of_two():
    network, params = adapters.chain(
        {"trunk": trunk, "logits": tail}, PARAMS, own.IMAGES
    )
    halves = networks.split(network, "trunk")
    acts = halves.trunk(params, own.IMAGES)
    np.testing.assert_array_equal(acts, trunk(PARAMS["trunk"], own.IMAGES))
    want = tail(PARAMS["logits"], acts)
    np.testing.assert_array_equal(halves.tail(params, acts), want)
    assert networks.centres(network, "trunk", 16) == Centres.square(0.0, 1.0)


def test_functions_in_a_chain_keep_their_own_shapes():
    functions = {
        "tokens": lambda v, x: x.reshape(len(x), 256, 3),
        "dense": lambda v, tokens: tokens.mean(1),
        "logits": lambda v, dense: dense @ jnp.eye(3),
    }
    network, params = adapters.chain(functions, {}, own.IMAGES)
    acts = networks.taps(network, ("tokens", "dense"))(params, own.IMAGES)
    np.testing.assert_array_equal(acts["tokens"], own.IMAGES)
    assert acts["dense"].shape == (2, 1, 1, 3)
    got = networks.apply(network, params, own.IMAGES)
    np.testing.assert_allclose(got, own.IMAGES.mean((1, 2)), rtol=1e-5)


def test_chains_that_make_no_table_are_refused():
    with pytest.raises(BadInput, match=r"\['logits', 'trunk'\]; .* comes last"):
        adapters.chain({"logits": tail, "trunk": trunk}, {}, own.IMAGES)
    with pytest.raises(BadInput, match=r"`params` has 'trunk'; `functions` has"):
        adapters.chain({"logits": tail}, PARAMS, own.IMAGES)
    with pytest.raises(BadInput, match=r"'logits' returns shape \(2, 16, 16, 4\)"):
        adapters.chain({"logits": trunk}, {"logits": PARAMS["trunk"]}, own.IMAGES)
    with pytest.raises(BadInput, match=r"'a' returns shape \(2,\); it must be \[B H W"):
        functions = {"a": lambda v, x: x.sum((1, 2, 3)), "logits": tail}
        adapters.chain(functions, {}, own.IMAGES)
