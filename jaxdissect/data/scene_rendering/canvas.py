"""The canvas: surfaces painted over one another into one map of surface numbers.

A shape is filled span by span into a byte map (painter's algorithm). What a surface
looks like and is labelled stands once in a small table, so colours and all label
layers are look-ups in the finished map: labels are exact by construction.
"""

from collections.abc import Callable
from math import ceil, sqrt
from typing import NamedTuple

from jaxdissect.data.scene_rendering import chance, colours, vocabulary
from jaxdissect.data.scene_rendering import colours as patterns

# What a material looks like when it carries no texture: pattern, brightness of the
# pattern's second colour, period of the pattern in image widths.
_LOOKS = {
    "": ("rough", 0.82, 0.5),
    "wood": ("planks", 0.72, 0.22),
    "brick": ("bricks", 1.35, 0.085),
    "metal": ("plain", 1.0, 0.5),
    "glass": ("glint", 1.2, 0.12),
    "fabric": ("weave", 0.92, 0.3),
    "foliage": ("leaves", 0.6, 0.3),
    "stone": ("pebbles", 0.75, 0.35),
    "plaster": ("rough", 0.88, 0.35),
    "rubber": ("plain", 1.0, 0.5),
}


class Surface(NamedTuple):
    """One row of the table: how a surface looks, and its labels."""

    base: colours.RGB
    second: colours.RGB
    pattern: int
    period: colours.Real
    turn: tuple[colours.Real, colours.Real]
    phase: tuple[colours.Real, colours.Real]
    light: tuple[colours.Real, colours.Real, colours.Real]
    labels: tuple[int, int, int, int]


TYPICAL = 0.85
"""How often a surface of an object has one of the colours typical of its kind."""


class Kind(NamedTuple):
    """A kind of object: how to draw it at scale 1, and its width, height and area."""

    draw: Callable[["Canvas"], None]
    width: colours.Real
    height: colours.Real
    area: colours.Real


