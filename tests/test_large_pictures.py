"""Large pictures: the same as in parts, in bounded memory, at most a few at once."""

import io
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image
from test_decoding import ORIENTATION, TO_DISPLAY

from jaxdissect.data import decoding, large_pictures
from jaxdissect.data.decoding import decode_square, decode_stretched
from jaxdissect.errors import BadInput

SIZE = 8
SMOOTH = np.add.outer(np.arange(96), np.arange(128)).astype(np.uint8)


@pytest.fixture
def small_is_large(monkeypatch):
    """Pictures of 1000 pixels are large, and go through memory in strips of 300."""
    monkeypatch.setattr(large_pictures, "LARGE", 1000)
    monkeypatch.setattr(large_pictures, "STRIP", 300)


def encoded(image, kind="PNG", **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def picture(mode):
    """96 x 128 pixels, smooth."""
    if mode == "I;16":
        return Image.fromarray(SMOOTH.astype(np.uint16) * 257)
    image = Image.fromarray(SMOOTH).convert("L" if mode == "LA" else "RGB")
    if mode in ("LA", "RGBA"):
        image.putalpha(Image.fromarray(SMOOTH[::-1]))
    return image.convert(mode) if image.mode != mode else image


def averaged(pixels):
    """[8 8 3] by numpy alone: the largest central square in equal parts."""
    height, width = pixels.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = pixels[top : top + side, left : left + side].astype(float)
    return square.reshape(SIZE, side // SIZE, SIZE, side // SIZE, 3).mean((1, 3))


@pytest.mark.parametrize("mode", ["L", "RGB", "P", "LA", "RGBA", "CMYK", "I;16"])
@pytest.mark.parametrize("decode", [decode_square, decode_stretched])
def test_in_strips_it_is_nearly_the_same(mode, decode, monkeypatch):
    image = picture(mode)
    data = encoded(image, "TIFF" if mode == "CMYK" else "PNG")
    want = decode(data, SIZE, "file").astype(int)
    monkeypatch.setattr(large_pictures, "LARGE", 1000)
    monkeypatch.setattr(large_pictures, "STRIP", 300)
    got = decode(data, SIZE, "file")
    assert np.abs(got - want).max() <= 3
    assert large_pictures.shrinkage(image.size, SIZE) == 2


@pytest.mark.usefixtures("small_is_large")
@pytest.mark.parametrize("orientation", TO_DISPLAY)
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_it_stands_upright(orientation, kind):
    rng = np.random.default_rng(1)
    pixels = rng.integers(0, 256, (3, 4, 3), np.uint8).repeat(32, 0).repeat(32, 1)
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    got = decode_square(encoded(Image.fromarray(pixels), kind, exif=exif), SIZE, "file")
    want = averaged(TO_DISPLAY[orientation](pixels))
    assert np.abs(got - want).mean() < 12  # a triangle reaches into the next cell


@pytest.mark.usefixtures("small_is_large")
def test_what_is_broken_stays_broken():
    noise = np.random.default_rng(0).integers(0, 256, (96, 128), np.uint8)
    data = encoded(Image.fromarray(noise))[:9000]
    with pytest.raises(BadInput, match=r"^x is a broken picture: "):
        decode_square(data, SIZE, "x")
    with pytest.raises(BadInput, match=r"^x is a broken picture: "):
        decoding.whole(data, "x")


def test_not_more_pixels_are_decoded_at_once_than_allowed(monkeypatch):
    monkeypatch.setattr(large_pictures, "LARGE", 100)
    now, most, lock = [0], [0], threading.Lock()

    def decode(pixels):
        with large_pictures.in_flight(pixels):
            with lock:
                now[0] += pixels
                most[0] = max(most[0], now[0] if now[0] > pixels else 0)
            time.sleep(0.002)
            with lock:
                now[0] -= pixels

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(decode, [30, 60, 500, 40, 99, 1, 30, 60, 500, 40] * 3))
    assert 0 < most[0] <= 100 and now[0] == 0


def test_an_error_lets_others_go_on(monkeypatch):
    monkeypatch.setattr(large_pictures, "LARGE", 100)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), large_pictures.in_flight(99):
            raise ZeroDivisionError
    with large_pictures.in_flight(99):
        pass


def test_pictures_beyond_pillows_limit_for_warnings_are_read_without_one():
    """Warnings are errors here."""
    data = encoded(Image.new("1", (9500, 9500), 1))
    assert (decode_square(data, 4, "file") == 255).all()
    assert decoding.decoded(data, "file").size == (9500, 9500)


PEAK = """
import sys
from pathlib import Path
import numpy as np
from jaxdissect.data import folders


def mib(name):
    # Unlike getrusage, this does not begin with what the parent had.
    for line in open("/proc/self/status"):
        if line.startswith(name):
            return int(line.split()[1]) // 1024


before = mib("VmRSS")
images = folders.image_folder(Path(sys.argv[1]), 224)
images.read(np.arange(images.num_images))
print(mib("VmHWM") - before)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "mode", "most"),
    [
        ("jpg", "RGB", 100),
        ("png", "RGB", 800),
        ("png", "RGBA", 800),
        ("png", "I;16", 400),
    ],
)
def test_several_of_a_hundred_megapixels_take_the_memory_of_one(
    kind, mode, most, tmp_path
):
    side = 10_000
    row = np.arange(side, dtype=np.uint16) % 251
    if mode == "I;16":
        image = Image.fromarray(np.tile(row * 200, (side, 1)))
    else:
        channels = np.stack([row.astype(np.uint8)] * len(mode), -1)
        image = Image.fromarray(np.tile(channels, (side, 1, 1)))
    (tmp_path / "a").mkdir()
    image.save(tmp_path / "a" / f"0.{kind}")
    for k in range(1, 4):
        (tmp_path / "a" / f"{k}.{kind}").hardlink_to(tmp_path / "a" / f"0.{kind}")
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", PEAK, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
    )
    print(f"{kind} {mode}: {run.stdout.strip()} MiB")
    assert int(run.stdout) < most
