"""Any Flax model: its layers, where it can be cut, and the halves."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import own_networks as own
import pytest
from flax import linen as nn
from flax import nnx

from jaxdissect import adapters
from jaxdissect.errors import BadInput

CUTS = {
    "digits": "Conv_0 Conv_0.relu Conv_1 Conv_1.relu Dense_0 Dense_0.relu Dense_1",
    "resnet": "conv_init bn_init bn_init.relu ResidualBlock_0 ResidualBlock_1 Dense_0",
    "vit_token": "embedding block0 norm head",
    "vit_half": "embedding block0 norm head",
    "remat": "conv_init bn_init bn_init.relu CheckpointResidualBlock_0 "
    "CheckpointResidualBlock_1 Dense_0",
}


LINEN = [
    pytest.param(name, marks=pytest.mark.slow) if name == "vit_half" else name
    for name in CUTS
]


@pytest.fixture(scope="module", params=LINEN)
def linen(request):
    """(name, module, arguments, variables) of every example in turn."""
    module, call = own.LINEN[request.param]
    return request.param, module, call, own.linen_variables(module, call)


def layers_of(model, **call):
    layers = adapters.list_layers(model, own.IMAGES, **call)
    return {layer.path: layer for layer in layers}


def flops(function, *arguments):
    return jax.jit(function).lower(*arguments).compile().cost_analysis()["flops"]


def test_clean_cuts_are_found(linen):
    name, module, call, _ = linen
    layers = layers_of(module, **call).values()
    assert [layer.path for layer in layers if layer.cut] == CUTS[name].split()


def test_tail_of_trunk_is_the_model_at_every_clean_cut(linen):
    name, module, call, variables = linen

    @jax.jit
    def outputs(variables, images):
        cut = partial(adapters.split_linen, module, example=images, **call)
        halves = {path: cut(path) for path in CUTS[name].split()}
        acts = {path: half.trunk(variables, images) for path, half in halves.items()}
        return acts, {
            path: half.tail(variables, acts[path]) for path, half in halves.items()
        }

    acts, outputs = outputs(variables, own.IMAGES)
    layers = layers_of(module, **call)
    assert {path: a.shape for path, a in acts.items()} == {
        path: layers[path].shape for path in acts
    }
    assert all(a.dtype == jnp.float32 for a in acts.values())
    want = jax.jit(partial(module.apply, **call))(variables, own.IMAGES)
    for path, got in outputs.items():
        np.testing.assert_array_equal(got, want, err_msg=path)


@pytest.mark.slow
def test_halves_apart_are_the_model():
    module, _ = own.LINEN["digits"]
    variables = own.linen_variables(module, {})
    want = module.apply(variables, own.IMAGES)
    _, kept = module.apply(
        variables, own.IMAGES, capture_intermediates=True, mutable=True
    )
    for path in CUTS["digits"].split():
        trunk, tail = adapters.split_linen(module, path, own.IMAGES)
        acts = trunk(variables, own.IMAGES)
        if not path.endswith(".relu"):
            (returned,) = kept["intermediates"][path]["__call__"]
            np.testing.assert_array_equal(acts, returned.reshape(acts.shape))
        np.testing.assert_array_equal(tail(variables, acts), want)


def test_halves_cost_together_what_the_model_costs():
    module, call = own.LINEN["resnet"]
    variables = own.linen_variables(module, call)
    trunk, tail = adapters.split_linen(module, "bn_init.relu", own.IMAGES, **call)
    acts = jax.eval_shape(trunk, variables, own.IMAGES)
    costs = flops(trunk, variables, own.IMAGES), flops(tail, variables, acts)
    apply = lambda v, x: module.apply(v, x, **call)  # noqa: E731
    whole = flops(apply, variables, own.IMAGES)
    assert min(costs) > 0.1 * whole and sum(costs) == pytest.approx(whole, rel=0.02)


@pytest.mark.slow
def test_batches_of_any_length_and_gradients_go_through():
    module, _ = own.LINEN["digits"]
    variables = own.linen_variables(module, {})
    trunk, tail = adapters.split_linen(module, "Conv_0.relu", own.IMAGES[:1])
    score = lambda x: module.apply(variables, x).sum()  # noqa: E731
    halves = lambda x: tail(variables, trunk(variables, x)).sum()  # noqa: E731
    want, got = jax.grad(score)(own.IMAGES), jax.grad(halves)(own.IMAGES)
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)
    each = jax.vmap(lambda x: trunk(variables, x[None])[0])(own.IMAGES)
    whole = trunk(variables, own.IMAGES)
    np.testing.assert_allclose(each, whole, rtol=1e-5, atol=1e-6)


def test_an_edit_between_the_halves_is_an_edit_in_the_model():
    module, _ = own.LINEN["digits"]
    variables = own.linen_variables(module, {})
    trunk, tail = adapters.split_linen(module, "Conv_1.relu", own.IMAGES)
    keep = jnp.arange(6) != 2
    without = jax.tree.map(lambda leaf: leaf * keep, variables["params"]["Conv_1"])
    want = module.apply(
        {"params": {**variables["params"], "Conv_1": without}}, own.IMAGES
    )
    got = tail(variables, trunk(variables, own.IMAGES) * keep)
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_nnx_models_are_cut_in_evaluation_mode_and_stay_as_they_are():
    model = own.modern_cnn()
    cuts = [layer.path for layer in layers_of(model).values() if layer.cut]
    names = "conv1 norm1 norm1.relu dropout blocks.layers.0 blocks.layers.1 blocks head"
    assert cuts == names.split()
    evaluated = nnx.clone(model)
    evaluated.eval()
    want, first = evaluated(own.IMAGES), evaluated.conv1(own.IMAGES)
    for path in cuts:
        trunk, tail = adapters.split_nnx(model, path, own.IMAGES)
        acts = trunk(nnx.state(model), own.IMAGES)
        got = tail(nnx.split(model)[1], acts)
        np.testing.assert_array_equal(got, want)
        if path == "conv1":
            np.testing.assert_array_equal(acts, first)
    assert type(model.conv1) is nnx.Conv and not model.dropout.deterministic


@pytest.mark.slow
def test_tokens_are_the_cells_of_a_square_row_by_row():
    module, _ = own.LINEN["vit"]
    variables = own.linen_variables(module, {})
    at = {
        path: adapters.split_linen(module, path, own.IMAGES).trunk
        for path in ("embedding", "block0")
    }
    # A block without weights is the identity.
    blind = jax.tree.map(jnp.zeros_like, variables["params"]["block0"])
    params = {**variables["params"], "block0": blind}
    patches = at["embedding"](variables, own.IMAGES)
    want = patches + params["positions"].reshape(1, 4, 4, 8)
    got = jax.jit(at["block0"])({"params": params}, own.IMAGES)
    np.testing.assert_allclose(got, want, rtol=1e-6)


REFUSED = {
    "around": (
        own.LINEN["resnet"],
        "ResidualBlock_1.BatchNorm_0.relu",
        r"a connection from 'ResidualBlock_0' goes around it; the nearest clean cuts "
        r"are 'ResidualBlock_0' before and 'ResidualBlock_1' after it",
    ),
    "attention": (
        own.LINEN["vit"],
        "block0.Dense_0",
        "a connection from 'block0.MultiHeadDotProductAttention_0' goes around it",
    ),
    "twice": ((own.Twice(), {}), "again", "it is called 2 times"),
    "loop": ((own.Looped(), {}), "loop.Conv_0", "out of reach inside a `scan`"),
    "unknown": (
        own.LINEN["digits"],
        "conv_1",
        "`path` is 'conv_1'; the nearest layers are Conv_1, ",
    ),
}


@pytest.mark.parametrize("case", list(REFUSED))
def test_a_place_that_is_no_cut_is_refused_with_the_reason(case):
    (module, call), path, message = REFUSED[case]
    with pytest.raises(BadInput, match=message):
        adapters.split_linen(module, path, own.IMAGES, **call)


def test_a_model_in_training_mode_is_refused():
    module, _ = own.LINEN["resnet"]
    with pytest.raises(BadInput, match=r"runs as in training; .* train=False"):
        adapters.list_layers(module, own.IMAGES, train=True)
    with pytest.raises(BadInput, match=r"`example` is float32 of shape \(4,\); it"):
        adapters.list_layers(module, jnp.ones(4), train=False)


class Odd(nn.Module):
    """What else can keep a layer from being a cut."""

    @nn.compact
    def __call__(self, x):
        nn.Dense(2, name="unused")(x)
        offset = nn.Dense(3, name="constant")(jnp.ones((2, 3)))
        volume = nn.Conv(3, (1, 1), name="volume")(x[:, None])
        early = x.mean((1, 2)) @ jnp.ones((3, 5))
        x = nn.Dense(3, name="named")(volume[:, 0] + offset[:, None, None])
        x = jax.ad_checkpoint.checkpoint_name(x * 2, "doubled")
        return early + nn.Dense(5, name="last")(x.mean((1, 2)))


def test_every_obstacle_is_named():
    layers = layers_of(Odd())
    assert {path: layer.obstacle for path, layer in layers.items()} == {
        "unused": "the outputs do not depend on it",
        "constant": "it does not depend on the images",
        "volume": "its shape (2, 1, 16, 16, 3) is not one map for each image and unit",
        "named": "a connection from the images goes around it",
        "doubled": "a connection from the images goes around it",
        "last": "a connection from the images goes around it",
    }


def test_images_and_activations_of_another_size_are_refused():
    module, _ = own.LINEN["digits"]
    variables = own.linen_variables(module, {})
    trunk, tail = adapters.split_linen(module, "Conv_1", own.IMAGES)
    with pytest.raises(BadInput, match=r"`x` has shape \(2, 8, 8, 3\); the example"):
        trunk(variables, own.IMAGES[:, :8, :8])
    with pytest.raises(BadInput, match=r"`acts` has shape \(1, 4, 4, 6\); .*8, 8, 6\)"):
        tail(variables, jnp.zeros((1, 4, 4, 6)))
    with pytest.raises(BadInput, match=r"`variables` lacks params.Conv_0.bias"):
        trunk({"params": {}}, own.IMAGES)


def test_products_have_the_precision_of_the_caller():
    module, _ = own.LINEN["digits"]
    variables = own.linen_variables(module, {})
    trunk, _ = adapters.split_linen(module, "Conv_0", own.IMAGES)
    assert "HIGHEST" not in str(jax.make_jaxpr(trunk)(variables, own.IMAGES))
    with jax.default_matmul_precision("highest"):
        assert "HIGHEST" in str(jax.make_jaxpr(trunk)(variables, own.IMAGES))
