"""Encoded pictures of any shape and kind to square RGB arrays of one size.

Colours are taken as the file has them: embedded ICC profiles are not applied, because
networks are trained on pictures that were read without them.
"""

import io
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps

from jaxdissect.data import large_pictures, listing
from jaxdissect.errors import BadInput

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF")
"""What may be decoded; others would reach rarely used decoders with unknown files."""

TRANSPARENT = ("LA", "La", "PA", "RGBA", "RGBa")
OPAQUE = ("1", "L", "P", "RGB", "RGBX", "CMYK", "YCbCr")
"""Pillow's names for what has 8 bits per channel or fewer."""

SIXTEEN_BITS = ("I;16", "I;16B", "I;16L")
"""Grey of up to 16 bits; other colours of 16 bits Pillow reads as their upper 8."""

NOT_OF_A_KIND = (SyntaxError, IndexError, TypeError, struct.error)
"""What Pillow raises of a header that is not of the kind that is tried."""

ORIENTATION, LYING = 0x0112, (5, 6, 7, 8)
"""Tag of EXIF, and which of its values mean a picture that lies on its side."""

PNG = b"\x89PNG\r\n\x1a\n"
"""What a PNG begins with."""

BITS, PHOTOMETRIC, WHITE_IS_ZERO = 258, 262, 0
"""Tags of TIFF, and what the second may say."""


def decoded(encoded: bytes, source: str) -> Image.Image:
    """A picture in its own size and mode, upright by its EXIF orientation.

    Args:
        encoded: JPEG, PNG, WebP, BMP, GIF or TIFF; of several pictures the first.
        source: where the picture comes from, for the message.

    Raises:
        BadInput: broken, of another format, or of more pixels than memory should take.

    >>> decoded(b"text", "a.png")
    Traceback (most recent call last):
    ...
    jaxdissect.errors.BadInput: a.png is no picture; allowed are JPEG, PNG, WEBP, ...
    """
    image = _upright(_opened(io.BytesIO(encoded), source), source)
    _check_sums(encoded, source)
    return image


def shape_of(path: Path) -> tuple[int, int]:
    """Height and width of a picture in a file, upright; its pixels are not decoded.

    Raises:
        BadInput: no such file, no picture, or one of too many pixels.

    >>> shape_of(Path("/nowhere"))
    Traceback (most recent call last):
    ...
    jaxdissect.errors.BadInput: /nowhere cannot be read: No such file or directory
    """
    with listing.opened(path) as file:
        image = _opened(file, str(path))
        pixels = image.width * image.height
        # What a PNG says after its pixels is read with them.
        with large_pictures.in_flight(pixels), _broken_is_bad_input(str(path)):
            lying = image.getexif().get(ORIENTATION, 1) in LYING
    width, height = image.size
    return (width, height) if lying else (height, width)


def whole(encoded: bytes, source: str) -> None:
    """Decode a picture to its end.

    Raises:
        BadInput: as `decoded` and `rgb`.

    >>> whole(b"text", "a.png")
    Traceback (most recent call last):
    ...
    jaxdissect.errors.BadInput: a.png is no picture; allowed are JPEG, PNG, WEBP, ...
    """
    _small(encoded, 1, source, lambda image: image)


def rgb(image: Image.Image, source: str) -> Image.Image:
    """A picture as one looks on a white page: 8 bits of red, green and blue.

    Grey of 16 bits is divided by 257, rounded; inks become light without a profile;
    what is transparent shows white, as the colours hidden there are anything.

    Args:
        image: of a mode in `OPAQUE`, `TRANSPARENT` or `SIXTEEN_BITS`.
        source: where the picture comes from, for the message.

    Raises:
        BadInput: numbers whose range is not known, such as 32 bits or fractions.

    >>> half_white = Image.new("LA", (1, 1), (0, 128))
    >>> rgb(half_white, "a.png").getpixel((0, 0))
    (127, 127, 127)
    """
    return _rgb(image, source, getattr(image, "tag_v2", {}))


def _rgb(image: Image.Image, source: str, tags: Mapping[int, Any]) -> Image.Image:
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode in SIXTEEN_BITS:
        image = _eight_bits(image, tags)
    if image.mode not in (*OPAQUE, *TRANSPARENT):
        raise BadInput(
            f"{source} has mode {image.mode}; allowed are grey of up to 16 bits, RGB, "
            "CMYK, YCbCr and palettes"
        )
    if image.mode in TRANSPARENT or "transparency" in image.info:
        # Pillow has no way from premultiplied grey to RGBA.
        image = image.convert("LA") if image.mode == "La" else image
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image.convert("RGB")


def fit_square(image: Image.Image, size: int) -> UInt8[np.ndarray, "H W 3"]:
    """The largest central square, resized with an antialiased triangle filter.

    The same as resizing the short side to `size` and cropping the centre, but without
    rounding the place of the crop to whole pixels.

    Args:
        image: any that `rgb` takes.
        size: pixels.

    Returns:
        [size size 3]; an RGB image of that size is returned as it is.

    >>> fit_square(Image.new("L", (40, 20), 128), 8)[0, 0].tolist()
    [128, 128, 128]
    """
    square = (size, size)
    fitted = ImageOps.fit(rgb(image, "`image`"), square, Image.Resampling.BILINEAR)
    return np.array(fitted)


