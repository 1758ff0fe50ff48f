"""Encoded pictures of any shape to square RGB arrays of one size."""

import io

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps

from jaxdissect.base import BadInput

FORMATS = ("JPEG", "PNG", "WEBP", "BMP")
"""What may be decoded; others would reach rarely used decoders with unknown files."""


def fit_square(image: Image.Image, size: int) -> UInt8[np.ndarray, "H W 3"]:
    """The largest central square, resized with an antialiased triangle filter.

    The same as resizing the short side to `size` and cropping the centre, but without
    rounding the place of the crop to whole pixels.

    Args:
        image: 8 bits per channel; greyscale and palettes become RGB, transparency is
            dropped.
        size: pixels.

    Returns:
        [size size 3]; an RGB image of that size is returned as it is.

    >>> fit_square(Image.new("L", (40, 20), 128), 8)[0, 0].tolist()
    [128, 128, 128]
    """
    if "transparency" in image.info:
        # Pillow turns a palette with transparency into RGB only with a warning.
        image = image.convert("RGBA")
    square = (size, size)
    return np.array(
        ImageOps.fit(image.convert("RGB"), square, Image.Resampling.BILINEAR)
    )


def decode_square(encoded: bytes, size: int, source: str) -> UInt8[np.ndarray, "H W 3"]:
    """An encoded picture, upright by its EXIF orientation, through `fit_square`.

    Args:
        encoded: JPEG, PNG, WebP or BMP; of an animation the first picture.
        size: pixels.
        source: where the picture comes from, for the message.

    Raises:
        BadInput: broken, of another format, or of more than 8 bits per channel.

    >>> file = io.BytesIO()
    >>> Image.new("RGB", (20, 40), "red").save(file, "PNG")
    >>> decode_square(file.getvalue(), 8, "red.png")[0, 0].tolist()
    [255, 0, 0]
    """
    deep = ""
    try:
        with Image.open(io.BytesIO(encoded), formats=FORMATS) as image:
            if not image.mode.startswith(_DEEP):
                return fit_square(ImageOps.exif_transpose(image), size)
            deep = image.mode
    except Image.UnidentifiedImageError:
        allowed = ", ".join(FORMATS)
        raise BadInput(f"{source} is no picture; allowed are {allowed}") from None
    except Exception as error:
        # Of broken bytes Pillow raises OSError mostly, but also SyntaxError, TypeError,
        # struct.error, and of decompression bombs what is an Exception only.
        raise BadInput(f"{source} is a broken picture: {error}") from error
    raise BadInput(f"{source} has mode {deep}; allowed are 8 bits per channel")


_DEEP = ("I", "F")
"""Modes of 16 or 32 bits, which Pillow clips to white instead of scaling them."""
