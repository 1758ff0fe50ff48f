"""A digest sees all that a network computes with, and nothing else."""

import os
import subprocess
import sys
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import own_networks as own
import pytest

from jaxdissect import adapters, checkpoints, model, networks
from jaxdissect.adapters import network_digest, program_digest
from jaxdissect.runs import subjects
from jaxdissect.settings import PreprocessingSettings, SubjectSettings

X = jnp.ones((2, 4))


def calling(factor):
    def scaled(array):
        return np.asarray(array * factor)

    like = jax.ShapeDtypeStruct(X.shape, X.dtype)
    return lambda x: jax.pure_callback(scaled, like, x)


class Scaler:
    def __init__(self, factor):
        self.factor = factor

    def __call__(self, array):
        return np.asarray(array * self.factor)


def calling_object(factor):
    like = jax.ShapeDtypeStruct(X.shape, X.dtype)
    return lambda x: jax.pure_callback(Scaler(factor), like, x)


def forward_rule(slope):
    @jax.custom_jvp
    def double(x):
        return 2 * x

    double.defjvp(lambda primals, tangents: (2 * primals[0], slope * tangents[0]))
    return double


def backward_rule(slope):
    @jax.custom_vjp
    def double(x):
        return 2 * x

    double.defvjp(lambda x: (double(x), None), lambda kept, g: (slope * g,))
    return double


def repeated(times):
    return lambda x: jax.lax.scan(lambda c, _: (2 * c, None), x, None, length=times)[0]


def chosen(function):
    return lambda x: jax.lax.cond(x.sum() > 0, function, jnp.cos, x)


FUNCTIONS = {
    "relu": jax.nn.relu,
    "gelu": jax.nn.gelu,
    "exact gelu": partial(jax.nn.gelu, approximate=False),
    "softmax": jax.nn.softmax,
    "softmax over images": partial(jax.nn.softmax, axis=0),
    "identity": lambda x: x @ jnp.eye(4),
    "twice": lambda x: x @ (2 * np.eye(4, dtype=np.float32)),
    "exact products": lambda x: jnp.dot(x, jnp.eye(4), precision="highest"),
    "a random key": lambda x: x * jax.random.normal(jax.random.key(0), x.shape),
    "another key": lambda x: x * jax.random.normal(jax.random.key(1), x.shape),
    "an inner function": chosen(jnp.sin),
    "another inner function": chosen(jnp.tan),
    **{f"callback {n}": calling(n) for n in (2.0, 3.0)},
    **{f"callback object {n}": calling_object(n) for n in (2.0, 3.0)},
    **{f"slope {n} forward": forward_rule(n) for n in (2, 3)},
    **{f"slope {n} backward": backward_rule(n) for n in (2, 3)},
    **{f"loop {n}": repeated(n) for n in (3, 4)},
    **{f"constant {n}": partial(lambda n, x: x + n, n) for n in (1.0, 1.0000001)},
}


def test_functions_that_differ_have_other_digests():
    digests = {name: program_digest(f, X) for name, f in FUNCTIONS.items()}
    assert len(set(digests.values())) == len(digests)
    again = {
        name: program_digest(lambda y, f=f: f(y), X) for name, f in FUNCTIONS.items()
    }
    assert again == digests
    wider = program_digest(FUNCTIONS["relu"], jnp.ones((2, 5)))
    assert wider != digests["relu"]


def test_names_stages_and_parameters_are_part_of_a_network():
    def digest(names="ab", factor=2.0, shape=(1, 8, 8, 3)):
        functions = {names[0]: lambda v, x: v["w"] * x, names[1]: lambda v, x: x + 1}
        params = {names[0]: {"w": factor}}
        made = adapters.chain(functions, params, jnp.ones(shape))
        return network_digest(*made, jnp.ones(shape))

    first = digest()
    assert first == digest()
    others = [
        digest("ac"),
        digest("xb"),
        digest(factor=2.5),
        digest(shape=(1, 9, 9, 3)),
    ]
    assert len({first, *others}) == 5


@pytest.mark.slow
def test_flax_networks_have_digests_of_their_own():
    digests = []
    for _ in range(2):
        for name in ("digits", "resnet"):
            module, call = own.LINEN[name]
            variables = own.linen_variables(module, call)
            made = adapters.linen_network(module, variables, own.IMAGES, **call)
            digests.append(network_digest(*made, own.IMAGES))
        made = adapters.nnx_network(own.modern_cnn(), own.IMAGES)
        digests.append(network_digest(*made, own.IMAGES))
    assert digests[:3] == digests[3:] and len(set(digests)) == 3


