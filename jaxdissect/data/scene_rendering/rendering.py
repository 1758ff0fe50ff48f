"""Scenes: from seed and indices to images, label layers and class targets."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from jaxdissect.data.scene_rendering import canvas as canvas_lib
from jaxdissect.data.scene_rendering import chance, colours, layout, vocabulary
from jaxdissect.data.scene_rendering import colours as patterns
from jaxdissect.errors import BadInput

MIN_SIZE = 32


class Scenes(NamedTuple):
    """A batch of scenes: images, pixel-exact labels and class indices."""

    images: np.ndarray  # uint8 [B size size 3]
    labels: np.ndarray  # uint8 [B size size 6]
    targets: np.ndarray  # int32 [B]


class Light(NamedTuple):
    """The light of an image: gain and offset by channel, and the strength of grain."""

    gain: colours.RGB
    offset: colours.RGB
    grain: colours.Real


def render(seed: int, indices: Iterable[int], *, size: int = 112) -> Scenes:
    """Renders scenes; scene i of a seed has the same pixels in any batch.

    The class of scene i is i % len(CLASSES), so any run of indices is balanced.

    Args:
      seed: which world of scenes, in [0, 2 ** 63).
      indices: which scenes of it, in [0, 2 ** 63), in any order.
      size: height and width in pixels, at least 32.

    Returns:
      Images; labels, layer l holding numbers of concepts of CATEGORIES[l] (concept c
      has number c + 1, no label is 0); class indices.

    Raises:
      BadInput: `size` below 32, or `seed` or an index out of range.

    >>> scenes = render(0, [3, 1], size=32)
    >>> scenes.images.shape, scenes.labels.shape, scenes.targets.tolist()
    ((2, 32, 32, 3), (2, 32, 32, 6), [3, 1])
    """
    indices = list(map(int, indices))
    if size < MIN_SIZE:
        raise BadInput(f"`size` is {size}; it must be at least {MIN_SIZE}")
    if min(seed, *indices, 0) < 0 or max(seed, *indices, 0) >= 2**63:
        raise BadInput(f"`seed` is {seed}; it and `indices` must be in [0, 2**63)")
    shape = (len(indices), size, size)
    images, labels = np.empty((*shape, 3), np.uint8), np.empty((*shape, 6), np.uint8)
    for b, index in enumerate(indices):
        _scene(seed, index, images[b], labels[b])
    targets = np.array([i % len(vocabulary.CLASSES) for i in indices], np.int32)
    return Scenes(images, labels, targets)


def _scene(seed: int, index: int, image: np.ndarray, labels: np.ndarray):
    """Renders one scene into image [S S 3] and labels [S S 6]."""
    size = image.shape[0]
    name = vocabulary.CLASSES[index % len(vocabulary.CLASSES)]
    dice = chance.Dice(seed, index)
    slope = (dice.between(-0.5, 0.5), dice.between(-0.4, 0.4))
    light = _light(dice)
    canvas = canvas_lib.Canvas(size, dice, slope)
    layout.compose(canvas, name)
    ids = np.frombuffer(canvas.ids, np.uint8).astype(np.intp)
    number = vocabulary.NUMBER[name, "scene"]
    rows = np.zeros((len(canvas.surfaces), 8), np.uint8)
    rows[:, :4] = [surface.labels for surface in canvas.surfaces]
    rows[:, 5] = number
    flat = rows.view(np.uint64).ravel().take(ids).view(np.uint8)
    labels[...] = flat.reshape(size, size, 8)[..., :6]
    _shade(canvas, ids, light, image)
    labels[..., 4] = colours.colour_numbers(image)


def _light(dice: chance.Dice) -> Light:
    """The time of day: brightness, contrast, a cast of warm or cold light."""
    bright, contrast = dice.between(0.75, 1.25), dice.between(0.8, 1.15)
    warm, tint = dice.between(-0.13, 0.13), dice.between(-0.06, 0.06)
    red, green, blue = bright * (1 + warm), bright * (1 + tint), bright * (1 - warm)
    fog = 120 * (1 - contrast)
    gain = (red * contrast, green * contrast, blue * contrast)
    # The half rounds when the channel is cut to an integer.
    offset = (red * fog + 0.5, green * fog + 0.5, blue * fog + 0.5)
    return Light(gain, offset, dice.between(0.01, 0.07))


def _shade(canvas: canvas_lib.Canvas, ids: np.ndarray, light: Light, image: np.ndarray):
    """Colours the map: pattern values, light, grain; float32, elementwise."""
    size = canvas.size
    axis = (np.arange(size, dtype=np.float32) + np.float32(0.5)) / np.float32(size)
    y, x = np.repeat(axis, size), np.tile(axis, size)
    table = _columns(canvas, light)
    turn_x, turn_y, phase_x, phase_y, level, slope_x, slope_y = table[6:13]
    cos, sin = turn_x.take(ids), turn_y.take(ids)
    u = (cos * x + sin * y + phase_x.take(ids)).astype(np.int32)
    v = (cos * y - sin * x + phase_y.take(ids)).astype(np.int32)
    where = table[13].astype(np.int32).take(ids)
    where += ((v & 63) << 6) + (u & 63)
    value = patterns.ATLAS.take(where)
    shade = level.take(ids) + slope_x.take(ids) * x + slope_y.take(ids) * y
    shade = np.minimum(np.maximum(shade, np.float32(0.55)), np.float32(1.45))
    grain = canvas.dice.grain(size * size).astype(np.float32)
    grain *= np.float32(light.grain)
    for k in range(3):
        channel = table[k].take(ids) + table[3 + k].take(ids) * value
        channel = channel * shade + (grain + np.float32(light.offset[k]))
        channel = np.minimum(np.maximum(channel, np.float32(0)), np.float32(255))
        image[..., k] = channel.reshape(size, size)


def _columns(canvas: canvas_lib.Canvas, light: Light) -> np.ndarray:
    """The table of surfaces by column, float32 [14 N]."""
    rows = []
    for s in canvas.surfaces:
        (r, g, b), (r2, g2, b2) = s.base, s.second
        zoom = patterns.TILE / s.period
        p, q = s.phase
        rows.append((
            r, g, b, r2 - r, g2 - g, b2 - b, s.turn[0] * zoom, s.turn[1] * zoom,
            # Past 4096 the truncation to integers is a floor for all turns.
            64 * p + 4096, 64 * q + 4096, *s.light, s.pattern,
        ))  # fmt: skip
    table = np.array(rows, np.float32).T.copy()
    gain = np.array(light.gain, np.float32)[:, None]
    table[0:3] *= gain
    table[3:6] *= gain
    return table
