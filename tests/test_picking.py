"""Models with several outputs, and those without logits."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from flax import nnx

from jaxdissect import adapters, model, networks
from jaxdissect.cli import main
from jaxdissect.errors import BadInput
from jaxdissect.runs import subjects
from jaxdissect.settings import SubjectSettings

IMAGES = jnp.asarray(np.random.default_rng(0).random((2, 8, 8, 3)), jnp.float32)


class Pair(nnx.Module):
    def __init__(self, rngs):
        self.conv = nnx.Conv(3, 4, (3, 3), rngs=rngs)
        self.head = nnx.Linear(4, 5, rngs=rngs)

    def __call__(self, x):
        maps = nnx.relu(self.conv(x))
        return maps, {"answers": self.head(maps.mean((1, 2)))}


class Two(nn.Module):
    kind: str = "dict"

    @nn.compact
    def __call__(self, x):
        maps = nn.relu(nn.Conv(4, (3, 3))(x))
        z = nn.Dense(5)(maps.mean((1, 2)))
        return {
            "dict": {"maps": maps, "logits": z},
            "tuple": (maps, z),
            "deep": {"all": [maps, {"of": z}]},
            "maps": maps,
            "tokens": maps.reshape((len(x), 64, 4)),
            "between": 2 * maps,
            "loss": z.mean(),
            "labels": z.argmax(-1),
            "nothing": {},
        }[self.kind]


def made(kind, **more):
    variables = Two(kind).init(jax.random.key(0), IMAGES)
    network, params = adapters.linen_network(Two(kind), variables, IMAGES, **more)
    return network, params, Two("dict").apply(variables, IMAGES)


@pytest.mark.parametrize(
    ("kind", "outputs"),
    [
        ("dict", "logits"),
        ("dict", 0),
        ("tuple", 1),
        ("tuple", "1"),
        ("deep", 1),
        ("deep", "all.1.of"),
    ],
)
def test_one_of_several_outputs_is_picked(kind, outputs):
    network, params, want = made(kind, outputs=outputs)
    assert network[-1].name == "logits"
    got = networks.apply(network, params, IMAGES)
    np.testing.assert_allclose(got, want["logits"], rtol=1e-5, atol=1e-6)
    assert networks.apply(network, params, IMAGES[:1]).shape == (1, 5)


def test_outputs_of_nnx_models_and_chains():
    network, params = adapters.nnx_network(
        Pair(nnx.Rngs(0)), IMAGES, outputs="1.answers"
    )
    assert networks.apply(network, params, IMAGES).shape == (2, 5)
    last = lambda v, x: {"maps": x, "logits": x.mean((1, 2))}  # noqa: E731
    network, params = adapters.chain({"logits": last}, {}, IMAGES, outputs="logits")
    want = IMAGES.mean((1, 2))
    np.testing.assert_array_equal(networks.apply(network, params, IMAGES), want)
    with pytest.raises(
        BadInput, match=r"'logits' returns 2 arrays, logits of shape \["
    ):
        adapters.chain({"logits": last}, {}, IMAGES)


REFUSED = {
    ("dict", None): r"2 arrays, logits of shape \[2, 5\] and maps of shape \[2, 8, 8, "
    r"4\]; `outputs` picks one, such as outputs='logits'",
    ("tuple", None): r"2 arrays, 0 of shape .* such as outputs=0",
    ("deep", None): r"all.0 of shape .* and all.1.of of shape",
    ("dict", "logit"): r"`outputs` is 'logit', but the model returns 2 arrays, logits",
    ("tuple", 2): r"`outputs` is 2, but the model returns 2 arrays",
    ("tuple", -1): r"`outputs` is -1, but",
    ("maps", "logits"): r"`outputs` is 'logits', but the model returns one array of",
    ("nothing", None): r"the model returns no array; `outputs` picks one",
    ("nothing", "logits"): r"`outputs` is 'logits', but the model returns no array",
}


@pytest.mark.parametrize(("kind", "outputs"), list(REFUSED))
def test_messages_name_keys_and_shapes(kind, outputs):
    with pytest.raises(BadInput, match=REFUSED[kind, outputs]):
        made(kind, outputs=outputs)


LAST = {
    "maps": "Conv_0.relu",
    "tokens": "outputs",
    "between": "outputs",
    "loss": "Dense_0",
    "labels": "Dense_0",
}


@pytest.mark.parametrize("kind", list(LAST))
def test_a_trunk_alone_is_a_table_without_logits(kind):
    network, params, want = made(kind)
    assert network[-1].name == LAST[kind]
    maps = networks.taps(network, ("Conv_0.relu",))(params, IMAGES)["Conv_0.relu"]
    np.testing.assert_allclose(maps, want["maps"], rtol=1e-5, atol=1e-6)
    if LAST[kind] == "outputs":
        factor = 2 if kind == "between" else 1
        got = networks.apply(network, params, IMAGES)
        np.testing.assert_allclose(got, factor * want["maps"], rtol=1e-5, atol=1e-6)


def test_cuts_are_those_of_the_output_that_is_picked():
    layers = adapters.list_layers(Two("dict"), IMAGES, outputs="maps")
    cuts = {layer.path: layer.cut for layer in layers}
    assert cuts == {"Conv_0": True, "Conv_0.relu": True, "Dense_0": False}
    both = adapters.list_layers(Two("dict"), IMAGES)
    assert [layer.path for layer in both if layer.cut] == ["Conv_0", "Conv_0.relu"]


TRUNK = """
import jax.numpy as jnp
from flax import linen as nn
from jaxdissect import adapters, networks

def build():
    cells = lambda v, x: nn.avg_pool(x, (4, 4), (4, 4))
    network, params = adapters.chain({"cells": cells}, {}, jnp.zeros((1, 56, 56, 3)))
    return networks.Classifier(network, params, 56)
"""


@pytest.mark.slow
def test_commands_that_need_logits_refuse_a_trunk_alone(tmp_path, capsys):
    file = tmp_path / "trunk.py"
    file.write_text(TRUNK)
    found = subjects.load(SubjectSettings(network=f"{file}:build"))
    assert found.classes == () and model.usual_layers(found) == ("cells",)
    ablating = ("ablate_conv5_3", "scale_conv5_3", "agreement_conv5_3")
    asking = ("gradients_scenes", "explain", "attack_scenes")
    for name in (*ablating, *asking):
        command = "ablate" if name in ablating else "dissect"
        config = Path(__file__).parents[1] / "configs" / f"{name}.py"
        with pytest.raises(SystemExit) as ended:
            main([command, str(config), "--network", f"{file}:build"])
        said = capsys.readouterr().err
        assert ended.value.code == 2 and "gives no logits: its last stage" in said
        assert said.count("\n") == 1


@pytest.mark.slow
def test_a_trunk_alone_is_dissected(tmp_path, capsys):
    (tmp_path / "trunk.py").write_text(TRUNK)
    settings = ["--network", f"{tmp_path / 'trunk.py'}:build", "--layers", "all"]
    few = ["--num-images", "20", "--num-draws", "0"]
    main(["dissect", *settings, *few, "--out", str(tmp_path / "out")])
    assert (tmp_path / "out" / "report.html").is_file()
