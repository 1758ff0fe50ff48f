"""What is wrong with a folder of segmented images is said by file and line."""

import shutil
import zlib

import numpy as np
import pytest
from PIL import Image
from test_segmented import HEIGHT, WIDTH, folder, numbers, save

from jaxdissect.data.segmented_folder import segmented
from jaxdissect.errors import BadInput

__all__ = ["folder"]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("", r"labels.csv is empty"),
        ("index,name,category\n\n", r"labels.csv has no rows below line 1"),
        (
            "name,category\nsky,object\n",
            r"line 1 has no column index; it has name, cat",
        ),
        ("index;name;category\n1;a;b\n", r"line 1 has no column name; it has index;na"),
        ("index,name,category\n1,sky\n", r"labels.csv line 2 has 2 cells; there are 3"),
        ("index,name,category\n1,a,b\n1,c,d\n", r"line 3 has index 1 again; .* line 2"),
        ("number,name,category\n1,a,b\n1,c,d\n", r"line 3 has number 1 again; .* line"),
        ("index,name,category\n65536,a,b\n", r"line 2 has index '65536'; it must be a"),
        ("index,name,category\n1.0,a,b\n", r"line 2 has index '1.0'; it must be a who"),
        ("index,name,category\n,a,b\n", r"line 2 has index ''; it must be a whole num"),
        ("index,name,category\n1, ,b\n", r"labels.csv line 2 has no name"),
        ("index,name,category\n1,a,\n", r"labels.csv line 2 has no category"),
    ],
)
def test_a_broken_table_is_refused(folder, table, message):
    (folder / "labels.csv").write_text(table)
    with pytest.raises(BadInput, match=message):
        segmented(folder)


def test_a_folder_of_another_layout_is_refused(folder, tmp_path):
    with pytest.raises(
        BadInput, match=r"`folder` is .*; it must hold labels.csv, imag"
    ):
        segmented(tmp_path / "nowhere")
    with pytest.raises(BadInput, match=r"images/vall holds no picture; allowed are .j"):
        segmented(folder, split="vall")
    shutil.rmtree(folder / "images")
    with pytest.raises(BadInput, match=r"images holds no picture; allowed are .jpg"):
        segmented(folder)


def test_an_image_without_a_mask_is_refused(folder):
    (folder / "masks" / "train" / "b.c.png").unlink()
    with pytest.raises(
        BadInput, match=r"images/train/b.c.png has no mask; it must be .*/train/b.c.png"
    ):
        segmented(folder)
    assert len(segmented(folder, split="val").captions) == 1


@pytest.mark.parametrize("name", ["masks/train/a.png", "images/train/a.jpg"])
def test_an_empty_file_is_refused_before_loading(folder, name):
    (folder / name).write_bytes(b"")
    with pytest.raises(BadInput, match=rf"{name} is empty"):
        segmented(folder)


def test_two_images_of_one_name_are_refused(folder):
    Image.new("RGB", (WIDTH, HEIGHT)).save(folder / "images" / "train" / "a.png")
    with pytest.raises(
        BadInput, match=r"train/a.png has the same name as .*train/a.jpg"
    ):
        segmented(folder)


def test_a_further_mask_must_belong_to_one(folder):
    save(folder / "masks2" / "train" / "aa.png", numbers(1))
    with pytest.raises(
        BadInput, match=r"masks2/train/aa.png belongs to no mask in .*/m"
    ):
        segmented(folder)


def test_masks_without_images_are_passed_over(folder):
    save(folder / "masks" / "train" / "more.png", numbers(1))
    save(folder / "masks2" / "train" / "more.png", numbers(1))
    assert len(segmented(folder).captions) == 3


def test_a_mask_without_any_label_is_allowed(folder):
    save(folder / "masks" / "train" / "b.c.png", np.full((HEIGHT, WIDTH), 255))
    assert not segmented(folder).load(np.array([1]), size=9, stride=1).labels.any()


def four_bits(path):
    """Grey of four bits, which Pillow reads but does not write: a palette's renamed."""
    image = Image.new("P", (WIDTH, HEIGHT), 1)
    image.putpalette(list(range(48)))
    image.save(path, bits=4)
    data = bytearray(path.read_bytes())
    assert (data[24], data[25]) == (4, 3)
    start = data.index(b"PLTE") - 4
    del data[start : start + 12 + int.from_bytes(data[start : start + 4], "big")]
    data[25] = 0
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda p: save(p, numbers(1, 2)), r"a.png has label 2 at row ., column ."),
        (lambda p: save(p, numbers(0, 255), "I;16"), r"a.png has label 255 at row"),
        (lambda p: save(p, numbers(1).T), r"a.png is 9 x 6 pixels; its image is 6 x 9"),
        (lambda p: Image.new("RGB", (WIDTH, HEIGHT)).save(p), r"mode RGB in 8 bits; a"),
        (lambda p: Image.new("LA", (WIDTH, HEIGHT)).save(p), r"mode LA in 8 bits; a m"),
        (lambda p: Image.new("1", (WIDTH, HEIGHT)).save(p), r"mode 1 in 1 bits; a mas"),
        (four_bits, r"a.png has mode L in 4 bits; a mask must be 8-bit grey, palette"),
        (lambda p: Image.new("L", (WIDTH, HEIGHT)).save(p, "JPEG"), r"is a JPEG file;"),
        (lambda p: p.write_bytes(p.read_bytes()[:50]), r"a.png is a broken picture: "),
        (lambda p: p.write_text("text"), r"a.png is no picture; allowed are JPEG, PNG"),
        (lambda p: p.unlink(), r"masks/train/a.png cannot be read: No such file or di"),
    ],
)
def test_a_broken_mask_is_named_when_it_is_loaded(folder, spoil, message):
    source = segmented(folder)
    spoil(folder / "masks" / "train" / "a.png")
    source.load(np.array([1, 2]), size=9, stride=3)
    with pytest.raises(BadInput, match=message):
        source.load(np.array([1, 0]), size=9, stride=3)
