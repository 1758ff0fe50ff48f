"""Folders of pictures: their names are the classes, their contents the images."""

import shutil
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from jaxdissect.data import decoding, folders
from jaxdissect.errors import BadInput

FILES = {
    "cat/b.png": (10, 40),
    "cat/a.JPEG": (30, 20),
    "Ant/1.webp": (16, 16),
    "dog/10.bmp": (20, 24),
    "dog/9.jpg": (25, 8),
}
# Upper case comes before lower case and "10" before "9".
ORDER = ["Ant/1.webp", "cat/a.JPEG", "cat/b.png", "dog/10.bmp", "dog/9.jpg"]
LABELS = [0, 1, 1, 2, 2]
SIZE = 12


def fill(folder, files=FILES):
    rng = np.random.default_rng(0)
    for name, (height, width) in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 256, (height, width, 3), np.uint8)
        Image.fromarray(pixels).save(path)
    return folder


@pytest.fixture
def folder(tmp_path):
    return fill(tmp_path / "pictures")


def test_classes_and_files_are_in_the_order_of_their_names(folder):
    (folder / "cat" / "notes.txt").write_text("no picture")
    (folder / "cat" / "._b.png").write_text("what an archiver left")
    (folder / "dog" / "more.png").mkdir()
    (folder / ".thumbnails").mkdir()
    (folder / "readme.txt").write_text("no class")
    images = folders.image_folder(folder, SIZE)
    pixels, labels = images.read(np.arange(images.num_images))
    assert images.classes == ("Ant", "cat", "dog")
    assert labels.tolist() == LABELS
    for name, got in zip(ORDER, pixels, strict=True):
        want = decoding.fit_square(Image.open(folder / name), SIZE)
        np.testing.assert_array_equal(got, want)


def test_any_order_gives_the_same_images(folder):
    images = folders.image_folder(folder, SIZE)
    pixels, labels = images.read(np.arange(5))
    order = np.array([4, 0, 0, 3, 2, 1, 4])
    again, labels_again = images.read(order)
    np.testing.assert_array_equal(again, pixels[order])
    np.testing.assert_array_equal(labels_again, labels[order])


def test_threads_read_the_same(folder):
    images, order = folders.image_folder(folder, SIZE), np.array([3, 1, 4, 1])
    alone = images.read(order)
    with ThreadPoolExecutor(4) as pool:
        for together in pool.map(images.read, [order] * 12):
            for got, want in zip(together, alone, strict=True):
                np.testing.assert_array_equal(got, want)


def test_a_broken_file_is_named_when_it_is_read(folder):
    whole = (folder / "cat" / "a.JPEG").read_bytes()
    (folder / "cat" / "a.JPEG").write_bytes(whole[: len(whole) // 2])
    (folder / "dog" / "9.jpg").write_text("this is a text")
    images = folders.image_folder(folder, SIZE)
    images.read(np.array([0, 2, 3]))
    with pytest.raises(
        BadInput, match=r"cat/a.JPEG is a broken picture: .*[Tt]runcated"
    ):
        images.read(np.array([0, 1]))
    with pytest.raises(BadInput, match=r"dog/9.jpg is no picture; allowed are JPEG"):
        images.read(np.array([4]))


def test_a_file_that_has_gone_is_named(folder):
    images = folders.image_folder(folder, SIZE)
    (folder / "cat" / "b.png").unlink()
    with pytest.raises(BadInput, match=r"cat/b.png cannot be read: No such file"):
        images.read(np.array([2]))


def test_a_folder_without_classes_is_refused(tmp_path):
    with pytest.raises(BadInput, match=r"`folder` is .*nowhere; there is no such"):
        folders.image_folder(tmp_path / "nowhere", SIZE)
    Image.new("RGB", (9, 9)).save(tmp_path / "loose.png")
    with pytest.raises(BadInput, match=r"`folder` is .*; it must hold a folder for"):
        folders.image_folder(tmp_path, SIZE)


def test_a_class_without_pictures_is_refused(folder):
    (folder / "elk").mkdir()
    (folder / "elk" / "elk.psd").write_text("")
    with pytest.raises(BadInput, match=r"elk holds no picture; allowed are .jpg, "):
        folders.image_folder(folder, SIZE)


def test_the_fingerprint_is_of_names_lengths_classes_and_size(folder, tmp_path):
    def fingerprint(size=SIZE):
        return folders.image_folder(folder, size).fingerprint

    first = fingerprint()
    moved = shutil.copytree(folder, tmp_path / "elsewhere")
    assert folders.image_folder(moved, SIZE).fingerprint == first
    seen = {first, fingerprint(SIZE + 1)}
    file = folder / "cat" / "b.png"
    file.write_bytes(file.read_bytes() + b"\0")
    seen.add(fingerprint())
    file = file.rename(folder / "cat" / "c.png")
    seen.add(fingerprint())
    file = file.rename(folder / "dog" / "c.png")
    seen.add(fingerprint())
    (folder / "dog").rename(folder / "fox")
    seen.add(fingerprint())
    assert len(seen) == 6


@pytest.mark.parametrize("held_out", ["test", "val"])
def test_train_and_test_are_two_folders_of_the_same_classes(tmp_path, held_out):
    fill(tmp_path / "train")
    fill(
        tmp_path / held_out, {f"{name}/0.png": (9, 9) for name in ("Ant", "cat", "dog")}
    )
    train, test = folders.train_and_test(tmp_path, SIZE)
    assert train.classes == test.classes == ("Ant", "cat", "dog")
    assert (train.num_images, test.num_images) == (5, 3)
    assert train.size == test.size == SIZE


def test_test_goes_before_val(tmp_path):
    for name in ("train", "test"):
        fill(tmp_path / name)
    fill(tmp_path / "val", {"Ant/0.png": (9, 9)})
    assert folders.train_and_test(tmp_path, SIZE)[1].num_images == 5


def test_different_classes_are_named(tmp_path):
    fill(tmp_path / "train")
    fill(tmp_path / "val", {"cat/0.png": (9, 9), "elk/0.png": (9, 9)})
    with pytest.raises(
        BadInput, match="same classes, but only train has Ant, dog and only val has elk"
    ):
        folders.train_and_test(tmp_path, SIZE)


@pytest.mark.parametrize("present", ["train", "test"])
def test_both_folders_are_needed(tmp_path, present):
    fill(tmp_path / present)
    with pytest.raises(BadInput, match=r"must hold train/ and test/ or val/"):
        folders.train_and_test(tmp_path, SIZE)
