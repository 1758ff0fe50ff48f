"""Pictures of where a unit is active, small enough to live inside a page."""

import base64
import io

import numpy as np
from jaxtyping import Bool, Float, UInt8
from PIL import Image

from jaxdissect.errors import BadInput

BRIGHTNESS = 0.5
"""What remains of the light outside a region."""

FADE = 0.4
"""How far colours outside a region move towards grey."""

HEIGHT = 128
"""Pixels of a picture: sharp on a page, and 5120 of them make some 22 MB."""

GAP = 4
"""Pixels between two pictures of a strip."""

OUTLINE = (255, 221, 51)
TRUTH = (51, 221, 255)
"""Outline of what is labelled."""

SIDE = 256
"""Pixels along each side of a picture that stands alone."""

WARM = (230, 85, 0)
COOL = (0, 110, 220)
COVER = 0.85
"""How much of a picture the deepest colour hides."""

LUMA = (0.299, 0.587, 0.114)
JPEG = "data:image/jpeg;base64,"


def region_strip(
    images: UInt8[np.ndarray, "k H W 3"],
    regions: Bool[np.ndarray, "k H W"],
    *,
    height: int = HEIGHT,
) -> UInt8[np.ndarray, "h S 3"]:
    """Images side by side, everything outside the regions dimmed.

    The outline lies just outside its region, so that no pixel of the region changes.
    It is drawn after shrinking: shrunk with the image, a line of one pixel fades.

    Args:
        images: [k H W 3] with values in [0, 255].
        regions: [k H W] where the unit exceeds its threshold.
        height: h, to which higher pictures shrink, in pixels; at least 1.

    Returns:
        The strip, S = k w + (k - 1) GAP pixels wide, w being the width of a picture.

    Raises:
        BadInput: `height` is below 1.

    >>> images = np.full((2, 4, 4, 3), 200, np.uint8)
    >>> strip = region_strip(images, np.zeros((2, 4, 4), bool))
    >>> strip.shape, strip[0, 0].tolist()
    ((4, 12, 3), [100, 100, 100])
    """
    if height < 1:
        raise BadInput(f"`height` is {height}; it must be at least 1")
    if height < images.shape[1]:
        images, regions = _shrunk(images, regions, height)
    colour = images.astype(np.float32)
    grey = (colour @ np.array(LUMA, np.float32))[..., None]
    dimmed = BRIGHTNESS * ((1 - FADE) * colour + FADE * grey)
    pictures = np.where(regions[..., None], images, np.rint(dimmed).astype(np.uint8))
    pictures[_around(regions)] = OUTLINE
    separated = np.pad(pictures, ((0, 0), (0, 0), (0, GAP), (0, 0)))
    return np.concatenate(separated, axis=1)[:, :-GAP]


def marked(
    image: UInt8[np.ndarray, "S S 3"],
    region: Bool[np.ndarray, "S S"],
    truth: Bool[np.ndarray, "S S"],
    *,
    side: int = SIDE,
) -> UInt8[np.ndarray, "s s 3"]:
    """An image, dimmed where units are off, with the labelled concept in outline.

    Args:
        image: values in [0, 255].
        region: where units are on; outlined in yellow, from outside.
        truth: where the concept is; outlined in blue, from inside.
        side: s, in pixels, to which the image is scaled so that outlines stay fine.

    >>> nowhere, image = np.zeros((4, 4), bool), np.zeros((4, 4, 3), np.uint8)
    >>> marked(image, nowhere, ~nowhere, side=8)[0, 0].tolist() == list(TRUTH)
    True
    """
    large = scaled(image, side)
    region, truth = (
        scaled(light, side, Image.Resampling.BILINEAR) > 127
        for light in (np.where(m, 255, 0).astype(np.uint8) for m in (region, truth))
    )
    # A copy, because the strip may be one with the image.
    picture = region_strip(large[None], region[None], height=side).copy()
    border = np.pad(truth, 1)
    inside = border[:-2, 1:-1] & border[2:, 1:-1] & border[1:-1, :-2] & border[1:-1, 2:]
    picture[truth & ~inside] = TRUTH
    return picture


