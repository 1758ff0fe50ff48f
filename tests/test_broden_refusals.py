"""What is wrong with a Broden is said by file and line."""

import numpy as np
import pytest
from PIL import Image
from test_broden import edit, folder, save_map

from jaxdissect.data.broden_folder import broden
from jaxdissect.errors import BadInput

__all__ = ["folder"]


def test_without_the_archive_it_is_said_what_to_download(tmp_path):
    with pytest.raises(
        BadInput,
        match=r"has no index.csv; download broden1_224.zip .*x/index.csv exists",
    ):
        broden(tmp_path / "x")


@pytest.mark.parametrize(
    ("table", "old", "new", "message"),
    [
        ("index", ",sh,", ",height,", r"index.csv line 1 has no column sh; it has im"),
        ("index", ",texture", ",textures", r"line 1 has no column texture; it has"),
        ("index", ",,302;303", "", r"index.csv line 3 has 10 cells; there are 12 col"),
        ("index", "1,,,,6,", "1,,,,6,,7", r"index.csv line 7 has 13 cells; there are"),
        ("index", "302;303", "302;304", r"line 3 has texture 304, which label.csv do"),
        ("index", "6,b_c", "6.5,b_c", r"line 3 has sw '6.5'; it must be a whole numb"),
        ("index", "6,b_c", "0,b_c", r"line 3 has sw '0'; it must be .* from 1 to 655"),
        ("index", "a_p2", "a_p3", r"line 2 names .*/images/a_p3.png, which is not th"),
        ("index", "dtd/b", "dtd/g", r"line 3 names .*/dtd/g.png, which is not there"),
        ("index", "a_p2", "../a", r"line 2 names .*/images/../a.png, which is not the"),
        ("label", ",name,", ",names,", r"label.csv line 1 has no column name; it has"),
        ("label", "\n2,sky", "\n2x,sky", r"label.csv line 3 has number '2x'; it must"),
        ("label", "\n2,sky", "\n-2,sky", r"label.csv line 3 has number '-2'; it must"),
        ("label", "\n2,sky", "\n65536,sky", r"line 3 has number '65536'; it must be a"),
        ("label", "\n2,sky", "\n1,sky", r"line 3 has number 1 again; .* line 2 has it"),
        ("label", "part(1);object(1),1,1.0,", "part(1)", r"line 9 has 3 cells; there"),
        ("label", "2,sky", '2,"sky', r"label.csv line 11 is broken: unexpected end"),
        ("category", "name,", "names,", r"category.csv line 1 has no column name; it"),
    ],
)
def test_a_broken_table_is_refused(folder, table, old, new, message):
    edit(folder, table, old, new)
    with pytest.raises(BadInput, match=message):
        broden(folder)


@pytest.mark.parametrize(
    ("table", "contents", "message"),
    [
        ("index", b"", "index.csv is empty"),
        ("label", b"number,name,category\n", "label.csv has no rows below line 1"),
        ("label", b"number,name\xff", "label.csv is no text in UTF-8"),
    ],
)
def test_a_table_cut_short_is_refused(folder, table, contents, message):
    (folder / f"{table}.csv").write_bytes(contents)
    with pytest.raises(BadInput, match=message):
        broden(folder)


@pytest.mark.parametrize("table", ["label", "category"])
def test_a_missing_table_is_named(folder, table):
    (folder / f"{table}.csv").unlink()
    with pytest.raises(BadInput, match=rf"{table}.csv cannot be read: No such file"):
        broden(folder)


def test_unknown_options_are_refused(folder):
    with pytest.raises(BadInput, match=r"`categories` has 'colour'; .*csv lists color"):
        broden(folder, categories=("color", "colour"))
    with pytest.raises(
        BadInput, match="`split` is 'test'; it must be one of all, train"
    ):
        broden(folder, split="test")
    with pytest.raises(
        BadInput, match="no image with a label of texture where `split`"
    ):
        broden(folder, categories=("texture",), split="train")


def test_an_empty_file_is_refused_before_loading(folder):
    (folder / "images" / "b_c.png").write_bytes(b"")
    with pytest.raises(BadInput, match=r"line 3 names .*/b_c.png, which is empty"):
        broden(folder)


def test_only_files_of_the_chosen_images_and_categories_are_needed(folder):
    for name in ("a_o.png", "c_o.png", "pascal/c.jpg", "pascal/d.jpg"):
        (folder / "images" / name).unlink()
    assert len(broden(folder, categories=("color", "part")).captions) == 3


def numbered(number):
    values = np.zeros((4, 6), int)
    values[2, 5] = number
    return values


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda p: save_map(p, numbered(299)),
            r"a_p2.png has label 299 at row 2, colu",
        ),
        (lambda p: save_map(p, numbered(999)), r"a_p2.png has label 999 at row 2, col"),
        (
            lambda p: save_map(p, numbered(1)[:3]),
            r"a_p2.png is 3 x 6 pixels; .* line 2",
        ),
        (lambda p: Image.new("RGB", (6, 4), "blue").save(p), r"has label 16711680 at "),
        (lambda p: Image.new("L", (6, 4)).save(p), r"a_p2.png has mode L; label maps "),
        (lambda p: p.write_bytes(p.read_bytes()[:60]), r"a_p2.png is a broken pictur"),
        (lambda p: p.write_text("text"), r"a_p2.png is no picture; allowed are JPEG"),
        (lambda p: p.unlink(), r"a_p2.png cannot be read: No such file or directory"),
    ],
)
def test_a_broken_label_map_is_named_when_it_is_loaded(folder, spoil, message):
    source = broden(folder)
    spoil(folder / "images" / "a_p2.png")
    source.load(np.array([1, 2, 3]), size=12, stride=3)
    with pytest.raises(BadInput, match=message):
        source.load(np.array([1, 0]), size=12, stride=3)


def test_a_broken_image_is_named_when_it_is_loaded(folder):
    source, path = broden(folder), folder / "images" / "pascal" / "c.jpg"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(BadInput, match=r"pascal/c.jpg is a broken picture"):
        source.load(np.array([2]), size=12, stride=3)


@pytest.mark.parametrize(
    ("indices", "stride", "message"),
    [
        ([4], 3, "`indices` has 4; the images are 0 to 3"),
        ([-1], 3, "`indices` has -1; the images are 0 to 3"),
        ([0], 0, "`stride` is 0; it must be from 1 to the size, 12"),
        ([0], 13, "`stride` is 13; it must be from 1 to the size, 12"),
    ],
)
def test_what_there_is_not_cannot_be_loaded(folder, indices, stride, message):
    with pytest.raises(BadInput, match=message):
        broden(folder).load(np.array(indices), size=12, stride=stride)
