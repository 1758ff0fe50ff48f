"""Checkpoints as people have them, asked by the commands: what is assumed is said."""

import csv
import json

import jax
import numpy as np
import pytest
from conftest import fails
from reference import state_dicts
from reference.torch_files import save_archive, save_stream

from jaxdissect import model, networks, weights
from jaxdissect.checkpoints import load_checkpoint
from jaxdissect.cli import main
from jaxdissect.errors import BadInput
from jaxdissect.runs import subjects
from jaxdissect.settings import PreprocessingSettings, SubjectSettings

FEW = ["--num-images", "14", "--batch-size", "14", "--num-draws", "0"]


@pytest.fixture(scope="module")
def resnet(tmp_path_factory):
    """As a training script of CIFAR-10 leaves it."""
    file = tmp_path_factory.mktemp("th") / "resnet8.th"
    arrays = state_dicts.made_up(state_dicts.cifar_resnet_shapes(10, depth=8))
    wrapped = {f"module.{name}": array for name, array in arrays.items()}
    save_stream({"state_dict": wrapped, "best_prec1": 91.7}, file)
    return file


@pytest.mark.slow
def test_a_th_file_is_dissected_and_what_is_assumed_is_said(resnet, tmp_path, capsys):
    main(
        [
            *("dissect", "--weights", str(resnet), "--layers", "layer3.0", *FEW),
            *("--out", str(tmp_path / "out")),
        ]
    )
    said = capsys.readouterr().out
    assert "resnet8 for 32 x 32 RGB images in [0, 1], minus (0.485, 0.456" in said
    assumed = (
        "`preprocessing.size`, `preprocessing.mean`, `preprocessing.std` as is usual "
        "for such networks; a 3 x 3 stem of stride 1 without max pooling; shortcuts "
        "that add units of zeros on both sides"
    )
    assert f"assumed: {assumed}" in said
    facts = json.loads((tmp_path / "out" / "summary.json").read_text())["facts"]
    assert facts["assumed"] == assumed
    assert len(list(csv.DictReader((tmp_path / "out" / "units.csv").open()))) == 16


def test_what_is_given_is_not_assumed(resnet):
    given = PreprocessingSettings(40, (0.5,) * 3, (0.2,) * 3)
    loaded = subjects.load(SubjectSettings(resnet, None, given))
    assert loaded.image_size == 40
    assert loaded.facts["input"] == (
        "40 x 40 RGB images in [0, 1], minus (0.5, 0.5, 0.5), over (0.2, 0.2, 0.2)"
    )
    assert loaded.facts["assumed"].startswith("a 3 x 3 stem")


@pytest.fixture(scope="module")
def grey(tmp_path_factory):
    file = tmp_path_factory.mktemp("grey") / "grey.pth"
    shapes = state_dicts.cifar_resnet_shapes(4, depth=8) | {
        "conv1.weight": (4, 1, 3, 3)
    }
    save_archive({"model": state_dicts.made_up(shapes)}, file)
    return file


@pytest.mark.slow
def test_a_grey_network_sees_the_luminance(grey, capsys):
    said = fails(capsys, "dissect", "--weights", str(grey))
    assert "takes images of 1 channel, for which no `mean` is usual" in said
    given = PreprocessingSettings(mean=(0.13,), std=(0.31,))
    loaded = subjects.load(SubjectSettings(grey, None, given))
    assert loaded.facts["input"] == (
        "32 x 32 RGB images in [0, 1], made grey (0.299 R + 0.587 G + 0.114 B), minus "
        "(0.13), over (0.31)"
    )
    images = np.random.default_rng(0).random((2, 32, 32, 3)).astype(np.float32)
    plain = load_checkpoint(grey, mean=(0.13,), std=(0.31,))
    luminance = images @ np.float32([[0.299], [0.587], [0.114]])
    want = networks.apply(plain.network[1:], plain.params, luminance)
    got = networks.apply(loaded.network, loaded.weights.params, images)
    assert abs(got - want).max() <= 1e-5 * abs(want).max()
    # Nothing but luminance: what has the same is the same.
    same = np.repeat(luminance, 3, axis=-1)
    again = networks.apply(loaded.network, loaded.weights.params, same)
    assert abs(got - again).max() <= 1e-5 * abs(want).max()
    fresh = model.with_random_weights(loaded, 1).weights.params
    assert jax.tree.structure(fresh) == jax.tree.structure(loaded.weights.params)


@pytest.mark.slow
def test_four_channels_are_for_the_library_only(tmp_path, capsys):
    file = tmp_path / "rgbd.pth"
    shapes = state_dicts.resnet_shapes(4, depth=18, channels=4)
    save_archive(state_dicts.made_up(shapes), file)
    said = fails(capsys, "dissect", "--weights", str(file))
    assert (
        "resnet18 for images of 4 channels; the commands have images of three" in said
    )
    loaded = load_checkpoint(file, mean=(0.0,) * 4, std=(1.0,) * 4)
    images = np.ones((1, 32, 32, 4), np.float32)
    assert networks.apply(loaded.network, loaded.params, images).shape == (1, 4)


@pytest.mark.slow
def test_one_network_of_several_is_chosen(resnet, tmp_path, capsys):
    first, second = (
        state_dicts.made_up(state_dicts.cifar_resnet_shapes(10, depth=8), seed=seed)
        for seed in (1, 2)
    )
    save_archive({"model": first, "ema": second}, tmp_path / "a.ckpt")
    said = fails(capsys, "dissect", "--weights", str(tmp_path / "a.ckpt"))
    assert "holds several state dictionaries, model, ema; `part` says which" in said
    given = PreprocessingSettings(part="ema")
    loaded = subjects.load(SubjectSettings(tmp_path / "a.ckpt", None, given))
    np.testing.assert_array_equal(
        loaded.weights.params["fc"]["params"]["kernel"][0, 0].T,
        second["linear.weight"],
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        ["resnet8", "--network.width", "0.25"],
        ["resnet18", "--network.stem", "small", "--network.width", "0.0625"],
        ["resnet8", "--network.width", "0.25", "--network.grey"],
    ],
)
def test_a_network_of_small_images_is_trained(settings, tmp_path):
    main(
        [
            *("train", "--network.architecture", *settings),
            *("--data.num-train", "28", "--data.num-test", "14"),
            *("--optim.batch-size", "14", "--schedule", "32", "1"),
            *("--out", str(tmp_path / "run")),
        ]
    )
    loaded = model.load_trained(tmp_path / "run" / "weights.safetensors")
    grey = "--network.grey" in settings
    assert ("made grey" in loaded.facts["input"]) == grey
    shape = loaded.weights.params["conv1.conv"]["params"]["kernel"].shape
    assert shape[:3] == (3, 3, 1 if grey else 3)
    assert weights.load(tmp_path / "run" / "weights.safetensors").params


def test_preprocessing_that_cannot_be(resnet):
    for given, said in (
        ({"mean": (0.5,)}, "`mean` has 1 values, but the resnet8 takes images of 3"),
        ({"std": (0.1, 0.0, 0.1)}, "`std` is .* must be positive"),
        ({"std": (0.1, float("nan"), 0.1)}, "`std` is .* must be positive"),
        ({"mean": (float("nan"), 0.1, 0.1)}, "`mean` is .* must be finite"),
        ({"part": "ema"}, "`part` is 'ema', which no name of"),
    ):
        with pytest.raises(BadInput, match=said):
            subjects.load(SubjectSettings(resnet, None, PreprocessingSettings(**given)))
