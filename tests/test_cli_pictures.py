"""Analyses of pictures: the same as of scenes where these are the pictures."""

import csv
import json
import shutil

import jax
import numpy as np
import pytest
from conftest import fails
from PIL import Image

from jaxdissect import metrics, networks
from jaxdissect.cli import ablate, analysed, build, generated, main, own_pictures
from jaxdissect.cli.config import (
    AblateConfig,
    DataConfig,
    GradientsConfig,
    PicturesConfig,
)
from jaxdissect.cli.gradients import command, unit_questions
from jaxdissect.cli.sweeping import Pass
from jaxdissect.data import pictures, scenes
from jaxdissect.reports.ablation import agreement

SIZE, LAYER = 48, "fc6"
FEW = ["--batch-size", "14", "--memory-mib", "64"]
SOME = (2, 5, 11)
"""Classes of the smaller folder."""


def save_scenes(folder, classes):
    """Four scenes of each class, two of each split, as PNG."""
    for split in ("rank", "report"):
        drawn = scenes.render(0, generated.split_indices(split, 28), size=SIZE)
        for n, (pixels, k) in enumerate(zip(drawn.images, drawn.targets, strict=True)):
            if k in classes:
                path = folder / scenes.CLASSES[k] / f"{split}_{n:02}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels).save(path)
    return folder


@pytest.fixture(scope="module")
def all_classes(tmp_path_factory):
    return save_scenes(tmp_path_factory.mktemp("pictures") / "all", range(14))


@pytest.fixture(scope="module")
def some_classes(tmp_path_factory):
    """Three classes; one file is broken besides, and one class has too few pictures."""
    folder = save_scenes(tmp_path_factory.mktemp("pictures") / "some", SOME)
    (folder / scenes.CLASSES[2] / "zzz.png").write_text("text")
    rare = folder / scenes.CLASSES[3].upper()
    rare.mkdir()
    Image.new("RGB", (90, 60), "red").save(rare / "one.jpg")
    return folder


@pytest.fixture(scope="module")
def weights(trained):
    return trained / "weights.safetensors"


@pytest.fixture(scope="module")
def loaded(weights):
    return build.load_trained(weights)


def measured(loaded, config, progress):
    progress.mkdir()
    images = in_turns(analysed.open_images(config, loaded))
    this = Pass(loaded, config, progress, images)
    return images, ablate.measure(config, this, {LAYER: [0, 1, 7, 8]})[LAYER]