def signed_overlay(
    image: UInt8[np.ndarray, "H W 3"], values: Float[np.ndarray, "H W"]
) -> UInt8[np.ndarray, "H W 3"]:
    """A picture in grey, coloured where values are large: warm for, cool against.

    Args:
        image: [H W 3] with values in [0, 255].
        values: [H W]; the largest by size gets the deepest colour.

    Returns:
        [H W 3]; grey all over where all values are zero.

    >>> image = np.full((1, 3, 3), 200, np.uint8)
    >>> signed_overlay(image, np.array([[2.0, 0.0, -1.0]]))[0].tolist()
    [[226, 102, 30], [200, 200, 200], [115, 162, 208]]
    """
    grey = (image @ np.array(LUMA))[..., None]
    peak = np.abs(values).max()
    strength = (COVER / peak if peak > 0 else 0.0) * np.abs(values)[..., None]
    colour = np.where(values[..., None] > 0, WARM, COOL)
    return np.rint((1 - strength) * grey + strength * colour).astype(np.uint8)


def data_uri(picture: UInt8[np.ndarray, "H W 3"], quality: int = 70) -> str:
    """A picture as a JPEG inside a `data:` address.

    Args:
        picture: [H W 3] with values in [0, 255].
        quality: of the JPEG, 1 to 95.

    >>> data_uri(np.zeros((8, 8, 3), np.uint8))[:30]
    'data:image/jpeg;base64,/9j/4AA'
    """
    buffer = io.BytesIO()
    # Full colour resolution: halved, a one-pixel outline loses its colour.
    Image.fromarray(picture).save(
        buffer, "JPEG", quality=quality, subsampling=0, optimize=True
    )
    return JPEG + base64.b64encode(buffer.getvalue()).decode()


def picture_of(uri: str) -> UInt8[np.ndarray, "H W 3"]:
    """The picture that `data_uri` put into an address.

    Raises:
        BadInput: the address has none.

    >>> picture_of(data_uri(np.zeros((8, 9, 3), np.uint8))).shape
    (8, 9, 3)
    """
    try:
        encoded = base64.b64decode(uri.removeprefix(JPEG), validate=True)
        with Image.open(io.BytesIO(encoded), formats=["JPEG"]) as image:
            return np.array(image.convert("RGB"))
    except Exception:  # whatever Pillow raises of broken bytes
        raise BadInput(f"{uri[:30]!r} is no JPEG in a `data:` address") from None


def of_strip(
    strip: UInt8[np.ndarray, "h S 3"], num_pictures: int
) -> list[UInt8[np.ndarray, "h w 3"]]:
    """The pictures side by side on a strip from `region_strip`.

    Args:
        strip: of that many pictures.
        num_pictures: one or more.

    >>> strip = region_strip(np.zeros((3, 8, 8, 3), np.uint8), np.ones((3, 8, 8), bool))
    >>> [picture.shape for picture in of_strip(strip, 3)]
    [(8, 8, 3), (8, 8, 3), (8, 8, 3)]
    """
    width = (strip.shape[1] + GAP) // num_pictures - GAP
    starts = range(0, num_pictures * (width + GAP), width + GAP)
    return [strip[:, start : start + width] for start in starts]


def scaled(
    pixels: UInt8[np.ndarray, "H W *c"],
    side: int,
    how: Image.Resampling = Image.Resampling.BICUBIC,
) -> UInt8[np.ndarray, "s s *c"]:
    """A picture, or a mask of 0 and 255, at another size, square.

    >>> scaled(np.zeros((4, 4, 3), np.uint8), 8).shape
    (8, 8, 3)
    """
    return np.asarray(Image.fromarray(pixels).resize((side, side), how))


def _shrunk(images, regions, height):
    size = (max(1, round(images.shape[2] * height / images.shape[1])), height)
    pictures = [
        Image.fromarray(image).resize(size, Image.Resampling.LANCZOS)
        for image in images
    ]
    # Of a region, the pixels that lie in it by half.
    light = np.where(regions, 255, 0).astype(np.uint8)
    inside = [Image.fromarray(m).resize(size, Image.Resampling.BOX) for m in light]
    return np.stack(pictures), np.stack(inside) > 127


def _around(regions):
    # Pixels outside that touch the region along an edge.
    padded = np.pad(regions, ((0, 0), (1, 1), (1, 1)))
    vertical = padded[:, :-2, 1:-1] | padded[:, 2:, 1:-1]
    horizontal = padded[:, 1:-1, :-2] | padded[:, 1:-1, 2:]
    return (vertical | horizontal) & ~regions


def short(name: str, most: int = 16) -> str:
    """A name that fits above a small picture.

    >>> short("street"), short("/r/residential_neighborhood")
    ('street', '/r/residential_…')
    """
    return name if len(name) <= most else f"{name[: most - 1]}…"
