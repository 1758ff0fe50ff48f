"""Broken pictures are found by decoding all of them, and left out only when asked."""

import numpy as np
import pytest
from conftest import fails
from test_folders import FILES, ORDER, SIZE, fill

from jaxdissect.data import folders
from jaxdissect.data.picture_files import examined, picture_files
from jaxdissect.errors import BadInput
from jaxdissect.runs import datasets
from jaxdissect.settings import DataSettings

BAD = {"cat/a.JPEG": "is a broken picture", "dog/9.jpg": "is no picture"}


def damage(folder):
    whole = (folder / "cat/a.JPEG").read_bytes()
    (folder / "cat/a.JPEG").write_bytes(whole[: len(whole) // 2])
    (folder / "dog/9.jpg").write_text("this is a text")


@pytest.fixture
def folder(tmp_path):
    fill(tmp_path / "train")
    fill(tmp_path / "test")
    return tmp_path


def test_every_picture_is_examined_in_order(folder):
    assert list(examined(folder / "train", ORDER)) == [None] * 5
    damage(folder / "train")
    found = list(examined(folder / "train", ORDER))
    assert [one.name if one else None for one in found] == [
        one if one in BAD else None for one in ORDER
    ]
    for one in filter(None, found):
        assert one.reason.startswith(BAD[one.name])


def test_what_is_left_out_is_not_read_and_the_rest_stays(folder):
    whole = folders.image_folder(folder / "train", SIZE)
    part = folders.image_folder(folder / "train", SIZE, left_out=list(BAD))
    kept = np.flatnonzero([name not in BAD for name in ORDER])
    for got, want in zip(part.read(np.arange(3)), whole.read(kept), strict=True):
        np.testing.assert_array_equal(got, want)
    assert part.classes == whole.classes and part.fingerprint != whole.fingerprint
    with pytest.raises(BadInput, match=r"`left_out` has cat/z.png; there is no such"):
        folders.image_folder(folder / "train", SIZE, left_out=["cat/z.png"])
    with pytest.raises(BadInput, match=r"of .*Ant all pictures are left out"):
        folders.image_folder(folder / "train", SIZE, left_out=["Ant/1.webp"])


def test_the_names_of_a_split_folder_are_those_it_reads(folder):
    names = folders.train_and_test_names(folder)
    assert names == [f"{part}/{name}" for part in ("train", "test") for name in ORDER]
    train, test = folders.train_and_test(folder, SIZE, left_out=["test/dog/9.jpg"])
    assert (train.num_images, test.num_images) == (5, 4)


def test_skipping_leaves_out_exactly_the_broken_ones_and_says_so(folder, capsys):
    config = DataSettings("folder", folder, broken="skip")
    whole = datasets.open_source(config, (SIZE,))
    assert whole.left_out == () and "left out" not in capsys.readouterr().out
    damage(folder / "train")
    source = datasets.open_source(config, (8, SIZE))
    assert {name for name, _ in source.left_out} == {f"train/{name}" for name in BAD}
    assert source.num_train == 3 and source.fingerprint != whole.fingerprint
    train, test = source.at(8)
    train.read(np.arange(3))
    assert test.num_images == 5
    said = capsys.readouterr().out
    assert said.startswith(
        "2 of 10 pictures are left out: train/cat/a.JPEG is a broken"
    )
    assert "; train/dog/9.jpg is no picture; allowed" in said and said.count("\n") == 1


def test_many_are_counted_and_some_named(tmp_path, capsys):
    names = {f"{name}/{n}.png": (9, 9) for name in "ab" for n in range(9)}
    fill(tmp_path / "train", names)
    fill(tmp_path / "test", names)
    for n in range(12):
        (tmp_path / "train" / "ab"[n % 2] / f"{n // 2}.png").write_bytes(b"x")
    datasets.open_source(DataSettings("folder", tmp_path, broken="skip"), (SIZE,))
    said = capsys.readouterr().out
    assert said.startswith("12 of 36") and "; 2 more are in run.json." in said


def test_a_folder_of_broken_pictures_is_refused(folder, tmp_path, capsys):
    for path in folder.rglob("*.*"):
        path.write_text("text")
    arguments = ["--data.name", "folder", "--data.path", str(folder)]
    out = ["--out", str(tmp_path / "out"), "--schedule", "32", "1"]
    said = fails(capsys, "train", *arguments, *out, "--data.broken", "skip")
    assert "none of the 10 pictures" in said and "train/Ant/1.webp, is no pict" in said
    assert not (tmp_path / "out").exists()


def test_only_folders_have_broken_files(tmp_path, capsys):
    few = ["--data.broken", "skip", "--out", str(tmp_path / "out")]
    assert "`data.broken` is skip, which is for" in fails(capsys, "train", *few)


def test_pictures_of_all_endings_are_found(tmp_path):
    names = [*(name.rpartition("/")[2] for name in FILES), "x.GIF", "y.tif", "z.TIFF"]
    for name in (*names, "notes.txt", ".hidden.png"):
        (tmp_path / name).write_bytes(b"12")
    assert picture_files(tmp_path) == sorted((name, 2) for name in names)