def in_turns(images):
    """The same images with each round of classes in the order of their numbers."""

    def sort(half):
        whole = half.images
        targets = whole.read(np.arange(28))[1]
        order = np.lexsort((targets, np.arange(28) // 14))
        return half._replace(
            images=pictures.labelled(whole, order, targets[order], whole.classes)
        )

    return images._replace(rank=sort(images.rank), report=sort(images.report))


def test_scenes_in_a_folder_are_measured_as_scenes(loaded, all_classes, tmp_path):
    few = {"num_rank": 28, "num_report": 28, "batch_size": 14, "value": "resample"}
    data = PicturesConfig("pictures", all_classes)
    of_scenes, want = measured(loaded, AblateConfig(**few), tmp_path / "1")
    of_folder, got = measured(loaded, AblateConfig(**few, data=data), tmp_path / "2")
    assert of_folder.classes == of_scenes.classes == scenes.CLASSES
    for part in ("rank", "report"):
        images = [getattr(each, part).images for each in (of_folder, of_scenes)]
        for ours, theirs in zip(*(i.read(np.arange(28)) for i in images), strict=True):
            np.testing.assert_array_equal(ours, theirs)
    leaves = [jax.tree.leaves(found) for found in (got, want)]
    for ours, theirs in zip(*leaves, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert of_folder.provenance.keys() == {"pictures", "left_out"}


def arguments(weights, folder):
    data = ["--data.name", "pictures", "--data.path", str(folder), "--data.broken"]
    return ["--weights", str(weights), *FEW, *data, "skip"]


@pytest.fixture(scope="module")
def ablated(weights, some_classes, tmp_path_factory):
    place = tmp_path_factory.mktemp("ablated")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        few = ["--layers", LAYER, "--random-draws", "2"]
        main(["ablate", *arguments(weights, some_classes), *few])
    (out,) = (place / "runs").iterdir()
    return out


def rows_of(file):
    return list(csv.DictReader(file.open()))


@pytest.fixture(scope="module")
def answer(loaded):
    """What the network says of up to 28 images, compiled once."""
    apply = jax.jit(lambda x: networks.apply(loaded.network, loaded.weights.params, x))

    def of_images(images):
        padded = np.zeros((28, SIZE, SIZE, 3), np.float32)
        padded[: len(images)] = images / np.float32(255)
        return np.asarray(apply(padded)).argmax(-1)[: len(images)]

    return of_images


@pytest.fixture(scope="module")
def reported(answer):
    """Targets of the reporting scenes of the classes that occur, and answers."""
    drawn = scenes.render(0, generated.split_indices("report", 28), size=SIZE)
    chosen = np.isin(drawn.targets, SOME)
    return drawn.targets[chosen], answer(drawn.images[chosen])


def test_tables_have_the_classes_that_occur(ablated, reported):
    folder = ablated / LAYER
    names = [scenes.CLASSES[k] for k in SOME]
    for table in ("effects", "ranking", "curves"):
        assert (
            list(dict.fromkeys(r["class"] for r in rows_of(folder / f"{table}.csv")))[
                :3
            ]
            == names
        ), table
    assert {r["worst_class"] for r in rows_of(folder / "units.csv")} <= set(names)
    targets, answers = reported
    arrays = np.load(folder / "ablation.npz")
    assert arrays["classes"].tolist() == names
    want = metrics.class_counts(answers, targets, num_classes=14)
    np.testing.assert_allclose(
        arrays["base_balanced"], metrics.balanced_accuracy(want)[list(SOME)]
    )
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["top1"] == (answers == targets).mean()
    assert summary["images"] == 6 and "iou_with_classes_served" not in summary


def test_the_page_is_there_without_a_dissection(ablated):
    page = (ablated / LAYER / "report.html").read_text()
    assert page.count('<article class="card') == 8
    assert "IoU" not in page and "http" not in page.replace("http-equiv", "")
    assert page.count('<div class="relies">') == 3
    said = (ablated / LAYER / "findings.txt").read_text()
    assert said.startswith("Pictures of 3 of the network's 14 classes: 6 to rank units")
    assert f"too few pictures: {scenes.CLASSES[3]}." in said and "IoU" not in said
    assert not (ablated / LAYER / "iou_by_classes_served.png").exists()
    run = json.loads((ablated / "run.json").read_text())
    assert run["left_out"].keys() == {f"{scenes.CLASSES[2]}/zzz.png"}
    assert ablated.name == "ablate-tiny-fc6-some"


def write_config(tmp_path, kind):
    file = tmp_path / "config.py"
    file.write_text(f"from jaxdissect.cli.config import {kind}\nconfig = {kind}()\n")
    return str(file)


def test_gradients_are_of_the_classes_that_occur(
    weights, loaded, some_classes, tmp_path, monkeypatch
):
    monkeypatch.setattr(agreement, "NUM_DRAWS", 100)
    config, out = write_config(tmp_path, "AgreementConfig"), tmp_path / "out"
    few = ["--layer", LAYER, "--scores", "logit", "--out", str(out)]
    main(["ablate", config, *arguments(weights, some_classes), *few])
    kernel = np.asarray(loaded.weights.params["fc7"]["params"]["kernel"])[0, 0]
    rows = rows_of(out / "predictors.csv")
    got = [float(row["gradient of the logit: norm of the mean"]) for row in rows]
    want = abs(kernel[:, list(SOME)])
    np.testing.assert_allclose(np.reshape(got, want.shape), want, rtol=1e-5)
    assert [row["class"] for row in rows[:3]] == [scenes.CLASSES[k] for k in SOME]


def test_scaling_takes_pictures(weights, some_classes, reported, tmp_path):
    config, out = write_config(tmp_path, "ScaleConfig"), tmp_path / "out"
    few = ["--layer", LAYER, "--random-draws", "2", "--factors", "1", "2"]
    data = [*arguments(weights, some_classes), "--out", str(out)]
    main(["ablate", config, *data, *few])
    targets, answers = reported
    rows = [row for row in rows_of(out / "scaling.csv") if float(row["factor"]) == 1]
    assert {float(row["top1"]) for row in rows} == {(answers == targets).mean()}


@pytest.fixture(scope="module")
def asked(loaded, some_classes):
    data = DataConfig("pictures", some_classes, broken="skip", num_test=5)
    config = GradientsConfig(
        data=data, removed=2, random_draws=2, steps=(1.0,), num_pushed=5, batch_size=6
    )
    source = command.open_images(config, loaded)
    numbers = np.array(source.occurring)
    this = unit_questions.questioned(config, loaded, (LAYER,), numbers)
    return unit_questions.ask_all(this, source.at(SIZE)).answers


def test_a_number_of_pictures_is_the_most_there_may_be(asked):
    # Of six test pictures five are taken, which leaves one class with one.
    assert asked.classes == tuple(scenes.CLASSES[k] for k in SOME[:2])
    assert asked.outcomes.number.tolist() == [2, 2]


def test_scores_are_those_of_the_networks_own_classes(asked, loaded):
    drawn = scenes.render(0, generated.split_indices("rank", 28), size=SIZE)
    trunk, tail = networks.split(loaded.network, LAYER)
    params, k = loaded.weights.params, SOME[1]
    acts = jax.jit(trunk)(params, drawn.images[drawn.targets == k] / np.float32(255))
    slopes = jax.vmap(jax.grad(lambda a: jax.nn.softmax(tail(params, a[None]))[0, k]))
    want = np.abs(slopes(acts).mean(0))[0, 0]
    np.testing.assert_allclose(asked.scores[1], want, rtol=1e-3, atol=1e-9)


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


def test_predicted_labels_are_the_networks_answers(loaded, flat, answer):
    found = opened(DataConfig("pictures", flat, labels="predicted"), loaded)
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
    data = PicturesConfig("pictures", flat)
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
    with pytest.raises(analysed.BadInput, match=r"are the same picture, one to rank"):
        opened(PicturesConfig("pictures", folder), loaded)


def test_pictures_are_not_for_training(capsys, flat):
    few = ["--data.name", "pictures", "--data.path", str(flat)]
    assert "to train one take a folder" in fails(capsys, "train", *few)
