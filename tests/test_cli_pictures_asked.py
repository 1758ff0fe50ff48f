"""Questions about pictures: labels, classes that occur, and what is refused."""

import shutil

import jax
import numpy as np
import pytest
from conftest import fails
from PIL import Image
from test_cli_pictures import (
    FEW,
    LAYER,
    SIZE,
    SOME,
    all_classes,
    answer,
    loaded,
    reported,
    some_classes,
    weights,
)

from jaxdissect import networks
from jaxdissect.data import generated
from jaxdissect.data import scene_rendering as scenes
from jaxdissect.errors import BadInput
from jaxdissect.experiments import gradients
from jaxdissect.runs import own_pictures
from jaxdissect.settings import DataSettings, PicturesSettings

__all__ = ["all_classes", "answer", "loaded", "reported", "some_classes", "weights"]


@pytest.fixture(scope="module")
def asked(loaded, some_classes):
    data = DataSettings("pictures", some_classes, broken="skip", num_test=5)
    config = gradients.Settings(
        data=data,
        layers=(LAYER,),
        removed=2,
        random_draws=2,
        steps=(1.0,),
        num_pushed=5,
        batch_size=6,
    )
    images = gradients.open_images(loaded, config)
    return gradients.run(loaded, images, config, progress=False)


@pytest.mark.slow
def test_a_number_of_pictures_is_the_most_there_may_be(asked):
    # Of six test pictures five are taken, which leaves one class with one.
    assert asked.classes == tuple(scenes.CLASSES[k] for k in SOME[:2])
    assert asked.outcomes.number.tolist() == [2, 2]


@pytest.mark.slow
def test_scores_are_those_of_the_networks_own_classes(asked, loaded):
    drawn = scenes.render(0, generated.split_indices("rank", 28), size=SIZE)
    trunk, tail = networks.split(loaded.network, LAYER)
    params, k = loaded.weights.params, SOME[1]
    acts = jax.jit(trunk)(params, drawn.images[drawn.targets == k] / np.float32(255))
    slopes = jax.vmap(jax.grad(lambda a: jax.nn.softmax(tail(params, a[None]))[0, k]))
    want = np.abs(slopes(acts).mean(0))[0, 0]
    np.testing.assert_allclose(asked.scores[1], want, rtol=1e-3, atol=1e-9)


@pytest.mark.slow
def test_knock_outs_begin_with_the_whole_network(asked, reported):
    targets, answers = reported
    for k, recall in zip(SOME, asked.curves.most.recall[0, 0], strict=False):
        assert recall == (answers[targets == k] == k).mean()


@pytest.fixture
def flat(all_classes, tmp_path):
    folder = tmp_path / "flat"
    folder.mkdir()
    for n, path in enumerate(sorted(all_classes.glob("*/*.png"))):
        shutil.copy(path, folder / f"{n:02}.png")
    return folder


def opened(data, loaded):
    most = {"num_rank": 99, "num_report": 99, "batch_size": 14}
    return own_pictures.open_pictures(data, loaded, **most)


@pytest.mark.slow
def test_predicted_labels_are_the_networks_answers(loaded, flat, answer):
    found = opened(DataSettings("pictures", flat, labels="predicted"), loaded)
    assert len(found.numbers) >= 2 and "own answers" in found.said
    for half in (found.rank, found.report):
        pixels, labels = half.read(np.arange(min(half.num_images, 28)))
        np.testing.assert_array_equal(labels, answer(pixels))


def test_another_picture_of_the_same_name_and_length_is_another_run(loaded, flat):
    for path in sorted(flat.iterdir()):
        folder = flat / scenes.CLASSES[int(path.stem) % 2]
        folder.mkdir(exist_ok=True)
        Image.open(path).save(folder / f"{path.stem}.bmp")
        path.unlink()
    data = PicturesSettings("pictures", flat)
    first, again = opened(data, loaded).fingerprint, opened(data, loaded).fingerprint
    file = next(flat.glob("*/00.bmp"))
    file.write_bytes(file.read_bytes()[:-1] + b"\0")
    assert first == again != opened(data, loaded).fingerprint


@pytest.mark.parametrize(
    ("change", "settings", "said"),
    [
        ("", ["--data.path", "flat"], "has none for classes; --data.labels predicted"),
        ("", [], "`data.path` is missing"),
        (
            "steet",
            ["--data.path", "flat"],
            "'steet' is none of the network's 14 classes",
        ),
        (
            "street",
            ["--data.path", "flat"],
            "has 1 classes, of which 1 have at least 4",
        ),
        (
            "",
            ["--data.path", "flat", "--rank-split", "test"],
            "pictures have no splits",
        ),
        ("", ["--data.path", "nowhere"], "`folder` is nowhere; there is no such"),
        (
            "",
            ["--data.name", "scenes", "--data.path", "flat"],
            "but scenes are generated",
        ),
    ],
)
def test_pictures_that_cannot_be_analysed_are_refused(
    change, settings, said, weights, flat, capsys, monkeypatch
):
    monkeypatch.chdir(flat.parent)
    if change:
        (flat / change).mkdir()
        for path in flat.glob("*.png"):
            path.rename(flat / change / path.name)
    few = ["--weights", str(weights), *FEW, "--data.name", "pictures"]
    assert said in fails(capsys, "ablate", *few, *settings)
    assert [path.name for path in flat.parent.iterdir()] == ["flat"]


def test_one_picture_in_both_halves_is_refused(loaded, all_classes, tmp_path):
    folder = shutil.copytree(all_classes, tmp_path / "twice")
    first, *_, last = sorted((folder / scenes.CLASSES[0]).iterdir())
    shutil.copy(first, last)
    with pytest.raises(BadInput, match=r"are the same picture, one to rank"):
        opened(PicturesSettings("pictures", folder), loaded)


def test_pictures_are_not_for_training(capsys, flat):
    few = ["--data.name", "pictures", "--data.path", str(flat)]
    assert "to train one take a folder" in fails(capsys, "train", *few)
