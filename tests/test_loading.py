"""Networks from elsewhere are asked by the same commands, with the same answers."""

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import pytest
from conftest import TINY, fails

from jaxdissect import checkpoints, model, networks, weights
from jaxdissect.cli import main
from jaxdissect.errors import BadInput
from jaxdissect.experiments.train import planning
from jaxdissect.experiments.train.settings import TrainSettings
from jaxdissect.networks import architectures
from jaxdissect.runs import subjects
from jaxdissect.settings import PreprocessingSettings, SubjectSettings

OWN = """
from functools import partial
import jax
import numpy as np
from jaxdissect import networks
from jaxdissect.networks import layers

def build(weights=None):
    network = networks.lenet(3, maps=(2, 2, 4))
    network = (layers.grey_stage(), *network)
    init = partial(networks.init, network=network, image_shape=(36, 36, 3))
    shapes = jax.eval_shape(init, jax.random.key(0))
    drawn = np.random.default_rng(0)
    draw = lambda leaf: drawn.normal(0, 0.2, leaf.shape).astype(np.float32)
    params = jax.tree.map(draw, shapes)
    return networks.Classifier(network, params, 36, ("a", "b", "c"))

def nothing():
    return 3

def failing():
    raise KeyError("conv9")

def nameless():
    return build()._replace(classes=())

def misnamed():
    return build()._replace(classes=("a",))

def too_small():
    return build()._replace(image_size=4)
"""


@pytest.fixture
def own(tmp_path):
    """A file of the user's."""
    (tmp_path / "own.py").write_text(OWN)
    return tmp_path / "own.py"


@pytest.fixture(scope="session")
def exported(trained, tmp_path_factory):
    """The trained network as others would publish it, with names of torchvision."""
    folder = tmp_path_factory.mktemp("exported")
    found = model.load_trained(trained / "weights.safetensors")
    config = architectures.network_config(found.weights.metadata)
    checkpoints.export_torchvision(
        folder / "theirs.safetensors",
        config.architecture,
        found.network,
        found.weights.params,
    )
    classes = "\n".join(found.classes)
    (folder / "classes.txt").write_text(classes)
    return folder


def settings(folder, trained):
    """Command-line settings that say how its images were prepared."""
    described = architectures.network_config(
        weights.load(trained / "weights.safetensors").metadata
    )
    return [
        *("--weights", str(folder / "theirs.safetensors")),
        *("--preprocessing.size", "48"),
        *("--preprocessing.mean", *map(str, described.mean)),
        *("--preprocessing.std", *map(str, described.std)),
        *("--preprocessing.classes", str(folder / "classes.txt")),
    ]


@pytest.mark.slow
def test_an_exported_network_is_the_same_network(trained, exported):
    ours = model.load_trained(trained / "weights.safetensors")
    described = architectures.network_config(ours.weights.metadata)
    theirs = subjects.load(
        SubjectSettings(
            exported / "theirs.safetensors",
            None,
            PreprocessingSettings(
                48, described.mean, described.std, classes=exported / "classes.txt"
            ),
        )
    )
    jax.tree.map(
        np.testing.assert_array_equal, theirs.weights.params, ours.weights.params
    )
    assert (theirs.classes, theirs.image_size) == (ours.classes, ours.image_size)
    assert theirs.facts == ours.facts


@pytest.mark.slow
def test_a_foreign_checkpoint_is_dissected_as_the_original(
    trained, exported, tmp_path, capsys
):
    dissect = ["dissect", "--num-images", "20", "--num-draws", "0"]
    main(
        [
            *dissect,
            *("--weights", str(trained / "weights.safetensors")),
            *("--out", str(tmp_path / "ours")),
        ]
    )
    main([*dissect, *settings(exported, trained), "--out", str(tmp_path / "theirs")])
    assert "48 x 48 RGB images in [0, 1]" in capsys.readouterr().out
    tables = [
        list(csv.reader((tmp_path / name / "units.csv").open()))
        for name in ("ours", "theirs")
    ]
    assert tables[0] == tables[1]
    said = json.loads((tmp_path / "theirs" / "summary.json").read_text())["facts"]
    assert said["input"].startswith("48 x 48 RGB images")
    recorded = json.loads((tmp_path / "theirs" / "run.json").read_text())["config"]
    assert recorded["preprocessing"]["size"] == 48


@pytest.mark.slow
def test_bgr_is_turned_into_rgb(exported):
    path = exported / "theirs.safetensors"
    mean, std = (0.1, 0.2, 0.3), (0.4, 0.5, 0.6)
    rgb = checkpoints.load_checkpoint(path, mean=mean, std=std)
    bgr = checkpoints.load_checkpoint(path, mean=mean, std=std, channels="bgr")
    images = jax.random.uniform(jax.random.key(0), (2, 48, 48, 3))
    want = networks.apply(rgb.network, rgb.params, images)
    got = networks.apply(bgr.network, bgr.params, images[..., ::-1])
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_a_network_of_ones_own(own):
    loaded = subjects.load(SubjectSettings(network=f"{own}:build"))
    assert (loaded.classes, loaded.image_size) == (("a", "b", "c"), 36)
    assert model.usual_layers(loaded) == ("conv1", "conv2", "conv3")
    numbered = subjects.load(SubjectSettings(network=f"{own}:nameless"))
    assert numbered.classes == ("class 0", "class 1", "class 2")
    assert numbered.weights.digest == loaded.weights.digest
    own.write_text(OWN + "\n# a comment changes nothing\n")
    same = subjects.load(SubjectSettings(network=f"{own}:build"))
    assert same.weights.digest == loaded.weights.digest
    own.write_text(OWN.replace("default_rng(0)", "default_rng(1)"))
    changed = subjects.load(SubjectSettings(network=f"{own}:build"))
    assert changed.weights.digest != loaded.weights.digest


