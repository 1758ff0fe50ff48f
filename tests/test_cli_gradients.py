"""`dissect` with a GradientsSettings: tables against plain gradients, and mistakes."""

import csv

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import QUICKLY, fails

from jaxdissect import model, networks
from jaxdissect.cli import main
from jaxdissect.data import generated
from jaxdissect.data import scene_rendering as scenes
from jaxdissect.runs import datasets
from jaxdissect.settings import DataSettings

LAYERS = ("conv5_2", "conv5_3")
FEW = [
    *("--data.num-train", "28", "--data.num-test", "28", "--layers", *LAYERS),
    *("--removed", "6", "--random-draws", "2", "--num-pushed", "28"),
    *("--steps", "0.1", "2.0", "--batch-size", "14", "--num-shown", "1"),
]


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    file = tmp_path_factory.mktemp("gradients") / "config.py"
    file.write_text(
        "from jaxdissect.experiments import GradientsSettings\n"
        "config = GradientsSettings()"
    )
    return str(file)


@pytest.fixture(scope="module")
def asked(config, trained):
    out = trained.parent / "gradients"
    weights = str(trained / "weights.safetensors")
    main(["dissect", config, "--weights", weights, *FEW, "--out", str(out)])
    return out


def rows_of(file):
    return list(csv.DictReader(file.open()))


@pytest.fixture(scope="module")
def loaded(trained):
    return model.load_trained(trained / "weights.safetensors")


@pytest.mark.slow
def test_scores_are_norms_of_mean_gradients_of_the_ranking_images(asked, loaded):
    source = datasets.open_source(DataSettings(num_train=28, num_test=28), (48,))
    images, targets = source.at(48)[0].read(np.arange(28))
    layer, k = "conv5_3", 3
    trunk, tail = networks.split(loaded.network, layer)
    params = loaded.weights.params
    acts = jax.jit(trunk, compiler_options=QUICKLY)(
        params, jnp.asarray(images[targets == k] / np.float32(255))
    )

    def probability(a):
        return jax.nn.softmax(tail(params, a[None]))[0, k]

    gradient = jax.jit(jax.grad(probability), compiler_options=QUICKLY)
    mean = np.mean([gradient(a) for a in acts], 0)
    expected = np.sqrt((mean**2).sum((0, 1)))
    name = loaded.classes[k]
    rows = [r for r in rows_of(asked / "scores.csv") if r["class"] == name]
    assert [int(r["rank"]) for r in rows] == list(range(1, 65))
    scores = {int(r["unit"]): float(r["score"]) for r in rows if r["layer"] == layer}
    np.testing.assert_allclose(
        [scores[u] for u in range(32)], expected, rtol=1e-3, atol=1e-9
    )
    in_order = [float(r["score"]) for r in rows]
    assert in_order == sorted(in_order, reverse=True)


@pytest.mark.slow
def test_knocked_out_errors_are_those_of_the_network_without_the_units(asked, loaded):
    rows = rows_of(asked / "knockouts.csv")
    assert len(rows) == 14 * 3 * 7
    k, name = 5, loaded.classes[5]
    ranked = [r for r in rows_of(asked / "scores.csv") if r["class"] == name][:4]
    indices = generated.split_indices("test", 28)
    drawn = scenes.render(0, indices, size=48)
    keeps = {layer: np.ones(32, np.float32) for layer in LAYERS}
    for row in ranked:
        keeps[row["layer"]][int(row["unit"])] = 0
    without = networks.without_units(loaded.network, LAYERS)
    outputs = jax.jit(without, compiler_options=QUICKLY)(
        loaded.weights.params, drawn.images / np.float32(255), keeps
    )
    wrong = np.asarray(outputs.argmax(-1) != drawn.targets)
    (row,) = (
        r
        for r in rows
        if (r["class"], r["order"], r["removed"]) == (name, "strongest first", "4")
    )
    assert float(row["overall_error"]) == pytest.approx(wrong.mean())
    own = wrong[np.asarray(drawn.targets) == k]
    assert float(row["class_error"]) == pytest.approx(own.mean())


@pytest.mark.slow
def test_all_orders_begin_with_the_whole_network(asked):
    begin = [r for r in rows_of(asked / "knockouts.csv") if r["removed"] == "0"]
    by_class = {}
    for row in begin:
        by_class.setdefault(row["class"], set()).add(row["class_error"])
    assert all(len(errors) == 1 for errors in by_class.values())
    assert len({row["overall_error"] for row in begin}) == 1


@pytest.mark.slow
def test_reaching_a_class_is_an_error_and_small_steps_raise_it_more_often(asked):
    rows = rows_of(asked / "steps.csv")
    for small, large in zip(rows[::2], rows[1::2], strict=True):
        assert small["target"] == large["target"]
        assert (small["step"], large["step"]) == ("0.1", "2.0")
        for row in (small, large):
            assert row["images"] == "26"
            assert float(row["success"]) <= float(row["any_error"])
        assert float(small["risen"]) > float(large["risen"])


@pytest.mark.slow
def test_pictures_and_words_are_there(asked):
    pictures = ("knockouts", "knockouts_by_class", "steps", "scores", "activations")
    for name in (*pictures, "features", "strips"):
        assert (asked / f"{name}.png").read_bytes()[:4] == b"\x89PNG"
    text = (asked / "results.md").read_text()
    assert "area between strongest and weakest first" in text and "nan" not in text


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (["--layers", "conv9"], "`layer` is 'conv9'"),
        (["--layers", "fc6", "fc6"], "without repeats"),
        (["--layers", "logits"], "has no units"),
        (["--layers", "conv5_3", "--removed", "33"], "`removed` is 33"),
        (["--removed", "0"], "`removed` is 0"),
        (["--steps", "2", "1"], "sizes must increase"),
        (["--steps", "-1", "1"], "`steps[0]` is -1.0"),
        (["--data.name", "squares"], "2 classes"),
    ],
)
def test_mistakes_are_one_sentence(capsys, config, trained, tmp_path, settings, words):
    weights = ["--weights", str(trained / "weights.safetensors")]
    out = tmp_path / "out"
    said = fails(capsys, "dissect", config, *weights, *settings, "--out", str(out))
    assert words in said and said.count("\n") == 1
    assert not out.exists()
