"""Pictures become squares as the formulas say; broken ones become one sentence."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from jaxdissect.data import decoding
from jaxdissect.errors import BadInput

NOISE = np.random.default_rng(0).integers(0, 256, (24, 40, 3), np.uint8)


def encoded(image, file_format="PNG", **options):
    file = io.BytesIO()
    image.save(file, file_format, **options)
    return file.getvalue()


def triangle_weights(length, side, size):
    """[size length]: what an output pixel takes of each pixel along one axis."""
    scale = side / size
    reach = max(scale, 1.0)
    weights = np.zeros((size, length))
    for i in range(size):
        centre = (length - side) / 2 + (i + 0.5) * scale
        for j in range(length):
            weights[i, j] = max(0.0, 1 - abs(j + 0.5 - centre) / reach)
    return weights / weights.sum(1, keepdims=True)


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 24), st.integers(1, 24), st.integers(1, 30))
def test_the_central_square_is_resized_by_a_triangle_filter(height, width, size):
    pixels, side = NOISE[:height, :width], min(height, width)
    down = triangle_weights(height, side, size)
    across = triangle_weights(width, side, size)
    want = np.einsum("ai,bj,ijc->abc", down, across, pixels.astype(float))
    got = decoding.fit_square(Image.fromarray(pixels), size)
    # Pillow rounds to bytes after each of its two passes.
    np.testing.assert_allclose(got, want, atol=1.01)


def test_a_ramp_keeps_its_central_part():
    ramp = np.broadcast_to(
        np.arange(0, 240, 2, dtype=np.uint8)[None, :, None], (40, 120, 3)
    )
    got = decoding.fit_square(Image.fromarray(np.ascontiguousarray(ramp)), 20)
    # Columns 40 to 79 remain; output pixel k is centred on columns 40+2k and 41+2k.
    want = 2 * (40 + 2 * np.arange(20)) + 1
    np.testing.assert_array_equal(got[..., 0], np.tile(want, (20, 1)))


def test_a_square_of_the_size_is_untouched():
    pixels = NOISE[:24, :24]
    np.testing.assert_array_equal(
        decoding.fit_square(Image.fromarray(pixels), 24), pixels
    )


@pytest.mark.parametrize("file_format", ["PNG", "BMP", "WEBP", "TIFF"])
def test_lossless_formats_give_back_the_pixels(file_format):
    pixels = NOISE[:24, :24]
    options = {"lossless": True} if file_format == "WEBP" else {}
    data = encoded(Image.fromarray(pixels), file_format, **options)
    np.testing.assert_array_equal(decoding.decode_square(data, 24, "file"), pixels)


TO_DISPLAY = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: a[::-1].swapaxes(0, 1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: a.swapaxes(0, 1)[::-1],
}
ORIENTATION = 0x0112


@pytest.mark.parametrize("file_format", ["PNG", "TIFF"])
@pytest.mark.parametrize("orientation", TO_DISPLAY)
def test_pictures_stand_upright_by_their_exif_orientation(orientation, file_format):
    stored = NOISE[:24, :24]
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    data = encoded(Image.fromarray(stored), file_format, exif=exif)
    np.testing.assert_array_equal(
        decoding.decode_square(data, 24, "file"), TO_DISPLAY[orientation](stored)
    )


RGB = Image.fromarray(NOISE)


@pytest.mark.parametrize(
    "image",
    [
        RGB.convert("L"),
        RGB.convert("1"),
        RGB.convert("LA"),
        RGB.convert("RGBA"),
        RGB.quantize(16),
    ],
    ids=lambda image: image.mode,
)
def test_every_mode_of_bytes_becomes_rgb(image):
    want = decoding.fit_square(image.convert("RGB"), 8)
    np.testing.assert_array_equal(
        decoding.decode_square(encoded(image), 8, "file"), want
    )


JPEG = encoded(RGB, "JPEG")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"not a picture", "^file.jpg is no picture; allowed are JPEG, PNG, WEBP, BMP"),
        (b"", "^file.jpg is no picture"),
        (JPEG[:300], "^file.jpg is a broken picture: Truncated File Read"),
        (JPEG[: len(JPEG) // 2], "^file.jpg is a broken picture: .*truncated"),
        (encoded(RGB)[:-200], "^file.jpg is a broken picture: .*truncated"),
        (encoded(RGB, "TIFF")[:-200], "^file.jpg is a broken picture: .*truncated"),
        (encoded(RGB, "PPM"), "^file.jpg is no picture"),
    ],
)
def test_what_cannot_be_decoded_is_refused_by_name(data, message):
    with pytest.raises(BadInput, match=message):
        decoding.decode_square(data, 8, "file.jpg")


WHOLE = [
    *(encoded(RGB, name) for name in ("JPEG", "PNG", "WEBP", "BMP", "TIFF")),
    encoded(RGB.quantize(16), "GIF"),
    encoded(RGB.convert("LA")),
    encoded(RGB.quantize(16), transparency=bytes([0, 99])),
    encoded(Image.fromarray(NOISE[..., 0].astype(np.uint16) * 99), "TIFF"),
]


@settings(deadline=None, max_examples=200)
@given(
    st.sampled_from(WHOLE),
    st.lists(st.tuples(st.integers(0, 400), st.integers(1, 255)), max_size=4),
    st.integers(0, 4000),
)
def test_damage_gives_a_picture_or_one_sentence(whole, flips, cut):
    damaged = bytearray(whole)
    for position, change in flips:
        damaged[position] ^= change
    try:
        image = decoding.decode_square(bytes(damaged[: len(whole) - cut]), 8, "file")
    except BadInput as error:
        assert str(error).startswith("file ")
    else:
        assert image.shape == (8, 8, 3)
