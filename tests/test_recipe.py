"""The recipe of docs/own_network.md for a network of PyTorch that nobody knows."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import ROOT
from reference import numpy_networks, state_dicts
from reference.torch_files import save_archive

from jaxdissect import model, networks
from jaxdissect.checkpoints.naming import RECIPE
from jaxdissect.runs import subjects
from jaxdissect.settings import SubjectSettings

PAGE = (ROOT / "docs" / "own_network.md").read_text(encoding="utf-8")
SHAPES = {
    "conv1.weight": (16, 3, 5, 5),
    "conv2.weight": (32, 8, 3, 3),
    "conv2.bias": (32,),
    "squeeze.weight": (8, 32),
    "squeeze.bias": (8,),
    "excite.weight": (32, 8),
    "excite.bias": (32,),
    "fc.weight": (10, 32 * 8 * 8),
    "fc.bias": (10,),
}


def block(beginning):
    """The code of the page that begins with a comment."""
    (found,) = re.findall(rf"```python\n{re.escape(beginning)}\n(.*?)```", PAGE, re.S)
    return found


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def plain_numpy(state, x):
    """The network as its `forward` says, [B U H W]."""
    x = numpy_networks.convolve(state, "conv1", x, stride=2, padding=2)
    x = numpy_networks.relu(numpy_networks.normalize(state, "bn1", x))
    found = {"conv1": x}
    x = numpy_networks.max_pool(x, 3, 2, padding=1)
    x = numpy_networks.convolve(state, "conv2", x, padding=1, groups=2)
    x = found["conv2"] = numpy_networks.relu(x)
    s = x.mean((2, 3)) @ state["squeeze.weight"].T + state["squeeze.bias"]
    s = numpy_networks.relu(s) @ state["excite.weight"].T + state["excite.bias"]
    x = found["excited"] = x * sigmoid(s)[:, :, None, None]
    x = numpy_networks.average(x, 8).reshape(len(x), -1)
    return found | {"logits": x @ state["fc.weight"].T + state["fc.bias"]}


@pytest.fixture(scope="module")
def tried(tmp_path_factory):
    """The page's file and a checkpoint beside it, loaded as `--network` does."""
    folder = tmp_path_factory.mktemp("recipe")
    shapes = {**SHAPES}
    state_dicts.add_norm(shapes, "bn1", 16)
    state = state_dicts.made_up(shapes)
    save_archive(
        {"net": {f"module.{n}": a for n, a in state.items()}}, folder / "a.pth"
    )
    (folder / "torch_net.py").write_text(block("# torch_net.py"))
    given = SubjectSettings(folder / "a.pth", f"{folder / 'torch_net.py'}:build")
    return state, subjects.load(given), folder


def images():
    rng = np.random.default_rng(0)
    return rng.random((2, 64, 64, 3)).astype(np.float32)


def normalized():
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    return np.moveaxis((images().astype(np.float64) - mean) / std, -1, 1)


def test_every_layer_equals_plain_numpy(tried):
    state, loaded, _ = tried
    want = plain_numpy(state, normalized())
    tapped = networks.taps(loaded.network, tuple(want))
    got = jax.jit(tapped)(loaded.weights.params, jnp.asarray(images()))
    for layer, acts in got.items():
        expected = want[layer]
        if expected.ndim == 4:
            expected = np.moveaxis(expected, 1, -1)
        scale = abs(expected).max()
        assert np.ptp(expected, axis=0).max() > 0.01 * scale > 1e-6, layer
        assert abs(acts - expected).max() <= 3e-5 * scale, layer
    assert model.usual_layers(loaded) == ("conv1", "conv2", "excited")


def test_pytorch_agrees(tried):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    state, loaded, _ = tried
    names = {"nn": torch.nn, "F": torch.nn.functional, "torch": torch}
    exec(block("# torch"), names)
    model = names["TorchNet"]().eval()
    model.load_state_dict({name: torch.tensor(a) for name, a in state.items()})
    with torch.inference_mode():
        want = model(torch.tensor(normalized(), dtype=torch.float32)).numpy()
    got = networks.apply(loaded.network, loaded.weights.params, images())
    assert abs(got - want).max() <= 3e-5 * abs(want).max()


def test_the_refusal_leads_here():
    assert RECIPE.startswith("docs/own_network.md ")
    assert "## A network of PyTorch that is not known" in PAGE
