"""The example network equals the published one, and a plain one in float64."""

import hashlib
import importlib
import json
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image
from reference import squeezenet as reference

from jaxdissect import networks
from jaxdissect.upsampling import Centres

sys.path.append(str(Path(__file__).parents[1] / "examples"))
squeezenet = importlib.import_module("squeezenet_places365")

DATA = Path(__file__).parents[2] / "shared" / "data"
FOLDER = DATA / "squeezenet_places365"
LAYERS = ("conv1", *reference.FIRES)

# Maps before the poolings are both odd and even: 33, then 16, then 7.
INPUTS = np.random.default_rng(1).normal(size=(2, 65, 65, 3)).astype(np.float32)


def images_of(inputs):
    """The images, RGB in [0, 1], that the network's preprocessing turns into inputs."""
    return jnp.asarray((inputs * 255 + squeezenet.MEAN_BGR)[..., ::-1] / 255)


@pytest.fixture(scope="module")
def made_up(tmp_path_factory):
    """(arrays as stored, network as built)"""
    folder = tmp_path_factory.mktemp("made_up")
    arrays = reference.random_arrays(seed=0, classes=4)
    np.savez(folder / "squeezenet_places365.npz", **arrays)
    (folder / "categories_places365.txt").write_text("/a/a 0\n/b/b 1\n/c/c 2\n/d/d 3\n")
    return arrays, squeezenet.build(folder, size=65)


@pytest.mark.slow
def test_every_layer_equals_plain_numpy(made_up):
    arrays, (network, params, *_) = made_up
    got = networks.taps(network, (*LAYERS, "logits"))(params, images_of(INPUTS))
    for n, image in enumerate(INPUTS):
        for layer, want in reference.taps(arrays, image.transpose(2, 0, 1)).items():
            acts = np.moveaxis(got[layer][n], -1, 0)
            np.testing.assert_allclose(acts, want, atol=1e-5 * abs(want).max())


@pytest.mark.slow
def test_tail_of_trunk_is_the_network(made_up):
    _, (network, params, *_) = made_up
    images = images_of(INPUTS)
    whole = networks.apply(network, params, images)
    for layer in networks.layer_names(network)[:-1]:
        trunk, tail = networks.split(network, layer)
        np.testing.assert_array_equal(tail(params, trunk(params, images)), whole)


@pytest.mark.slow
def test_cells_sit_where_the_architecture_puts_them(made_up):
    _, (network, *_) = made_up
    # conv1: 3 / 2 with padding 1, on every second pixel; each pooling 3 / 2 without.
    centres = {layer: networks.centres(network, layer, 65) for layer in LAYERS}
    assert centres["conv1"] == Centres.square(0.0, 2.0)
    assert centres["fire2"] == centres["fire3"] == Centres.square(2.0, 4.0)
    assert centres["fire4"] == centres["fire5"] == Centres.square(6.0, 8.0)
    assert centres["fire6"] == centres["fire9"] == Centres.square(14.0, 16.0)


@pytest.fixture(scope="module")
def expected():
    if not FOLDER.is_dir():
        pytest.skip(f"the Places365 network and its reference are not at {FOLDER}")
    return json.loads((FOLDER / "expected.json").read_text())


@pytest.fixture(scope="module")
def places(expected):
    return squeezenet.build(FOLDER)


@pytest.fixture(scope="module")
def pixels(expected):
    """The 20 images of the reference, checked to be its very pixels."""
    if not (DATA / "camvid").is_dir():
        pytest.skip(f"the CamVid images are not at {DATA / 'camvid'}")
    files = [DATA / entry["file"] for entry in expected["images"]]
    images = np.stack([squared(file) for file in files])
    for image, entry in zip(images, expected["images"], strict=True):
        assert image.sum((0, 1)).tolist() == entry["pixel_sum_224"]
        digest = hashlib.sha256(image.tobytes()).hexdigest()
        assert digest == entry["pixel_sha256_224"]
    return images


def squared(file):
    """An RGB image, squeezed to a square as in the reference."""
    with Image.open(file) as image:
        rgb = image.convert("RGB")
    return np.asarray(rgb.resize((224, 224), Image.Resampling.BILINEAR))


def probabilities(places, images):
    return np.asarray(jax.nn.softmax(networks.apply(*places[:2], images)))