def decode_square(encoded: bytes, size: int, source: str) -> UInt8[np.ndarray, "H W 3"]:
    """An encoded picture through `decoded`, `rgb` and `fit_square`.

    A picture of more than `large_pictures.LARGE` pixels is made smaller first by
    averaging squares of pixels (a JPEG by its decoder), to at least four times `size`.

    Args:
        encoded: as `decoded` takes it.
        size: pixels.
        source: where the picture comes from, for the message.

    Raises:
        BadInput: as `decoded` and `rgb`.

    >>> file = io.BytesIO()
    >>> Image.new("RGB", (20, 40), "red").save(file, "PNG")
    >>> decode_square(file.getvalue(), 8, "red.png")[0, 0].tolist()
    [255, 0, 0]
    """
    return _small(encoded, size, source, lambda image: fit_square(image, size))


def decode_stretched(
    encoded: bytes, size: int, source: str
) -> UInt8[np.ndarray, "H W 3"]:
    """An encoded picture, all of it resized to a square as by `stretched`.

    Args:
        encoded: as `decoded` takes it.
        size: pixels.
        source: where the picture comes from, for the message.

    Raises:
        BadInput: as `decoded` and `rgb`.

    >>> file = io.BytesIO()
    >>> Image.new("RGB", (20, 40), "red").save(file, "PNG")
    >>> decode_stretched(file.getvalue(), 8, "red.png").shape
    (8, 8, 3)
    """
    return _small(encoded, size, source, lambda image: stretched(image, size, source))


def stretched(
    image: Image.Image, size: int, source: str
) -> UInt8[np.ndarray, "{size} {size} 3"]:
    """A picture resized to a square, with an antialiased triangle filter.

    Args:
        image: any that `rgb` takes.
        size: pixels; an RGB picture of that size stays as it is.
        source: for the message.

    Raises:
        BadInput: as `rgb`.

    >>> stretched(Image.new("L", (40, 20), 128), 8, "a.png")[0, 0].tolist()
    [128, 128, 128]
    """
    image = rgb(image, source)
    if image.size != (size, size):
        image = image.resize((size, size), Image.Resampling.BILINEAR)
    return np.array(image)


def _small(
    encoded: bytes, size: int, source: str, use: Callable[[Image.Image], Any]
) -> Any:
    """What is made of a picture, while it counts as one of those being decoded."""
    width, height = _opened(io.BytesIO(encoded), source).size
    # Nothing here holds the picture once it does not count any more.
    made = large_pictures.in_turn(
        width * height, lambda: use(_shrunk(encoded, size, source))
    )
    _check_sums(encoded, source)
    return made


def _shrunk(encoded: bytes, size: int, source: str) -> Image.Image:
    """RGB and upright; of a large picture a smaller one."""
    image = _opened(io.BytesIO(encoded), source)
    factor = large_pictures.shrinkage(image.size, size)
    if factor == 1:
        return rgb(_upright(image, source), source)
    tags = getattr(image, "tag_v2", {})
    with _broken_is_bad_input(source):
        # Before it is turned upright, or it would be there twice.
        small = large_pictures.shrunk(
            image, factor, lambda part: _rgb(part, source, tags)
        )
        exif = Image.Exif()
        exif[ORIENTATION] = image.getexif().get(ORIENTATION, 1)
        small.info["exif"] = exif.tobytes()
    return _upright(small, source)


def _check_sums(encoded: bytes, source: str) -> None:
    """Refuse a PNG that is not as it was written.

    Its pixels have checksums, but Pillow passes over these when it reads them: a
    damaged one may be other pixels without a word.
    """
    if encoded.startswith(PNG):
        with _broken_is_bad_input(source):
            _opened(io.BytesIO(encoded), source).verify()


def _opened(file: io.BufferedIOBase, source: str) -> Image.Image:
    """A picture whose header has been read.

    Not by `Image.open`, which warns of pictures that are allowed here.
    """
    Image.init()
    for name in FORMATS:
        factory, accept = Image.OPEN[name]
        file.seek(0)
        start = file.read(16)
        file.seek(0)
        if accept is not None and not _accepts(accept, start):
            continue
        try:
            with _broken_is_bad_input(source):
                image = factory(cast(IO[bytes], file), "")
        except BadInput as error:
            if isinstance(error.__cause__, NOT_OF_A_KIND):
                continue
            raise
        large_pictures.check_pixels(image.size, source)
        return image
    raise BadInput(f"{source} is no picture; allowed are {', '.join(FORMATS)}")


def _accepts(accept: Callable[[bytes], Any], start: bytes) -> bool:
    try:
        found = accept(start)
    except NOT_OF_A_KIND:
        return False
    return bool(found) and not isinstance(found, str)


def _upright(image: Image.Image, source: str) -> Image.Image:
    with _broken_is_bad_input(source):
        ImageOps.exif_transpose(image, in_place=True)
        image.load()
    return image


@contextmanager
def _broken_is_bad_input(source: str) -> Iterator[None]:
    try:
        yield
    except BadInput:
        raise
    except Exception as error:
        # Of broken bytes Pillow raises OSError mostly, but also SyntaxError, TypeError,
        # struct.error and others.
        raise BadInput(f"{source} is a broken picture: {error}") from error


def _eight_bits(image: Image.Image, tags: Mapping[int, Any]) -> Image.Image:
    """Grey of up to 16 bits, scaled; one transparent grey becomes white."""
    (bits,) = tags.get(BITS, (16,))
    values, most = np.asarray(image).astype(np.int64), 2**bits - 1
    if tags.get(PHOTOMETRIC) == WHITE_IS_ZERO:
        values = most - values
    values = np.where(values == image.info.get("transparency", -1), most, values)
    return Image.fromarray(((values * 255 + most // 2) // most).astype(np.uint8))
