"""The example network equals the published one, and a plain one in float64."""

import doctest
import hashlib
import importlib
import json
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import install_import_hook
from reference import squeezenet as reference

from jaxdissect.base import BadInput

sys.path.append(str(Path(__file__).parents[1] / "examples"))
with install_import_hook("squeezenet_places365", "beartype.beartype"):
    squeezenet = importlib.import_module("squeezenet_places365")

DATA = Path(__file__).parents[2] / "shared" / "data"
FOLDER = DATA / "squeezenet_places365"
LAYERS = ("conv1", *reference.FIRES)
every_layer = pytest.mark.parametrize("layer", LAYERS)

# Maps before the poolings are both odd and even: 33 x 32, then 16 x 15, then 7 x 7.
IMAGES = np.random.default_rng(1).normal(size=(2, 65, 63, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def made_up(tmp_path_factory):
    """(arrays as stored, params as loaded)"""
    folder = tmp_path_factory.mktemp("made_up")
    arrays = reference.random_arrays(seed=0, classes=4)
    np.savez(folder / "squeezenet_places365.npz", **arrays)
    return arrays, squeezenet.load(folder)


def test_every_layer_equals_plain_numpy(made_up):
    arrays, params = made_up
    got = squeezenet.taps(params, jnp.array(IMAGES))
    assert tuple(got) == LAYERS
    got["logits"] = squeezenet.apply(params, jnp.array(IMAGES))
    for n, image in enumerate(IMAGES):
        for layer, want in reference.taps(arrays, image.transpose(2, 0, 1)).items():
            acts = np.moveaxis(got[layer][n], -1, 0)
            np.testing.assert_allclose(acts, want, atol=1e-5 * abs(want).max())


@every_layer
def test_tail_of_trunk_is_the_network(made_up, layer):
    _, params = made_up
    images = jnp.array(IMAGES)
    acts = squeezenet.trunk(params, images, layer)
    np.testing.assert_array_equal(acts, squeezenet.taps(params, images)[layer])
    logits = squeezenet.tail(params, acts, layer)
    np.testing.assert_array_equal(logits, squeezenet.apply(params, images))


@pytest.mark.parametrize("half", [squeezenet.trunk, squeezenet.tail])
def test_an_unknown_layer_is_refused(made_up, half):
    with pytest.raises(BadInput, match="`layer` is 'pool1'; allowed are conv1, fire2,"):
        half(made_up[1], jnp.array(IMAGES), "pool1")


# All poolings come out even, so no window ends short of the last pixel.
LENGTH = 253


@pytest.fixture(scope="module")
def seen(made_up):
    """{layer: (columns [pixel cell], rows [pixel cell])}: which cells see which line.

    Where weights are positive and biases 0, cells that see the one line of the image
    that is not 0 are above 0, and all others are 0.
    """
    positive = jax.tree.map(jnp.abs, made_up[1])
    params = {name: {**p, "bias": 0 * p["bias"]} for name, p in positive.items()}
    lines = jnp.eye(LENGTH)[:, None, :, None] * jnp.ones((31, 1, 3))
    of_columns = squeezenet.taps(params, lines)
    of_rows = squeezenet.taps(params, lines.swapaxes(1, 2))
    return {
        layer: ((of_columns[layer] > 0)[:, 0, :, -1], (of_rows[layer] > 0)[:, :, 0, -1])
        for layer in LAYERS
    }


@every_layer
def test_centres_are_the_middles_of_what_cells_see(seen, layer):
    offset, step = squeezenet.CENTRES[layer]
    for lines in seen[layer]:
        num_inside = 0
        for cell, pixels in enumerate(np.asarray(lines).T):
            first, *_, last = np.flatnonzero(pixels)
            if first > 0 and last < LENGTH - 1:
                assert (first + last) / 2 == offset + step * cell
                num_inside += 1
        assert num_inside > 1


def test_the_examples_in_docstrings_run():
    assert doctest.testmod(squeezenet) == (0, 3)


@pytest.fixture(scope="module")
def expected():
    if not FOLDER.is_dir():
        pytest.skip(f"the Places365 network and its reference are not at {FOLDER}")
    return json.loads((FOLDER / "expected.json").read_text())


@pytest.fixture(scope="module")
def places(expected):
    return squeezenet.load(FOLDER)


@pytest.fixture(scope="module")
def pixels(expected):
    """The 20 images of the reference, checked to be its very pixels."""
    if not (DATA / "camvid").is_dir():
        pytest.skip(f"the CamVid images are not at {DATA / 'camvid'}")
    files = [DATA / entry["file"] for entry in expected["images"]]
    images = np.stack([squeezenet.read_image(file) for file in files])
    for image, entry in zip(images, expected["images"], strict=True):
        assert image.sum((0, 1)).tolist() == entry["pixel_sum_224"]
        digest = hashlib.sha256(image.tobytes()).hexdigest()
        assert digest == entry["pixel_sha256_224"]
    return images


def probabilities(params, inputs):
    return np.asarray(jax.nn.softmax(squeezenet.apply(params, inputs)))


def assert_within(got, want, atol):
    np.testing.assert_allclose(got, want, rtol=0, atol=atol)


def test_all_images_have_the_published_probabilities(expected, places, pixels):
    names = squeezenet.class_names(FOLDER)
    got = probabilities(places, squeezenet.preprocess(pixels))
    assert got.shape == (20, 365) and len(names) == 365
    for found, entry in zip(got, expected["images"], strict=True):
        top5 = np.argsort(-found)[:5]
        assert top5.tolist() == entry["top5"]
        assert [names[k] for k in top5] == entry["top5_name"]
        assert_within(found[top5], entry["top5_prob"], 1e-5)


def check_layers(params, inputs, want):
    """Compares what both references hold; returns the activations and logits."""
    acts = squeezenet.taps(params, inputs)
    logits = squeezenet.apply(params, inputs)
    named = {**acts, "pool10": logits, "prob": jax.nn.softmax(logits)}
    for layer, values in named.items():
        (values,) = np.asarray(values, np.float64)
        for statistic, number in want["layers"][layer].items():
            if statistic == "shape":
                assert values.shape == (*number[1:], number[0])
            else:
                got = getattr(values, statistic)()
                np.testing.assert_allclose(got, number, rtol=1e-5, atol=1e-6)
    assert_within(acts["fire9"].mean((0, 1, 2)), want["fire9_mean"], 1e-4)
    return acts, logits


def test_the_layers_of_an_image_have_the_published_statistics(expected, places, pixels):
    inputs = squeezenet.preprocess(pixels[:1])
    want = expected["image0"]
    colour = want["input"]["mean_per_channel_bgr"]
    assert_within(inputs.mean((0, 1, 2)), colour, 1e-6)
    acts, logits = check_layers(places, inputs, want)
    assert_within(acts["fire9"].max((0, 1, 2)), want["fire9_max"], 1e-4)
    assert_within(logits[0], want["pool10"], 1e-4)


def test_the_layers_of_a_formula_have_the_published_statistics(expected, places):
    y, x = np.mgrid[:224, :224]
    slots = x / 223 - 0.5, y / 223 - 0.5, (x + y) % 16 / 16 - 0.5
    want = expected["synthetic_input"]
    inputs = jnp.array(np.stack(slots, -1)[None], jnp.float32)
    _, logits = check_layers(places, inputs, want)
    got = jax.nn.softmax(logits)[0, np.array(want["top5"])]
    assert_within(got, want["top5_prob"], 1e-5)


def unmirrored(params):
    kernels = {name: p["kernel"][::-1, ::-1] for name, p in params.items()}
    return {name: {**p, "kernel": kernels[name]} for name, p in params.items()}


def pool_to_the_border(x, pool=squeezenet._max_pool):
    last = [(0, 1 - length % 2) for length in x.shape[1:3]]
    padding = ((0, 0), *last, (0, 0))
    return pool(jnp.pad(x, padding, constant_values=-jnp.inf))


# What is mistaken: the params, the input or a name of the module.
MISTAKES = {
    "kernels_not_flipped": (unmirrored, None, {}),
    "rgb_order": (None, lambda x: x[..., ::-1], {}),
    "no_division_by_255": (None, lambda x: 255 * x, {}),
    "division_without_mean": (None, lambda x: x + squeezenet.MEAN_BGR / 255, {}),
    "relu_instead_of_leaky_0.55": (None, None, {"NEGATIVE_SLOPE": 0.0}),
    "slope_0.01": (None, None, {"NEGATIVE_SLOPE": 0.01}),
    "ceil_pools": (None, None, {"_max_pool": pool_to_the_border}),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_known_mistakes_show(mistake, expected, places, pixels, monkeypatch):
    signatures = expected["wrong_port_signatures_image0"]
    assert set(signatures) == set(MISTAKES)
    classes, want = (signatures[mistake][key] for key in ("top3", "top3_prob"))
    inputs = squeezenet.preprocess(pixels[:1])
    ours = probabilities(places, inputs)[0, classes]
    assert abs(ours - want).max() > 0.02
    of_params, of_inputs, names = MISTAKES[mistake]
    for name, value in names.items():
        monkeypatch.setattr(squeezenet, name, value)
    mistaken = probabilities(
        of_params(places) if of_params else places,
        of_inputs(inputs) if of_inputs else inputs,
    )
    assert_within(mistaken[0, classes], want, 1e-5)
