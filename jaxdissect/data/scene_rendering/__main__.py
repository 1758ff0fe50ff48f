"""Writes a contact sheet: python -m jaxdissect.data.scene_rendering docs/scenes.png"""

import sys

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from jaxdissect.data import scene_rendering as scenes
from jaxdissect.data.scene_rendering import colours

SIZE, SHOWN, GAP, CAPTION = 160, 6, 6, 20
CELL = SIZE + GAP
INK = "#2b2b30"


def sheet(seed: int = 0) -> Image.Image:
    """All classes, `SHOWN` scenes each in two columns; one scene's label layers below.

    Args:
      seed: which world of scenes.

    Returns:
      The sheet, RGB.

    >>> sheet().size
    (2004, 1494)
    """
    num = len(scenes.CLASSES)
    half = GAP + SHOWN * CELL
    height = ((num + 1) // 2 + 1) * (CELL + CAPTION) + GAP
    image = Image.new("RGB", (2 * half, height), "white")
    pixels = scenes.render(seed, range(num * SHOWN), size=SIZE).images
    for k, name in enumerate(scenes.CLASSES):
        x, y = GAP + k % 2 * half, GAP + k // 2 * (CELL + CAPTION)
        _row(image, x, y, [name], pixels[k::num])
    _layers(image, seed, (num + 1) // 2 * (CELL + CAPTION) + GAP)
    return image


def _row(image: Image.Image, x: int, y: int, captions: list[str], pixels):
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(14)
    for k, array in enumerate(pixels):
        if k < len(captions):
            draw.text((x + k * CELL, y), captions[k], INK, font)
        image.paste(Image.fromarray(array), (x + k * CELL, y + CAPTION - 2))


def _layers(image: Image.Image, seed: int, y: int):
    """Draws one scene and its label layers; unlabelled pixels stay white."""
    scene = scenes.render(seed, [_EXAMPLE], size=SIZE)
    numbers = np.arange(len(scenes.CONCEPTS) + 1)[:, None]
    # Steps that share no factor with 160 spread neighbouring numbers over the cube.
    paint = (numbers * np.array([97, 57, 139]) % 160 + 70).astype(np.uint8)
    paint[0] = 255
    for k, (name, category) in enumerate(scenes.CONCEPTS, start=1):
        if category == "colour":
            paint[k] = colours.SAMPLES[name]
    captions = ["one scene", *scenes.CATEGORIES]
    maps = [paint[scene.labels[0, ..., k]] for k in range(len(scenes.CATEGORIES))]
    _row(image, GAP, y, captions, [scene.images[0], *maps])


_EXAMPLE = 51

if __name__ == "__main__":
    # A palette makes the file a fifth as large.
    sheet().quantize(256).save(sys.argv[1], optimize=True)
