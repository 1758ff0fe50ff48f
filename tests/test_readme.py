"""The README's example runs as printed."""

import re
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import compiling_quickly, make_example
from fuzzing import world
from PIL import Image

from jaxdissect import checkpoints

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


@pytest.fixture(scope="module", autouse=True)
def that_examples_run_is_tested_not_their_speed():
    with compiling_quickly():
        yield


def test_the_library_example_runs():
    _, example = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    names: dict = {}
    exec(compile(example, "README.md", "exec"), names)
    assert names["effects"].lost.shape == (128, 14)
    assert names["found"]["conv5_3"].iou.shape == (128, len(names["scenes"].CONCEPTS))


def test_the_notebook_s_example_runs(tmp_path, monkeypatch, capfd):
    """As printed, on the smallest VGG-16 and a few pictures."""
    example, _ = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    lines = [line for line in example.splitlines() if line.strip()]
    assert len(lines) <= 12
    monkeypatch.chdir(tmp_path)
    network, params, _ = make_example("vgg16")
    file = tmp_path / "vgg16.safetensors"
    checkpoints.export_torchvision(file, "vgg16", network, params)
    Path("classes.txt").write_text("barn\nbus\ncow\ndog\nelm\n")
    world.segmented(tmp_path / "photos")
    for number, name in enumerate(("barn", "bus")):
        for k in range(8):
            path = tmp_path / "classes" / name / f"{k}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = np.random.default_rng([number, k]).integers(0, 255, (64, 64, 3))
            Image.fromarray(pixels.astype(np.uint8)).save(path)
    example = example.replace("vgg16.pth", "vgg16.safetensors")
    example = example.replace('classes="classes.txt"', 'classes="classes.txt", size=64')
    names: dict = {}
    exec(compile(example, "README.md", "exec"), names)
    assert len(names["units"]["unit"]) == 32
    assert "unit " in capfd.readouterr().out
    assert Path("runs/mine/conv5_3/report.html").exists()


def test_the_training_example_runs():
    text = (ROOT / "docs" / "training.md").read_text()
    (example,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    network, params, _ = make_example("vgg16_cifar")
    names = {
        "jax": jax,
        "key": jax.random.key(0),
        "network": network,
        "params": params,
        "images": jnp.full((2, 32, 32, 3), 0.5),
        "targets": jnp.array([0, 1]),
    }
    exec(compile(example, "training.md", "exec"), names)
    assert set(names["metrics"].terms) == {"cross_entropy", "input_gradient"}
    assert int(names["state"].step) == 1


def test_the_dissection_examples_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "docs" / "dissection.md").read_text()
    notebook, example = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    names: dict = {}
    exec(compile(example, "dissection.md", "exec"), names)
    assert names["found"]["conv"].iou.shape == (3, 2)
    assert "scenes(1200)" in notebook
    few = notebook.replace("scenes(1200)", "scenes(28)")
    exec(compile(few, "dissection.md", "exec"), names)
    assert len(names["found"]["conv5_3"].table()["unit"]) == 128
    assert (tmp_path / "runs" / "mine" / "report.html").is_file()


def test_the_gradients_example_runs():
    text = (ROOT / "docs" / "gradients.md").read_text()
    (example,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    names: dict = {}
    exec(compile(example, "gradients.md", "exec"), names)
    assert names["every_class"].shape == (14, 2, 128)
    assert names["asked"]["conv4_3"].shape == (2, 14, 14, 128)
    ask, whole = names["gradients"].prediction_gradient, names["whole"]
    asked = jax.eval_shape(
        lambda x: ask(whole, names["params"], x, jnp.array([7, 9])), names["images"]
    )
    assert asked.shape == (2, 112, 112, 3)


@pytest.mark.parametrize(
    "file", [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))], ids=str
)
def test_every_file_a_page_links_to_is_there(file):
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", file.read_text()):
        assert "://" in target or (file.parent / target).exists(), target
