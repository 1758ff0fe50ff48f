"""Large pictures in bounded memory: few at a time, and made smaller while decoded.

A picture of 100 million pixels takes 300 MB as red, green and blue, and a photograph of
16 bits or with transparency several times that, for each thread that reads one.
"""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from PIL import Image

from jaxdissect.errors import BadInput

MOST = 178_956_970
"""Pixels of a picture that is read at all; a few bytes can claim to be any number."""

LARGE = 2**25
"""Pixels from which on a picture is made smaller before it is resized, and how many may
be decoded at once."""

LEAST = 4
"""A picture that is made smaller first stays this many times as large as wanted."""

STRIP = 2**22
"""Pixels of a large picture that change their mode at a time."""


def check_pixels(size: tuple[int, int], source: str) -> None:
    """Refuse pictures that no memory should take.

    >>> check_pixels((40_000, 40_000), "a.png")
    Traceback (most recent call last):
    ...
    jaxdissect.errors.BadInput: a.png is too large: 40000 x 40000 are 1600000000 ...
    """
    width, height = size
    if width * height > MOST:
        raise BadInput(
            f"{source} is too large: {width} x {height} are {width * height} pixels; "
            f"at most {MOST} are read"
        )


class _Flight:
    """Pixels that are being decoded, in all threads together."""

    def __init__(self) -> None:
        self.pixels = 0
        self.changed = threading.Condition()

    @contextmanager
    def of(self, pixels: int) -> Iterator[None]:
        with self.changed:
            # One picture alone may be of any size.
            self.changed.wait_for(
                lambda: not self.pixels or self.pixels + pixels <= LARGE
            )
            self.pixels += pixels
        try:
            yield
        finally:
            with self.changed:
                self.pixels -= pixels
                self.changed.notify_all()


in_flight = _Flight().of
"""(pixels) -> a context in which so many may be decoded; waits for others to end."""


def in_turn(pixels: int, decode: Callable[[], Any]) -> Any:
    """What decoding a picture gives, once so many pixels may be decoded.

    >>> in_turn(9, lambda: "picture")
    'picture'
    """
    with in_flight(pixels):
        if pixels <= LARGE:
            return decode()
        # Freed memory stays with the thread that had it, so one thread has it.
        return _one_thread.submit(decode).result()


_one_thread = ThreadPoolExecutor(1, "large-pictures")


def shrinkage(size: tuple[int, int], wanted: int) -> int:
    """The number by which a large picture's sides may be divided first.

    Args:
        size: width and height.
        wanted: pixels along a side at last.

    Returns:
        1, 2, 4 or 8, as far as decoders of JPEG go; 1 for pictures that are not large.

    >>> shrinkage((3000, 2000), 224), shrinkage((10_000, 10_000), 224)
    (1, 8)
    """
    if size[0] * size[1] <= LARGE:
        return 1
    return max(k for k in (1, 2, 4, 8) if k == 1 or k * LEAST * wanted <= min(size))


def shrunk(
    image: Image.Image, factor: int, to_rgb: Callable[[Image.Image], Image.Image]
) -> Image.Image:
    """A picture in red, green and blue, every square of pixels averaged.

    Args:
        image: opened, and perhaps not decoded yet.
        factor: side of the squares.
        to_rgb: picture -> the same as RGB, pixel by pixel.

    Returns:
        Of a JPEG the decoder makes half, quarter or eighth sizes itself, as far as
        `factor` is divided by these.

    >>> shrunk(Image.new("L", (90, 60), 7), 3, lambda part: part.convert("RGB")).size
    (30, 20)
    """
    whole = image.size
    image.draft(None, (whole[0] // factor, whole[1] // factor))
    factor = max(1, factor * image.size[0] // whole[0])
    image.load()
    if image.width * image.height <= STRIP:
        small = to_rgb(image)
        return small.reduce(factor) if factor > 1 else small
    width, height = image.size
    out = Image.new("RGB", (-(-width // factor), -(-height // factor)))
    rows = max(1, STRIP // width // factor) * factor
    for top in range(0, height, rows):
        strip = to_rgb(image.crop((0, top, width, min(top + rows, height))))
        out.paste(strip.reduce(factor) if factor > 1 else strip, (0, top // factor))
    return out