def test_tokens_that_lie_nowhere_are_not_dissected(own, capsys):
    own.write_text(
        OWN
        + """
import jax.numpy as jnp
from jaxdissect import adapters

def tokens():
    patches = lambda v, x: x[:, ::12, ::12].reshape((len(x), 9, 3))
    with_class = lambda v, x: jnp.pad(x, ((0, 0), (1, 0), (0, 0)))
    functions = {"patches": patches, "tokens": with_class}
    functions["logits"] = lambda v, x: x[:, 0]
    network, params = adapters.chain(functions, {}, jnp.ones((1, 36, 36, 3)))
    return networks.Classifier(network, params, 36)
"""
    )
    tokens = ["dissect", "--network", f"{own}:tokens", "--layers"]
    said = fails(capsys, *tokens, "tokens")
    assert "'tokens', a row of 10 positions" in said
    loaded = subjects.load(SubjectSettings(network=f"{own}:tokens"))
    assert model.usual_layers(loaded) == ("patches",)


def test_the_function_gets_the_weights(own):
    subjects.load(SubjectSettings(Path("some/folder"), f"{own}:build"))
    with pytest.raises(BadInput, match="`weights` is some/folder, which does not suit"):
        subjects.load(SubjectSettings(Path("some/folder"), f"{own}:nothing"))


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("nothing", "returns a int; it must return a `jaxdissect.networks.Classifier`"),
        ("failing", "failing fails with KeyError: 'conv9'"),
        ("absent", "has no function absent"),
        ("misnamed", "names 1 classes, but gives 3"),
        ("too_small", "fails on images of 4 pixels"),
    ],
)
def test_functions_that_give_no_network(own, function, message):
    with pytest.raises(BadInput) as refused:
        subjects.load(SubjectSettings(network=f"{own}:{function}"))
    assert message in str(refused.value) and "\n" not in str(refused.value)


def test_files_that_are_none(own, tmp_path, capsys):
    said = fails(capsys, "dissect", "--network", str(own))
    assert "must be path/to/file.py:function" in said
    said = fails(capsys, "dissect", "--network", f"{tmp_path / 'no.py'}:build")
    assert "there is no file" in said
    own.write_text("import no_such_module\n")
    said = fails(capsys, "ablate", "--network", f"{own}:build")
    assert "fails with ModuleNotFoundError: No module named 'no_such_module'" in said


def test_preprocessing_is_refused_where_it_is_known(own, trained, capsys):
    given = ["--preprocessing.size", "32"]
    said = fails(capsys, "dissect", *given)
    assert "`preprocessing` is given, but files of `train` say" in said
    said = fails(capsys, "dissect", "--network", f"{own}:build", *given)
    assert "a network of your own does it itself" in said
    said = fails(capsys, "train", *given)
    assert "there are no `weights` it could be of" in said


@pytest.mark.slow
def test_names_of_classes_must_be_as_many_as_there_are(exported, trained, capsys):
    (exported / "two.txt").write_text("a\nb\n")
    said = fails(
        capsys,
        "dissect",
        *settings(exported, trained)[:-1],
        str(exported / "two.txt"),
    )
    assert "has 2 names of classes, not 14" in said


def start_of(config, num_classes):
    begun = planning.started(config)
    network = architectures.build_network(begun.settings.network, num_classes)
    return begun, planning.start_params(begun, network, 48)


@pytest.mark.slow
def test_a_training_starts_from_weights(trained, capsys):
    file = trained / "weights.safetensors"
    config = TrainSettings(weights=file)
    begun, params = start_of(config, 14)
    assert begun.settings.network == architectures.network_config(
        weights.load(file).metadata
    )
    assert weights.digest(params) == weights.load(file).digest
    _, params = start_of(config, 5)
    assert "fc7 starts at random" in capsys.readouterr().out
    assert weights.load(file).params.keys() - params.keys() == {"fc7"}
    other = replace(begun.settings.network, width=0.5)
    with pytest.raises(BadInput, match="`network` is given as well as `weights`"):
        planning.started(replace(config, network=other))


@pytest.mark.slow
def test_a_step_from_weights_is_a_step_from_weights(trained, tmp_path):
    out = tmp_path / "tuned"
    main(
        [
            "train",
            *TINY[4:],
            *("--weights", str(trained / "weights.safetensors")),
            *(
                "--schedule",
                "48",
                "1",
                "--optim.lr",
                "1e-9",
                "--optim.weight-decay",
                "0",
            ),
            *("--out", str(out)),
        ]
    )
    before, after = (
        weights.load(folder / "weights.safetensors").params for folder in (trained, out)
    )
    np.testing.assert_allclose(
        after["fc7"]["params"]["kernel"],
        before["fc7"]["params"]["kernel"],
        atol=1e-6,
    )
    assert "start" in json.loads((out / "run.json").read_text())
    shutil.rmtree(out)
