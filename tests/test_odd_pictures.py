"""Pictures of few or many bits, with inks, transparency, or absurd sizes."""

import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, TiffImagePlugin
from test_decoding import NOISE, ORIENTATION, TO_DISPLAY, encoded

from jaxdissect.data import decoding
from jaxdissect.errors import BadInput

SIZE = 24
SQUARE = NOISE[:, :SIZE]
DEEP = np.arange(SIZE * SIZE, dtype=np.uint16).reshape(SIZE, SIZE) * 113 + 5


def decode(data):
    return decoding.decode_square(data, SIZE, "file")


def on_white(colours, alpha):
    """[H W 3]: what shows of colours [H W 3] under alpha [H W 1], as fractions."""
    return colours * alpha + 255.0 * (1 - alpha)


def chunk(name, content):
    checksum = zlib.crc32(name + content)
    return (
        struct.pack(">I", len(content)) + name + content + struct.pack(">I", checksum)
    )


def png(values, kind, *, width=SIZE, height=SIZE):
    """A PNG of 16 bits, byte by byte; Pillow writes grey ones only."""
    header = struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    parts = (b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
@pytest.mark.parametrize("file_format", ["PNG", "TIFF", "WEBP"])
def test_what_is_transparent_shows_white(mode, file_format):
    image = Image.fromarray(SQUARE).convert(mode)
    alpha = NOISE[:, -SIZE:, :1]
    image.putalpha(Image.fromarray(alpha[..., 0]))
    options = {"lossless": True, "exact": True} if file_format == "WEBP" else {}
    want = on_white(
        np.asarray(image.convert("RGBA"))[..., :3].astype(float), alpha / 255
    )
    got = decode(encoded(image, file_format, **options))
    np.testing.assert_allclose(got, want, atol=1)


def test_colours_hidden_under_transparency_do_not_show():
    hidden = Image.fromarray(np.concatenate([SQUARE, 0 * SQUARE[..., :1]], -1))
    assert (decode(encoded(hidden)) == 255).all()


def test_a_transparent_palette_shows_white_where_it_is_transparent():
    image = Image.fromarray(SQUARE).quantize(4)
    alpha = np.array([0, 128, 255, 255])[np.asarray(image)][..., None] / 255
    data = encoded(image, transparency=bytes([0, 128, 255, 255]))
    want = on_white(np.asarray(image.convert("RGB")).astype(float), alpha)
    np.testing.assert_allclose(decode(data), want, atol=1)


def test_one_transparent_colour_shows_white():
    grey = Image.fromarray(np.where(DEEP > 9999, 200, 77).astype(np.uint8))
    want = np.where(np.asarray(grey) == 77, 255, 200)
    np.testing.assert_array_equal(decode(encoded(grey, transparency=77))[..., 1], want)
    deep = Image.fromarray(np.where(DEEP > 9999, 51400, 77).astype(np.uint16))
    np.testing.assert_array_equal(decode(encoded(deep, transparency=77))[..., 1], want)


def test_of_an_animation_the_first_picture_is_read():
    first, second = (Image.fromarray(SQUARE).quantize(n) for n in (16, 2))
    data = encoded(first, "GIF", save_all=True, append_images=[second])
    np.testing.assert_array_equal(decode(data), np.asarray(first.convert("RGB")))


@pytest.mark.parametrize(
    ("file_format", "byte_order"), [("PNG", "<"), ("TIFF", "<"), ("TIFF", ">")]
)
def test_sixteen_bits_of_grey_are_scaled(file_format, byte_order):
    image = Image.fromarray(DEEP.astype(f"{byte_order}u2"))
    want = np.rint(DEEP / 257)
    got = decode(encoded(image, file_format))
    np.testing.assert_array_equal(got, np.repeat(want[..., None], 3, -1))


@pytest.mark.parametrize("orientation", TO_DISPLAY)
def test_sixteen_bits_stand_upright(orientation):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    got = decode(encoded(Image.fromarray(DEEP), exif=exif))[..., 0]
    np.testing.assert_array_equal(got, TO_DISPLAY[orientation](np.rint(DEEP / 257)))


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 65535), st.sampled_from([(2, 3), (4, 2), (6, 4)]))
def test_sixteen_bits_of_colour_are_within_one_of_their_scaled_value(value, kind):
    number, channels = kind
    values = np.full((SIZE, SIZE, channels), value, np.uint16)
    opaque = values if channels == 3 else np.concatenate(
        [values[..., :-1], np.full((SIZE, SIZE, 1), 65535, np.uint16)], -1
    )  # fmt: skip
    got = decode(png(opaque, number))
    assert np.abs(got - value / 257).max() <= 1


