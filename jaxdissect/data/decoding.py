"""Encoded pictures of any shape and kind to square RGB arrays of one size.

Colours are taken as the file has them: embedded ICC profiles are not applied, because
networks are trained on pictures that were read without them.
"""

import io

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps

from jaxdissect.base import BadInput

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF")
"""What may be decoded; others would reach rarely used decoders with unknown files."""

TRANSPARENT = ("LA", "La", "PA", "RGBA", "RGBa")
OPAQUE = ("1", "L", "P", "RGB", "RGBX", "CMYK", "YCbCr")
"""Pillow's names for what has 8 bits per channel or fewer."""

SIXTEEN_BITS = ("I;16", "I;16B", "I;16L")
"""Grey of up to 16 bits; other colours of 16 bits Pillow reads as their upper 8."""

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
    jaxdissect.base.BadInput: a.png is no picture; allowed are JPEG, PNG, WEBP, BMP, ...
    """
    try:
        image = Image.open(io.BytesIO(encoded), formats=FORMATS)
        ImageOps.exif_transpose(image, in_place=True)
    except Image.UnidentifiedImageError:
        allowed = ", ".join(FORMATS)
        raise BadInput(f"{source} is no picture; allowed are {allowed}") from None
    except Image.DecompressionBombError as error:
        # A few bytes can claim to be any number of pixels.
        raise BadInput(f"{source} is too large: {error}") from None
    except Exception as error:
        # Of broken bytes Pillow raises OSError mostly, but also SyntaxError, TypeError,
        # struct.error and others.
        raise BadInput(f"{source} is a broken picture: {error}") from error
    return image


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
    if image.mode in SIXTEEN_BITS:
        image = _eight_bits(image)
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
    return fit_square(rgb(decoded(encoded, source), source), size)


def _eight_bits(image: Image.Image) -> Image.Image:
    """Grey of up to 16 bits, scaled; one transparent grey becomes white."""
    tags = getattr(image, "tag_v2", {})
    (bits,) = tags.get(BITS, (16,))
    values, most = np.asarray(image).astype(np.int64), 2**bits - 1
    if tags.get(PHOTOMETRIC) == WHITE_IS_ZERO:
        values = most - values
    values = np.where(values == image.info.get("transparency", -1), most, values)
    return Image.fromarray(((values * 255 + most // 2) // most).astype(np.uint8))
