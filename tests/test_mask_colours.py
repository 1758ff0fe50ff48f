"""Masks whose colours stand for labels, with soft edges."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from test_mask_survey import notes, refusal
from test_segmented import HEIGHT, WIDTH

from jaxdissect.data.mask_colours import colours, labels_by_colour, parsed
from jaxdissect.data.segmented_folder import segmented
from jaxdissect.errors import BadInput

TABLE = "name,category,colour\ncar,object,#ff0000\ntree,object,0 128 0\n"
RED, GREEN, BLACK, WHITE = (255, 0, 0), (0, 128, 0), (0, 0, 0), (255, 255, 255)


def make(root, colours, table=TABLE, suffix=".png", **options):
    pixels = np.resize(np.array(colours, np.uint8), (HEIGHT, WIDTH, len(colours[0])))
    for name in ("images", "masks"):
        (root / name).mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (WIDTH, HEIGHT)).save(root / "images" / "a.png")
    Image.fromarray(pixels).save(root / "masks" / f"a{suffix}", **options)
    (root / "labels.csv").write_text(table)
    return root, pixels


def loaded(root, **settings):
    source = segmented(root, **settings)
    return source.load(np.array([0]), size=18, stride=1).labels[0, ..., 0]


def wanted(pixels, meaning):
    labels = np.array([[meaning[tuple(p[:3])] for p in row] for row in pixels.tolist()])
    return labels.repeat(3, 0).repeat(2, 1)


def test_a_colour_is_its_label(tmp_path):
    root, pixels = make(tmp_path, [RED, GREEN, BLACK, RED, WHITE])
    meaning = {RED: 1, GREEN: 2, BLACK: 0, WHITE: 0}
    np.testing.assert_array_equal(loaded(root), wanted(pixels, meaning))
    assert "have a label." in notes(root)


def test_listed_black_is_a_label(tmp_path):
    root, pixels = make(tmp_path, [RED, BLACK], TABLE + "void,object,#000000\n")
    np.testing.assert_array_equal(loaded(root), wanted(pixels, {RED: 1, BLACK: 3}))


def test_a_palette_is_read_by_its_colours(tmp_path):
    root, pixels = make(tmp_path, [RED, GREEN, RED, RED])
    mask = root / "masks" / "a.png"
    Image.open(mask).quantize(7).save(mask)
    assert Image.open(mask).mode == "P"
    np.testing.assert_array_equal(loaded(root), wanted(pixels, {RED: 1, GREEN: 2}))


def test_grey_is_a_number_where_the_table_has_numbers(tmp_path):
    table = "index,name,category,color\n4,car,object,#ff0000\n9,tree,object,#008000\n"
    root, pixels = make(tmp_path, [RED, GREEN], table)
    np.testing.assert_array_equal(loaded(root), wanted(pixels, {RED: 1, GREEN: 2}))
    numbers = np.where(pixels[..., 0] > 0, 4, 9).astype(np.uint8)
    Image.fromarray(numbers).save(root / "masks" / "a.png")
    np.testing.assert_array_equal(loaded(root), wanted(pixels, {RED: 1, GREEN: 2}))


def test_what_is_transparent_has_no_label(tmp_path):
    root, pixels = make(tmp_path, [(*RED, 255), (*RED, 0), (*GREEN, 255), (*RED, 128)])
    got = loaded(root)
    want = wanted(pixels, {RED: 1, GREEN: 2})
    np.testing.assert_array_equal(
        got, want * (pixels[..., 3] == 255).repeat(3, 0).repeat(2, 1)
    )


def test_soft_pixels_have_no_label_and_are_counted(tmp_path):
    soft = [RED] * 13 + [(200, 0, 0)]
    root, pixels = make(tmp_path, soft)
    share = (pixels[..., 0] == 200).sum()
    said = notes(root)
    assert (
        f"{share} of 54 pixels of masks ({share / 54:.1%}) are farther than 0" in said
    )
    assert "farther" not in notes(root, tolerance=55.0)
    assert (loaded(root, tolerance=55.0) == 1).all()
    assert (loaded(root) == 0).sum() == 6 * share


def test_too_many_soft_pixels_are_refused(tmp_path):
    root, _ = make(tmp_path, [RED, (200, 0, 0)])
    said = refusal(root)
    assert "27 of 54 pixels of masks (50.0%) are farther than 0 from every" in said
    assert "raise `tolerance`, so that at most 10% are" in said
    assert "no pixel of the 1 masks" in refusal(make(tmp_path / "b", [BLACK, WHITE])[0])


def test_a_jpeg_is_soft_everywhere_and_read_with_a_tolerance(tmp_path):
    halves = [[RED] * 4 + [GREEN] * 5] * HEIGHT
    root, _ = make(tmp_path, [RED])
    (root / "masks" / "a.png").unlink()
    mask = Image.fromarray(np.array(halves, np.uint8))
    mask.save(root / "masks" / "a.jpg", quality=95, subsampling=0)
    assert "farther than 0" in refusal(root)
    got = loaded(root, tolerance=60.0)
    assert (got[:, :6] == 1).all() and (got[:, 12:] == 2).all()


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (TABLE.replace("#ff0000", "#ff000"), "line 2 has colour '#ff000'; it must be"),
        (TABLE.replace("#ff0000", ""), "line 2 has colour ''; it must be"),
        (TABLE.replace("0 128 0", "0 128 256"), "line 3 has colour '0 128 256'; it mu"),
        (TABLE.replace("0 128 0", "255 0 0"), "line 3 has colour 255 0 0 again; "),
        ("index," + TABLE.replace("car", "1,car").replace("tree", "2,tree").replace(
            "#ff0000", "red"), "line 2 has colour 'red'; it must be"),
    ],
)  # fmt: skip
def test_what_is_no_colour_is_refused_by_line(tmp_path, table, said):
    assert said in refusal(make(tmp_path, [RED], table)[0])


def test_colours_must_be_listed_for_masks_in_colours(tmp_path):
    root, _ = make(tmp_path, [RED], "index,name,category\n1,car,object\n")
    assert "for colours labels.csv needs a column colour" in refusal(root)
    assert "it is for colours, and" in refusal(root, tolerance=5.0)


def test_a_tolerance_never_makes_a_pixel_of_two_colours(tmp_path):
    root, _ = make(tmp_path, [RED])
    assert "two colours of " in refusal(root, tolerance=200.0)
    for tolerance in (-1.0, float("nan"), float("inf")):
        with pytest.raises(BadInput, match="`tolerance` is"):
            colours({RED: 1}, tolerance, "labels.csv")


COLOUR = st.tuples(*[st.integers(0, 255)] * 3)


@settings(deadline=None, max_examples=40)
@given(st.lists(COLOUR, min_size=2, max_size=5, unique=True), st.data())
def test_labels_are_those_of_the_only_colour_that_is_near(listed, data):
    apart = min(
        np.linalg.norm(np.subtract(a, b)) for a in listed for b in listed if a != b
    )
    tolerance = data.draw(st.floats(0, 0.49)) * apart
    known = colours(dict(zip(listed, range(1, 6), strict=False)), tolerance, "t")
    pixels = np.array([[*listed, *data.draw(st.lists(COLOUR, max_size=5))]], np.uint8)
    got = labels_by_colour(pixels, known)[0]
    for pixel, label in zip(pixels[0].astype(int), got, strict=True):
        near = [
            k
            for k, colour in enumerate(listed, 1)
            if np.linalg.norm(pixel - colour) <= tolerance
        ]
        assert [label] == near or (not near and label in (0, -1))


def test_colours_are_written_in_two_ways():
    assert parsed(" #Ff8000 ") == parsed("255, 128,0") == parsed("255 128 0")
    assert parsed("1 2") is parsed("256 0 0") is parsed("ff8000") is None