class Canvas:
    """A square map of surface numbers and the table of surfaces.

    Coordinates are local to the object being drawn: x to the right, y up, the origin
    on the ground; `stand` sets where that is in the image.
    """

    def __init__(
        self, size: int, dice: chance.Dice, light: tuple[colours.Real, colours.Real]
    ):
        self.size = size
        self.dice = dice
        self.surfaces: list[Surface] = []
        self.ids = bytearray(size * size)
        self.behind: list[colours.RGB] = []
        self._light = light
        self.stand("", 0.0, 1.0, 1.0)

    def stand(
        self,
        name: str,
        x: colours.Real,
        y: colours.Real,
        scale: colours.Real,
        mirror=False,
    ):
        """Begins an object with its origin at image position (x, y), y down."""
        self._name = name
        self._object = vocabulary.NUMBER.get((name, "object"), 0)
        self.scale = scale
        self._x, self._y = x * self.size, y * self.size
        self._sx = -scale * self.size if mirror else scale * self.size
        self._sy = scale * self.size
        gx, gy = self._light[0] / max(scale, 0.1), self._light[1] / max(scale, 0.1)
        gy = gy if name else 0.0
        self._shade = (1.0 - gx * x - gy * (y - 0.5 * scale), gx, gy)

    def colour(self) -> colours.RGB:
        """A random colour that stands out from the grounds in `behind`."""
        anything = colours.PALETTE
        home = colours.TYPICAL.get(self._name, anything)
        for _ in range(4):
            rgb = self.dice.shade(home if self.dice.chance(TYPICAL) else anything)
            if all(colours.distance(rgb, other) > 55 for other in self.behind):
                break
        return rgb

    def paint(self, part, material, rgb, texture="", second=None, period=0.0) -> int:
        """Adds a surface of the object that is being drawn.

        Args:
          part, material, texture: names of concepts, or empty.
          rgb: first colour of its pattern.
          second: second colour; by default chosen to suit the texture or material.
          period: of the pattern, in image widths; 0 leaves it to the texture.

        Returns:
          The surface's number.
        """
        dice = self.dice
        pattern, contrast, usual = _LOOKS[material]
        turn = (1.0, 0.0)
        if texture:
            pattern, turn = texture, dice.pick(_TURNS)
            usual = dice.between(0.05, 0.09) * (4 if texture == "marbled" else 1)
            second = second or _contrasting(rgb, dice)
        second = second or colours.scaled(rgb, contrast)
        labels = (
            self._object,
            vocabulary.NUMBER.get((part, "part"), 0),
            vocabulary.NUMBER.get((material, "material"), 0),
            vocabulary.NUMBER.get((texture, "texture"), 0),
        )
        phase, period = (dice.unit(), dice.unit()), period or usual
        number = patterns.OFFSET[pattern]
        return self.add(
            Surface(rgb, second, number, period, turn, phase, self._shade, labels)
        )

    def add(self, surface: Surface) -> int:
        """Adds a ready surface; returns its number."""
        self.surfaces.append(surface)
        number = len(self.surfaces) - 1
        assert number < 256, "a byte map holds 256 surfaces"
        return number

    def rect(
        self,
        paint: int,
        x0: colours.Real,
        y0: colours.Real,
        x1: colours.Real,
        y1: colours.Real,
    ):
        """Fills the rectangle between two opposite corners."""
        size, half = self.size, 0.5
        xa, xb = self._x + self._sx * x0, self._x + self._sx * x1
        ya, yb = self._y - self._sy * y0, self._y - self._sy * y1
        left = min(max(ceil(min(xa, xb) - half), 0), size)
        right = min(max(ceil(max(xa, xb) - half), 0), size)
        top = min(max(ceil(min(ya, yb) - half), 0), size)
        low = min(max(ceil(max(ya, yb) - half), 0), size)
        if right > left:
            ids, span = self.ids, bytes((paint,)) * (right - left)
            for start in range(top * size + left, low * size + left, size):
                ids[start : start + right - left] = span

    def ellipse(
        self,
        paint: int,
        x: colours.Real,
        y: colours.Real,
        rx: colours.Real,
        ry: colours.Real,
    ):
        """Fills the ellipse of centre (x, y) and radii rx, ry."""
        size = self.size
        cx, cy = self._x + self._sx * x - 0.5, self._y - self._sy * y - 0.5
        rx, ry = abs(self._sx) * rx, self._sy * ry
        if rx <= 0 or ry <= 0:
            return
        ids, span = self.ids, bytes((paint,)) * size
        for row in range(max(ceil(cy - ry), 0), min(ceil(cy + ry), size)):
            t = (row - cy) / ry
            reach = rx * sqrt(max(1.0 - t * t, 0.0))
            left, right = max(ceil(cx - reach), 0), min(ceil(cx + reach), size)
            if right > left:
                ids[row * size + left : row * size + right] = span[: right - left]

    def poly(self, paint: int, *points: tuple[colours.Real, colours.Real]):
        """Fills a simple polygon, by the even-odd rule."""
        size = self.size
        xs = [self._x + self._sx * x - 0.5 for x, _ in points]
        ys = [self._y - self._sy * y - 0.5 for _, y in points]
        top, low = max(ceil(min(ys)), 0), min(ceil(max(ys)), size)
        if low <= top:
            return
        rows: list[list[float]] = [[] for _ in range(low - top)]
        x0, y0 = xs[-1], ys[-1]
        for x1, y1 in zip(xs, ys, strict=True):
            a, b = (y0, y1) if y0 < y1 else (y1, y0)
            first, last = max(ceil(a), top), min(ceil(b), low)
            if last > first:
                slope = (x1 - x0) / (y1 - y0)
                for row in range(first, last):
                    rows[row - top].append(x0 + (row - y0) * slope)
            x0, y0 = x1, y1
        ids, span = self.ids, bytes((paint,)) * size
        for row, crossings in enumerate(rows, start=top):
            crossings.sort()
            for k in range(0, len(crossings) - 1, 2):
                left = max(ceil(crossings[k]), 0)
                right = min(ceil(crossings[k + 1]), size)
                if right > left:
                    ids[row * size + left : row * size + right] = span[: right - left]

    def line(self, paint: int, x0, y0, x1, y1, width: colours.Real):
        """Fills a straight bar of a width between two points."""
        dx, dy = x1 - x0, y1 - y0
        k = 0.5 * width / max(sqrt(dx * dx + dy * dy), 1e-9)
        nx, ny = -dy * k, dx * k
        self.poly(
            paint, (x0 + nx, y0 + ny), (x1 + nx, y1 + ny), (x1 - nx, y1 - ny),
            (x0 - nx, y0 - ny),
        )  # fmt: skip


# Angles of textures as (cosine, sine) from Pythagorean triples: exact everywhere.
_TURNS = (
    (1.0, 0.0), (0.0, 1.0), (0.8, 0.6), (0.6, -0.8), (0.6, 0.8), (0.8, -0.6),
    (0.96, 0.28), (0.28, -0.96), (12 / 13, -5 / 13), (5 / 13, 12 / 13),
)  # fmt: skip


_CREAM, _SLATE = (246, 240, 226), (60, 60, 70)


def _contrasting(rgb: colours.RGB, dice: chance.Dice) -> colours.RGB:
    """A second colour for a texture, told apart from the first."""
    bright = rgb[0] + rgb[1] + rgb[2] > 420
    if dice.chance(0.4):
        return colours.scaled(rgb, 0.5) if bright else colours.mixed(rgb, _CREAM, 0.6)
    other = dice.pick(colours.PALETTE)
    if colours.distance(rgb, other) > 70:
        return other
    return _SLATE if bright else _CREAM