def test_twelve_bits_fill_the_range():
    values = np.array([[0, 4095], [2048, 16]])
    # Two pixels of 12 bits are three bytes; these follow the header and nine tags.
    strip = b"".join(((a << 12) | b).to_bytes(3, "big") for a, b in values.tolist())
    start = 8 + 2 + 9 * 12 + 4
    tags = {256: 2, 257: 2, 258: 12, 259: 1, 262: 1, 273: start, 277: 1, 278: 2, 279: 6}
    listed = b"".join(struct.pack("<HHII", tag, 4, 1, v) for tag, v in tags.items())
    head = b"II*\0" + struct.pack("<IH", 8, len(tags))
    got = decoding.decode_square(head + listed + bytes(4) + strip, 2, "file")[..., 0]
    np.testing.assert_array_equal(got, np.rint(values / 4095 * 255))


def test_where_white_is_zero_it_stays_white():
    info = TiffImagePlugin.ImageFileDirectory_v2()
    info[decoding.PHOTOMETRIC] = decoding.WHITE_IS_ZERO
    data = encoded(Image.fromarray(DEEP), "TIFF", tiffinfo=info)
    got = decode(data)[..., 0]
    np.testing.assert_array_equal(got, np.rint((65535 - DEEP.astype(int)) / 257))


@pytest.mark.parametrize("values", [np.int32, np.float32])
def test_numbers_without_a_known_range_are_refused(values):
    data = encoded(Image.fromarray(DEEP.astype(values)), "TIFF")
    with pytest.raises(
        BadInput, match=r"^file has mode [IF]; allowed are grey of up t"
    ):
        decode(data)


def inks(transform):
    """A JPEG of one colour in four channels, and these as they are stored."""
    stored = (180, 100, 140, 220)
    # As files have inks turned over, and Pillow turns them over when it writes.
    image = Image.new("CMYK", (SIZE, SIZE), tuple(255 - v for v in stored))
    data = bytearray(encoded(image, "JPEG", quality=100))
    marker = data.index(b"Adobe")
    assert data[marker + 11] == 0
    data[marker + 11] = transform
    return bytes(data), stored


def test_inks_as_adobe_writes_them_become_light():
    data, (*light, black) = inks(0)
    want = np.array(light) * black / 255
    assert np.abs(decode(data) - want).max() <= 2


def test_inks_as_luma_and_chroma_become_light():
    data, (y, cb, cr, black) = inks(2)
    light = np.array(
        [
            y + 1.402 * (cr - 128),
            y - 0.344136 * (cb - 128) - 0.714136 * (cr - 128),
            y + 1.772 * (cb - 128),
        ]
    )
    # The decoder turns colours into inks, and these are turned over once more.
    want = (255 - np.clip(light, 0, 255)) * black / 255
    assert np.abs(decode(data) - want).max() <= 2


def test_one_bit_is_black_or_white():
    pixels = SQUARE[..., 0] > 127
    got = decode(encoded(Image.fromarray(pixels)))
    np.testing.assert_array_equal(got[..., 0], 255 * pixels)


@pytest.mark.parametrize("shape", [(1, 1), (1, 3000), (3000, 1)])
def test_a_pixel_fills_the_square(shape):
    data = encoded(Image.new("RGB", shape, (10, 20, 30)))
    got = decoding.decode_square(data, 5, "file")
    np.testing.assert_array_equal(got, np.tile(np.uint8([10, 20, 30]), (5, 5, 1)))


def test_what_claims_to_be_enormous_is_refused():
    data = png(DEEP[:1], 2, width=40_000, height=40_000)
    with pytest.raises(BadInput, match=r"^file is too large: .*1600000000 pixels"):
        decode(data)
    assert len(data) < 1000


def test_a_profile_changes_nothing():
    plain = Image.fromarray(SQUARE)
    data = encoded(plain, icc_profile=b"any profile")
    assert b"iCCP" in data
    np.testing.assert_array_equal(decode(data), SQUARE)
