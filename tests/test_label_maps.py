"""Pictures and label maps onto a square grid."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from jaxdissect.data import decoding, label_maps
from jaxdissect.errors import BadInput

PATH = Path("a.png")


@settings(deadline=None, max_examples=60)
@given(length=st.integers(1, 400), cells=st.integers(1, 400))
def test_middles_are_nearest_neighbours(length, cells):
    row = Image.fromarray(np.arange(length, dtype=np.int32)[None])
    want = np.asarray(row.resize((cells, 1), Image.Resampling.NEAREST))[0]
    got = label_maps.middles(length, cells)
    # Where a middle lies between two pixels, Pillow's rounding errors decide.
    between = (2 * np.arange(cells) + 1) * length % (2 * cells) == 0
    np.testing.assert_array_equal(got[~between], want[~between])
    assert set(got[between] - want[between]) <= {0, 1}


@pytest.mark.parametrize(("size", "stride"), [(8, 2), (9, 3), (224, 4), (112, 1)])
def test_the_middle_of_a_whole_stride_is_half_of_it_along(size, stride):
    want = np.arange(size)[stride // 2 :: stride]
    np.testing.assert_array_equal(label_maps.middles(size, size // stride), want)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK"])
def test_every_mode_of_8_bits_becomes_rgb(mode):
    image = Image.new("RGB", (6, 4), "white").convert(mode)
    if mode == "P":
        image.info["transparency"] = bytes(256)
    got = decoding.stretched(image, 5, str(PATH))
    assert got.shape == (5, 5, 3)
    assert (got == 255).all()


@pytest.mark.parametrize("mode", ["I", "F"])
def test_numbers_of_unknown_range_are_refused(mode):
    with pytest.raises(BadInput, match=rf"a.png has mode {mode}; allowed are grey of"):
        decoding.stretched(Image.new(mode, (6, 4)), 5, str(PATH))


def test_files_below_a_folder_are_listed_with_their_lengths(tmp_path):
    for name in ("b/2.png", "b/a/1.png", "b.png", ".hidden/1.png", "b/.hidden.png"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere")
    (tmp_path / "link").symlink_to(tmp_path / "b" / "a")
    assert list(label_maps.files_below(tmp_path).items()) == [
        ("b.png", 5), ("b/2.png", 7), ("b/a/1.png", 9),
    ]  # fmt: skip


@pytest.mark.parametrize("num_concepts", [1, 255, 256, 40000])
def test_labels_fit_into_their_type(num_concepts):
    def read_one(k, size, cells):
        layer = np.full((cells, cells), num_concepts)
        return np.zeros((size, size, 3), np.uint8), [layer]

    load = label_maps.loader(read_one, 3, num_concepts)
    labels = load(np.array([2, 0]), size=4, stride=2).labels
    assert (labels == num_concepts).all()
    assert labels.itemsize == (1 if num_concepts < 256 else 2)