FILE = """
import jax, jax.numpy as jnp, numpy as np
from flax import linen as nn
from jaxdissect import adapters, networks
import settings

SHARPNESS = 2.0

def looked_up(array):
    return np.asarray(array * settings.BIAS)

class CNN(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = settings.activation(nn.Conv(4, (3, 3))(x) + settings.TABLE)
        x = jax.pure_callback(looked_up, jax.ShapeDtypeStruct(x.shape, x.dtype), x)
        return SHARPNESS * nn.Dense(3)(x.mean((1, 2)))

def build():
    images = jnp.zeros((1, settings.SIZE, settings.SIZE, 3))
    variables = CNN().init(jax.random.key(settings.KEY), images)
    network, params = adapters.linen_network(CNN(), variables, images)
    return networks.Classifier(network, params, settings.SIZE)
"""
SETTINGS = """
import jax, numpy as np

activation = jax.nn.relu
TABLE = np.arange(4, dtype=np.float32)
SIZE, KEY, BIAS = 8, 0, 1.0
"""
CHANGES = {
    "jax.nn.relu": "jax.nn.silu",
    "np.arange(4, dtype=np.float32)": "np.ones(4, np.float32)",
    "8, 0, 1.0": "9, 0, 1.0",
    "8, 0, 1.": "8, 1, 1.",
    "8, 0, 1.0\n": "8, 0, 3.0\n",
}


def digest_of(folder):
    file = folder / "own.py"
    return subjects.load(SubjectSettings(network=f"{file}:build")).weights.digest


def test_changes_anywhere_are_seen_and_comments_are_not(tmp_path):
    (tmp_path / "own.py").write_text(FILE)
    (tmp_path / "settings.py").write_text(SETTINGS)
    digests = [digest_of(tmp_path)]
    (tmp_path / "own.py").write_text(f"# a comment\n{FILE}")
    assert digest_of(tmp_path) == digests[0]
    for old, new in CHANGES.items():
        assert old in SETTINGS
        (tmp_path / "settings.py").write_text(SETTINGS.replace(old, new))
        digests.append(digest_of(tmp_path))
    (tmp_path / "settings.py").write_text(SETTINGS)
    (tmp_path / "own.py").write_text(FILE.replace("2.0", "2.5"))
    digests.append(digest_of(tmp_path))
    assert len(set(digests)) == len(CHANGES) + 2


@pytest.mark.slow
def test_two_processes_agree(tmp_path):
    (tmp_path / "own.py").write_text(FILE)
    (tmp_path / "settings.py").write_text(SETTINGS)
    asked = (
        "from jaxdissect.runs import subjects; from jaxdissect.experiments import *; "
        f"print(subjects.load(SubjectSettings(network='{tmp_path / 'own.py'}:build'))"
        ".weights.digest)"
    )
    done = subprocess.run(
        [sys.executable, "-c", asked],
        env={**os.environ, "PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == digest_of(tmp_path)


@pytest.mark.slow
def test_random_weights_of_another_network_are_others(tmp_path):
    (tmp_path / "own.py").write_text(FILE)
    digests = []
    for settings in (SETTINGS, SETTINGS.replace("jax.nn.relu", "jax.nn.silu")):
        (tmp_path / "settings.py").write_text(settings)
        found = subjects.load(SubjectSettings(network=f"{tmp_path / 'own.py'}:build"))
        digests.append(model.with_random_weights(found, 0).weights.digest)
    assert digests[0] != digests[1]


@pytest.mark.slow
def test_preparing_images_otherwise_makes_another_network(tmp_path):
    network = networks.alexnet(3, width=1 / 16, batch_norm=False)
    params = networks.init(jax.random.key(0), network, (64, 64, 3))
    file = tmp_path / "theirs.safetensors"
    checkpoints.export_torchvision(file, "alexnet", network, params)
    mean, std = (0.1, 0.2, 0.3), (0.2, 0.2, 0.2)
    given = [
        PreprocessingSettings(64, mean, std),
        PreprocessingSettings(64, mean[::-1], std),
        PreprocessingSettings(96, mean, std),
        PreprocessingSettings(64, mean, std, "bgr"),
    ]
    digests = [model.foreign(file, each).weights.digest for each in given]
    assert len(set(digests)) == 4
    assert digests[0] == model.foreign(file, given[0]).weights.digest