def assert_within(got, want, atol):
    np.testing.assert_allclose(got, want, rtol=0, atol=atol)


@pytest.mark.slow
def test_all_images_have_the_published_probabilities(expected, places, pixels):
    names = places.classes
    got = probabilities(places, pixels / np.float32(255))
    assert got.shape == (20, 365) and len(names) == 365
    for found, entry in zip(got, expected["images"], strict=True):
        top5 = np.argsort(-found)[:5]
        assert top5.tolist() == entry["top5"]
        assert [names[k] for k in top5] == entry["top5_name"]
        assert_within(found[top5], entry["top5_prob"], 1e-5)


def check_layers(places, images, want):
    """Compares what both references hold; returns the activations and logits."""
    acts = networks.taps(places.network, (*LAYERS, "logits"))(places.params, images)
    logits = acts.pop("logits")
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


@pytest.mark.slow
def test_the_layers_of_an_image_have_the_published_statistics(expected, places, pixels):
    want = expected["image0"]
    acts, logits = check_layers(places, pixels[:1] / np.float32(255), want)
    assert_within(acts["fire9"].max((0, 1, 2)), want["fire9_max"], 1e-4)
    assert_within(logits[0], want["pool10"], 1e-4)


@pytest.mark.slow
def test_the_layers_of_a_formula_have_the_published_statistics(expected, places):
    y, x = np.mgrid[:224, :224]
    slots = x / 223 - 0.5, y / 223 - 0.5, (x + y) % 16 / 16 - 0.5
    want = expected["synthetic_input"]
    inputs = np.stack(slots, -1)[None].astype(np.float32)
    _, logits = check_layers(places, images_of(inputs), want)
    got = jax.nn.softmax(logits)[0, np.array(want["top5"])]
    assert_within(got, want["top5_prob"], 1e-5)


def unmirrored(params):
    turn = lambda array: array[..., ::-1, ::-1] if array.ndim == 4 else array  # noqa: E731
    return jax.tree.map(turn, params)


def first(change):
    """The first layer with another preprocessing."""

    def function(weights, images):
        inputs = (255 * images[..., ::-1] - squeezenet.MEAN_BGR) / 255
        return squeezenet.convolve(weights[""], change(inputs), 2, 1)

    return function


def pool_to_the_border(weights, x, pool=squeezenet.pool):
    last = [(0, 1 - length % 2) for length in x.shape[1:3]]
    padding = ((0, 0), *last, (0, 0))
    return pool(weights, jnp.pad(x, padding, constant_values=-jnp.inf))


def with_slope(slope):
    """Convolutions with another nonlinearity."""

    def convolve(weights, x, stride=1, padding=0, right=squeezenet.convolve):
        z = right(weights, x, stride, padding)
        return jnp.where(z < 0, z * slope / 0.55, z)

    return convolve


# What is mistaken: the params, or a name of the module.
MISTAKES = {
    "kernels_not_flipped": (unmirrored, {}),
    "rgb_order": (None, {"first": first(lambda x: x[..., ::-1])}),
    "no_division_by_255": (None, {"first": first(lambda x: 255 * x)}),
    "division_without_mean": (
        None,
        {"first": first(lambda x: x + squeezenet.MEAN_BGR / 255)},
    ),
    "relu_instead_of_leaky_0.55": (None, {"convolve": with_slope(0.0)}),
    "slope_0.01": (None, {"convolve": with_slope(0.01)}),
    "ceil_pools": (None, {"pool": pool_to_the_border}),
}


@pytest.mark.slow
@pytest.mark.parametrize("mistake", MISTAKES)
def test_known_mistakes_show(mistake, expected, places, pixels, monkeypatch):
    signatures = expected["wrong_port_signatures_image0"]
    assert set(signatures) == set(MISTAKES)
    classes, want = (signatures[mistake][key] for key in ("top3", "top3_prob"))
    images = pixels[:1] / np.float32(255)
    ours = probabilities(places, images)[0, classes]
    assert abs(ours - want).max() > 0.02
    of_params, names = MISTAKES[mistake]
    for name, value in names.items():
        monkeypatch.setattr(squeezenet, name, value)
    mistaken = squeezenet.build(FOLDER)
    if of_params:
        mistaken = mistaken._replace(params=of_params(mistaken.params))
    assert_within(probabilities(mistaken, images)[0, classes], want, 1e-5)
