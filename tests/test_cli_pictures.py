"""Analyses of pictures: the same as of scenes where these are the pictures."""

import csv
import json

import jax
import numpy as np
import pytest
from PIL import Image

from jaxdissect import adapters, metrics, model, networks
from jaxdissect.cli import main
from jaxdissect.data import generated
from jaxdissect.data import picture_folder as pictures
from jaxdissect.data import scene_rendering as scenes
from jaxdissect.experiments.ablate import passes
from jaxdissect.experiments.ablate.settings import AblateSettings
from jaxdissect.experiments.agreement import results as agreement
from jaxdissect.runs import halves, sweeps
from jaxdissect.runs.progress import Progress
from jaxdissect.runs.sweeps import Pass
from jaxdissect.settings import PicturesSettings

pytestmark = pytest.mark.slow

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
    return model.load_trained(weights)


def measured(loaded, config, progress):
    progress.mkdir()
    images = in_turns(halves.open_images(config, loaded))
    this = Pass(loaded, config, Progress(progress), images)
    return images, passes.measure(this, {LAYER: [0, 1, 7, 8]})[LAYER]


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
    data = PicturesSettings("pictures", all_classes)
    of_scenes, want = measured(loaded, AblateSettings(**few), tmp_path / "1")
    of_folder, got = measured(loaded, AblateSettings(**few, data=data), tmp_path / "2")
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
    file.write_text(f"from jaxdissect.experiments import {kind}\nconfig = {kind}()\n")
    return str(file)


def test_gradients_are_of_the_classes_that_occur(
    weights, loaded, some_classes, tmp_path, monkeypatch
):
    monkeypatch.setattr(agreement, "NUM_DRAWS", 100)
    config, out = write_config(tmp_path, "AgreementSettings"), tmp_path / "out"
    few = ["--layer", LAYER, "--scores", "logit", "--out", str(out)]
    main(["ablate", config, *arguments(weights, some_classes), *few])
    kernel = np.asarray(loaded.weights.params["fc7"]["params"]["kernel"])[0, 0]
    rows = rows_of(out / "predictors.csv")
    got = [float(row["gradient of the logit: norm of the mean"]) for row in rows]
    want = abs(kernel[:, list(SOME)])
    np.testing.assert_allclose(np.reshape(got, want.shape), want, rtol=1e-5)
    assert [row["class"] for row in rows[:3]] == [scenes.CLASSES[k] for k in SOME]


def test_scaling_takes_pictures(weights, some_classes, reported, tmp_path):
    config, out = write_config(tmp_path, "ScaleSettings"), tmp_path / "out"
    few = ["--layer", LAYER, "--random-draws", "2", "--factors", "1", "2"]
    data = [*arguments(weights, some_classes), "--out", str(out)]
    main(["ablate", config, *data, *few])
    targets, answers = reported
    rows = [row for row in rows_of(out / "scaling.csv") if float(row["factor"]) == 1]
    assert {float(row["top1"]) for row in rows} == {(answers == targets).mean()}


def test_weights_before_a_layer_are_an_attribute_where_they_are_known(loaded):
    assert sweeps.num_units(loaded, "conv5_3") == 32
    (norm,) = sweeps.known_norm(loaded, "conv5_3").values()
    assert norm.shape == (32,)
    functions = {
        "body": lambda w, x: x[:, :2, :2] * w,
        "logits": lambda w, x: x.sum((1, 2)),
    }
    weights = {"body": np.ones(3, np.float32)}
    like = np.zeros((1, 8, 8, 3), np.float32)
    network, params = adapters.chain(functions, weights, like)
    found = loaded.weights._replace(params=params)
    own = loaded._replace(network=network, weights=found, image_size=8)
    assert sweeps.num_units(own, "body") == 3
    assert sweeps.known_norm(own, "body") == {}
