"""Commands on folders as people have them: what is used, what is not, and why."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from conftest import fails
from PIL import Image

from jaxdissect.cli import main
from jaxdissect.data import folders
from jaxdissect.errors import BadInput
from jaxdissect.experiments.dissect.settings import DissectSettings
from jaxdissect.runs import labelled, own_pictures
from jaxdissect.runs.subjects import load
from jaxdissect.settings import DataSettings, PicturesSettings

NETWORK = f"{Path(__file__).parent / 'tiny_network.py'}:thirds"
CLASSES = ("red", "green", "blue")
SIZE = 16
BYTES = os.fsdecode(b"caf\xe9")
"""A name that is not UTF-8."""


@pytest.fixture(scope="module")
def network():
    return load(DissectSettings(network=NETWORK))


def colourful(root, counts, start=0):
    """So many pictures for each class, all different, mostly of its colour."""
    rng = np.random.default_rng(start)
    for k, (name, count) in enumerate(counts.items()):
        (root / name).mkdir(parents=True, exist_ok=True)
        for n in range(count):
            pixels = rng.integers(0, 60, (SIZE, SIZE, 3))
            pixels[..., k % 3] += 150
            image = Image.fromarray(pixels.astype(np.uint8))
            image.save(root / name / f"{n:02}.png")
    return root


def opened(network, root, most=99, **settings):
    data = PicturesSettings("pictures", root, **settings)
    limits = {"num_rank": most, "num_report": most}
    return own_pictures.open_pictures(data, network, **limits, batch_size=8)


def test_how_many_of_how_many_pictures_are_used_and_why(network, tmp_path):
    root = colourful(tmp_path / "in", {"red": 30, "green": 9, "blue": 3})
    (root / "red" / "old").mkdir()
    shutil.copy(root / "red" / "00.png", root / "red" / "old" / "z.png")
    (root / "red" / "x.heic").write_text("")
    (root / "green" / "lost.jpg").symlink_to("nowhere.jpg")
    os.mkfifo(root / "green" / "pipe.jpg")
    (root / "readme.txt").write_text("")
    said = opened(network, root, most=13).said
    assert (
        "26 of 42 pictures are used; left out are 3 of classes with fewer than 4"
        in said
    )
    assert ", 13 beyond the most of each half" in said
    assert "Of 47 files in in 42 are taken, but not 1 beside the folders of" in said
    for why in (
        "1 in a folder inside (red/old/z.png)",
        "1 ending in .heic (red/x.heic)",
        "1 a link that leads nowhere (green/lost.jpg)",
        "1 no ordinary file (green/pipe.jpg)",
    ):
        assert why in said
    whole = opened(network, colourful(tmp_path / "out", {"red": 4, "green": 4}))
    assert "used; left out" not in whole.said and "taken" not in whole.said


def test_jfif_is_jpeg(network, tmp_path):
    root = colourful(tmp_path, {"red": 4, "green": 4})
    Image.new("RGB", (9, 9), "red").save(root / "red" / "A.JFIF", "JPEG")
    assert "left out" not in opened(network, root).said


def test_copies_are_named_all_at_once_or_left_out(network, tmp_path):
    root = colourful(tmp_path, {"red": 8, "green": 8, "blue": 8})
    for name in ("red", "green"):
        shutil.copy(root / name / "00.png", root / name / "07.png")
    with pytest.raises(BadInput, match=r"^2 pairs in .* red/07.png is red/00.png, gr"):
        opened(network, root)
    said = opened(network, root, broken="skip")
    assert dict(said.left_out) == {
        f"{name}/07.png": f"is the same picture as {name}/00.png"
        for name in ("red", "green")
    }
    assert (
        "22 of 24 pictures are used; left out are 2 the same as another." in said.said
    )
    # The same pixels in other bytes.
    Image.open(root / "blue" / "00.png").save(
        root / "blue" / "07.png", compress_level=0
    )
    with pytest.raises(
        BadInput, match=r"^1 pairs in .* blue/07.png is blue/00.png; del"
    ):
        opened(network, root, broken="skip")


def test_one_picture_in_two_classes_is_refused_unless_labels_are_predicted(
    network, tmp_path
):
    root = colourful(tmp_path, {"red": 8, "green": 8})
    shutil.copy(root / "red" / "02.png", root / "green" / "02.png")
    with pytest.raises(
        BadInput, match=r"1 pictures in .* another class: red/02.png is "
    ):
        opened(network, root)
    found = opened(network, root, labels="predicted", broken="skip")
    assert "1 the same as another" in found.said


@pytest.mark.parametrize("name", ["Red", " red", "RED "])
def test_classes_that_differ_in_case_or_blanks_are_refused(tmp_path, name):
    root = colourful(tmp_path, {"red": 2, name: 2})
    with pytest.raises(BadInput, match="differ in case or blanks only; put their"):
        folders.image_folder(root, SIZE)


def test_a_class_that_is_a_link_to_another_is_refused(tmp_path):
    root = colourful(tmp_path, {"red": 2})
    (root / "crimson").symlink_to("red")
    with pytest.raises(BadInput, match=r"(red|crimson) are the same folder"):
        folders.image_folder(root, SIZE)
    (tmp_path / "both").mkdir()
    for part in ("train", "test"):
        (tmp_path / "both" / part).symlink_to(root)
    with pytest.raises(BadInput, match="train and test in it are the same folder"):
        folders.train_and_test(tmp_path / "both", SIZE)


def test_what_is_trained_and_tested_on_is_said(tmp_path):
    for part in ("train", "test"):
        colourful(tmp_path / part, {"red": 3, "green": 2})
    colourful(tmp_path / "test", {"red": 2}, start=1)
    (tmp_path / "train" / "red" / "sub").mkdir()
    (tmp_path / "train" / "red" / "sub" / "a.png").write_text("")
    from jaxdissect.runs.datasets import open_source

    said = open_source(DataSettings("folder", tmp_path, num_train=3), (SIZE,)).said
    assert "3 of 5 images to train on are used, by `num_train`" in said
    assert (
        "Of 6 files in train 5 are taken, but not 1 in a folder inside (red/s" in said
    )
    assert "of 5 pictures to test on are also trained on" in said


def test_loops_of_links_end(network, tmp_path):
    root = colourful(tmp_path / "loop", {"red": 4, "green": 4})
    (root / "red" / "again").symlink_to(root)
    (root / "red" / "me.png").symlink_to("me.png")
    (root / "round").symlink_to("round")
    said = opened(network, root).said
    assert "1 in a folder inside (red/again)" in said
    assert "1 beside the folders of classes" not in said
    assert "2 a link that leads nowhere (such as round)" in said


def masks_of(root, name="a", folder=""):
    """Two images, red and green halves labelled; the names may be of any bytes."""
    for kind in ("images", "masks"):
        (root / kind / folder).mkdir(parents=True, exist_ok=True)
    for k in range(2):
        pixels = np.zeros((SIZE, SIZE, 3), np.uint8)
        pixels[:8, :, 0], pixels[8:, :, 1] = 200 + k, 100
        file = f"{folder}/{name}{k}.png"
        Image.fromarray(pixels).save(f"{root}/images/{file}")
        Image.fromarray((pixels[..., 0] == 0).astype(np.uint8) + 1).save(
            f"{root}/masks/{file}"
        )
    (root / "labels.csv").write_text(
        "index,name,category\n1,warm,object\n2,cold,object\n3,dark,light\n"
    )
    return root


def dissected(root, out, *settings):
    main(
        ["dissect", "--network", NETWORK, "--layers", "cells", "--path", str(root),
         "--out", str(out), "--num-draws", "40", "--protocol.tail-mass", "0.3",
         "--num-top", "2", *settings]
    )  # fmt: skip
    return json.loads((out / "summary.json").read_text(encoding="utf-8"))


@pytest.mark.slow
def test_a_folder_of_masks_says_what_was_left_out_everywhere(tmp_path, capsys):
    root = masks_of(tmp_path / BYTES, BYTES, BYTES)
    (root / "images" / "x.webm").write_text("")
    out = tmp_path / "out"
    facts = dissected(root, out, "--images", "segmented")["facts"]
    assert facts["images"] == "2 images in caf\ufffde9"
    assert facts["without a pixel"] == "1 of 3 concepts: light/dark; nothing of light"
    said = capsys.readouterr().out
    page = (out / "report.html").read_text(encoding="utf-8")
    for place in (said, facts["of these images"], page):
        assert "Of 3 files in images 2 are taken, but not 1 ending in .webm" in place
        assert "1 of 3 concepts occur in no mask: light/dark." in place
    assert "caf\ufffde9/caf\ufffde90" in page


@pytest.mark.slow
def test_a_folder_of_classes_labels_whole_pictures(tmp_path, capsys):
    root = colourful(tmp_path / "in", {"red": 3, BYTES: 3})
    shutil.copy(root / "red" / "00.png", root / "red" / "01.png")
    facts = dissected(root, tmp_path / "out", "--images", "folder")["facts"]
    assert (
        "1 of 6 pictures are left out for being there already"
        in facts["of these images"]
    )
    iou = np.load(tmp_path / "out" / "iou.npz")
    assert iou["concepts"].tolist() == ["caf\ufffde9", "red"]
    # Two pictures of red and three of the other, of which every cell is labelled.
    assert iou["concept"].tolist() == [3 * 16, 2 * 16]
    # The unit of red is on in three tenths of all, nearly all of it on red pictures.
    assert iou["iou"][0].argmax() == 1 and iou["iou"][0, 1] > 0.6
    shutil.copy(root / "red" / "02.png", root / BYTES / "02.png")
    few = ["--network", NETWORK, "--images", "folder", "--path", str(root)]
    assert "1 pictures in " in fails(capsys, "dissect", *few, "--layers", "cells")


def test_nothing_is_left_of_a_refused_folder(tmp_path, capsys):
    root = masks_of(tmp_path / "in")
    (root / "labels.csv").write_text("index,name,category\n7,warm,object\n")
    few = ["--network", NETWORK, "--images", "segmented", "--path", str(root)]
    few += ["--layers", "cells", "--out", str(tmp_path / "out")]
    said = fails(capsys, "dissect", *few)
    assert "masks have 2 numbers that" in said and not (tmp_path / "out").exists()


def test_settings_of_other_images_are_refused(tmp_path, capsys):
    for images, setting, value, said in (
        ("folder", "--tolerance", "3", "it is for `images` segmented"),
        ("scenes", "--tolerance", "3", "scenes are generated"),
        ("segmented", "--categories", "a", "it is for `images` broden"),
    ):
        path = [] if images == "scenes" else ["--path", str(tmp_path)]
        few = ["--network", NETWORK, "--layers", "cells", "--images", images, *path]
        assert said in fails(capsys, "dissect", *few, setting, value)


def test_levels_are_chosen_on_others_which_is_said(tmp_path):
    root = masks_of(tmp_path)
    config = DissectSettings(images="segmented", path=root)
    probe = labelled.probe_of(config, SIZE)
    from jaxdissect import dissection

    this, other = labelled.choosing_of(config, probe, dissection.GAN19, SIZE)
    assert "1 of 2 images are set aside to choose levels on." in this.source.notes
    assert len(this.indices) == len(other.indices) == 1
