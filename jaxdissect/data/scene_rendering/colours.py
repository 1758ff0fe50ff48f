"""Palettes, and the fixed rule that names the colour of a pixel."""

import numpy as np

from jaxdissect.data.scene_rendering import vocabulary

Real = int | float
RGB = tuple[Real, Real, Real]

PALETTE = (
    (204, 66, 54), (170, 44, 58), (226, 92, 78),
    (232, 134, 56), (212, 108, 42), (245, 166, 92),
    (242, 202, 80), (224, 178, 54), (250, 226, 136),
    (94, 152, 86), (58, 112, 72), (146, 184, 96), (62, 142, 114),
    (64, 114, 172), (44, 78, 132), (112, 168, 208), (70, 152, 182),
    (128, 86, 152), (98, 64, 124), (164, 124, 190),
    (234, 142, 164), (242, 182, 194), (206, 92, 134),
    (136, 90, 58), (102, 66, 44), (170, 120, 80),
    (128, 128, 130), (90, 94, 102), (172, 172, 174),
    (240, 238, 230), (250, 250, 246), (228, 214, 186),
    (40, 40, 48), (60, 56, 60),
)  # fmt: skip
_RED, _ORANGE, _YELLOW, _GREEN = PALETTE[:3], PALETTE[3:6], PALETTE[6:9], PALETTE[9:13]
_BLUE, _PURPLE, _PINK = PALETTE[13:17], PALETTE[17:20], PALETTE[20:23]
_BROWN, _GREY, _WHITE = PALETTE[23:26], PALETTE[26:29], PALETTE[29:32]
_BLACK = PALETTE[32:]
TYPICAL = {
    "aeroplane": _WHITE + _GREY,
    "barn": _RED,
    "basin": _WHITE,
    "bathtub": _WHITE + _PINK,
    "bed": _BLUE + _WHITE,
    "bench": _BROWN + _GREEN,
    "boat": _WHITE + _BLUE,
    "bookshelf": _BROWN,
    "bus": _RED + _YELLOW,
    "campfire": _ORANGE + _RED,
    "canoe": _RED + _ORANGE,
    "car": _BLUE + _RED,
    "church": _WHITE + _GREY,
    "clock": _WHITE + _BLACK,
    "control tower": _GREY + _WHITE,
    "cow": _BROWN + _WHITE + _BLACK,
    "crane": _YELLOW + _ORANGE,
    "cupboard": _BROWN,
    "desk": _BROWN,
    "fountain": _WHITE + _BLUE,
    "fridge": _WHITE + _GREY,
    "house": _WHITE + _PINK + _YELLOW,
    "lamp": _YELLOW,
    "lighthouse": _WHITE + _RED,
    "parasol": _YELLOW + _RED,
    "sandcastle": _YELLOW + _BROWN,
    "sofa": _PURPLE + _RED + _GREEN,
    "stove": _GREY + _WHITE,
    "swing": _RED + _BLUE,
    "swivel chair": _BLACK + _BLUE,
    "table": _BROWN,
    "television": _BLACK + _GREY,
    "tent": _ORANGE + _GREEN,
    "tractor": _GREEN + _RED,
    "traffic light": _BLACK + _GREY,
    "train": _BLACK + _GREEN,
    "well": _GREY + _BROWN,
    "windsock": _ORANGE + _RED,
}
"""Colours each kind of object mostly has, as in the world; kinds share them, so that
colour helps to tell a class but does not suffice."""
WOOD = ((136, 90, 58), (102, 66, 44), (170, 120, 80), (190, 150, 108), (120, 100, 84),
        (84, 60, 50), (206, 176, 136))  # fmt: skip
LEAF = ((94, 152, 86), (58, 112, 72), (146, 184, 96), (62, 142, 114), (120, 140, 60),
        (214, 140, 60), (196, 84, 60), (232, 190, 84), (226, 150, 170), (46, 84, 70),
        (150, 110, 60))  # fmt: skip
METAL = ((128, 132, 138), (90, 94, 102), (176, 178, 182), (58, 60, 68), (204, 206, 208),
         (150, 130, 100))  # fmt: skip
STONE = ((150, 146, 140), (112, 108, 106), (186, 180, 170), (168, 150, 130),
         (90, 90, 98), (206, 200, 190))  # fmt: skip
SKIN = ((240, 204, 176), (214, 164, 128), (164, 112, 80), (112, 74, 54))


# One typical colour for each basic name.
SAMPLES = {
    "black": (30, 30, 34), "blue": (60, 110, 190), "brown": (130, 85, 55),
    "grey": (140, 140, 144), "green": (80, 160, 80), "orange": (235, 140, 50),
    "pink": (240, 150, 180), "purple": (130, 80, 160), "red": (205, 50, 45),
    "white": (238, 238, 232), "yellow": (240, 205, 70),
}  # fmt: skip


def scaled(rgb: RGB, factor: Real) -> RGB:
    """The colour, brighter or darker by a factor, kept in range."""
    r, g, b = rgb
    return min(r * factor, 255.0), min(g * factor, 255.0), min(b * factor, 255.0)


def mixed(a: RGB, b: RGB, weight: Real) -> RGB:
    """The colour a share `weight` of the way from a to b."""
    r, g, blue = (p + (q - p) * weight for p, q in zip(a, b, strict=True))
    return r, g, blue


def distance(a: RGB, b: RGB) -> float:
    """The largest difference of a channel."""
    return max(abs(a[0] - b[0]), abs(a[1] - b[1]), abs(a[2] - b[2]))


def colour_numbers(images: np.ndarray) -> np.ndarray:
    """Label number of the basic colour name of each pixel.

    The eleven names are those of van de Weijer et al. The rule works on the RGB values
    rounded to the middle of 32 levels, with V = max, C = max - min and the hue in
    sixtieths of a circle's sixth, all in integers:
    V < 56 is black; C < 24 or 6 C < V is black, grey (V >= 72) or white (V >= 200);
    else the hue decides; dark or dull orange is brown, pale red and magenta are pink.

    Args:
      images: uint8, [... 3].

    Returns:
      uint8, [...], numbers of concepts of category colour.

    >>> numbers = colour_numbers(np.array([[250, 10, 10], [70, 120, 200]], np.uint8))
    >>> [vocabulary.CONCEPTS[number - 1].name for number in numbers]
    ['red', 'blue']
    """
    levels = (images >> 3).astype(np.int32)
    index = (levels[..., 0] << 10) + (levels[..., 1] << 5) + levels[..., 2]
    return _NUMBERS.take(index)


def _hue(r: np.ndarray, g: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Hue in degrees, 0 to 359, in integers; 0 for greys."""
    high = np.maximum(np.maximum(r, g), b)
    chroma = np.maximum(high - np.minimum(np.minimum(r, g), b), 1)
    sixth = np.where(
        high == r,
        60 * (g - b) // chroma,
        np.where(high == g, 120 + 60 * (b - r) // chroma, 240 + 60 * (r - g) // chroma),
    )
    return sixth % 360


def _name_table() -> np.ndarray:
    """The rule, tabulated for the 32 * 32 * 32 levels."""
    level = np.arange(32 * 32 * 32)
    r, g, b = ((level >> shift & 31) * 8 + 4 for shift in (10, 5, 0))
    value = np.maximum(np.maximum(r, g), b)
    chroma = value - np.minimum(np.minimum(r, g), b)
    hue = _hue(r, g, b)
    reddish, orange = (hue < 14) | (hue >= 340), (hue >= 14) & (hue < 45)
    pale = (value >= 190) & (2 * chroma < value + 20)
    rules = (
        ("black", value < 56),
        ("black", ((chroma < 24) | (6 * chroma < value)) & (value < 72)),
        ("white", ((chroma < 24) | (6 * chroma < value)) & (value >= 200)),
        ("grey", (chroma < 24) | (6 * chroma < value)),
        ("pink", (reddish | (hue >= 300)) & pale),
        ("pink", (hue >= 318) & (value >= 170)),
        ("brown", (reddish & (value < 120)) | (orange & (value < 180))),
        ("brown", (hue >= 45) & (hue < 56) & (value < 120)),
        ("brown", orange & (3 * chroma < value + 40) & (value < 215)),
        ("red", reddish),
        ("orange", orange),
        ("yellow", hue < 68),
        ("green", hue < 168),
        ("blue", hue < 255),
        ("purple", hue >= 0),
    )
    number = {n: vocabulary.NUMBER[n, "colour"] for n in vocabulary.NAMES["colour"]}
    return np.select(
        [where for _, where in rules], [number[name] for name, _ in rules]
    ).astype(np.uint8)


_NUMBERS = _name_table()


TILE = 64


def _lattice(cells_x: int, cells_y: int, key: int) -> np.ndarray:
    words = np.random.Philox(key=key).random_raw(cells_x * cells_y) >> np.uint64(11)
    return (words.astype(np.float64) * 2.0**-53).reshape(cells_y, cells_x)


def _noise(cells_x: int, cells_y: int, key: int) -> np.ndarray:
    """Periodic value noise, smooth between the points of a random lattice."""
    values = _lattice(cells_x, cells_y, key)
    x, y = (np.arange(TILE) + 0.5) / TILE * cells_x, (np.arange(TILE) + 0.5) / TILE
    y = y * cells_y
    x0, y0 = x.astype(int), y.astype(int)
    fx, fy = x - x0, y - y0
    fx, fy = fx * fx * (3 - 2 * fx), (fy * fy * (3 - 2 * fy))[:, None]
    x1, y1 = (x0 + 1) % cells_x, (y0 + 1) % cells_y
    top = values[y0][:, x0] * (1 - fx) + values[y0][:, x1] * fx
    low = values[y1][:, x0] * (1 - fx) + values[y1][:, x1] * fx
    return top * (1 - fy) + low * fy


def _step(values: np.ndarray, low: float, high: float) -> np.ndarray:
    return np.minimum(np.maximum((values - low) / (high - low), 0.0), 1.0)


def _cells(scale: int, key: int) -> np.ndarray:
    """Distance to the nearest of scattered points: pebbles, leaves."""
    jitter = _lattice(scale, 2 * scale, key).reshape(2, scale, scale)
    y, x = np.mgrid[:TILE, :TILE] * (scale / TILE)
    nearest = np.full((TILE, TILE), 9.0)
    for j in range(scale):
        for i in range(scale):
            dx = np.abs(x - i - jitter[0, j, i])
            dy = np.abs(y - j - jitter[1, j, i])
            dx, dy = np.minimum(dx, scale - dx), np.minimum(dy, scale - dy)
            nearest = np.minimum(nearest, dx * dx + dy * dy)
    return nearest


def _textures() -> dict[str, np.ndarray]:
    """The patterns that are concepts: values [TILE TILE], 0 keeps the first colour."""
    v, u = (np.mgrid[:TILE, :TILE] + 0.5) / TILE
    du, dv = u - 0.5, v - 0.5
    brick_u, brick_v = _bricks(u, v)
    scales = 4 * (brick_u - 0.5) * (brick_u - 0.5) + (1 - brick_v) * (1 - brick_v)
    marble = 4 * (0.7 * _noise(4, 4, 6) + 0.3 * _noise(8, 8, 7)) % 1.0
    return {
        "striped": 1.0 * (v < 0.5),
        "dotted": 1.0 * (du * du + dv * dv < 0.085),
        "checkered": 1.0 * ((u < 0.5) ^ (v < 0.5)),
        "zigzagged": 1.0 * ((v + np.abs(du)) % 1.0 < 0.5),
        "gridded": 1.0 * ((u < 0.25) | (v < 0.25)),
        "marbled": np.abs(2 * marble - 1),
        "scaly": _step(np.abs(scales - 0.8), 0.1, 0.4),
    }


def _grains() -> dict[str, np.ndarray]:
    """The grain of materials and backgrounds, in the same form."""
    v, u = (np.mgrid[:TILE, :TILE] + 0.5) / TILE
    brick_u, brick_v = _bricks(u, v)
    clouds = 0.6 * _noise(4, 4, 3) + 0.25 * _noise(8, 8, 4) + 0.15 * _noise(32, 32, 5)
    waves = (v * 4 + 0.6 * _noise(4, 8, 8)) % 1.0
    plank_u, plank_v = (u + 0.37 * np.floor(v * 4)) % 1.0, v * 4 % 1.0
    return {
        "plain": 0 * u,
        "bricks": 1.0 * ((brick_u < 0.12) | (brick_v < 0.22)),
        "planks": 0.5 * _noise(2, 16, 9) + 0.5 * (plank_v < 0.14),
        "rough": 0.6 * _noise(8, 8, 1) + 0.4 * _noise(32, 32, 2),
        "clouds": _step(clouds, 0.25, 0.75),
        # Falls from 0 to 1 down the tile: a sky is one tile high.
        "sky": _step(0.75 * v + 0.5 * (clouds - 0.5) + 0.12, 0.0, 1.0),
        "leaves": _step(_cells(8, 10), 0.02, 0.45),
        "pebbles": _step(_cells(10, 11), 0.12, 0.5),
        "waves": _step(np.abs(2 * waves - 1), 0.2, 0.9),
        "blades": 0.7 * _noise(32, 8, 12) + 0.3 * _noise(4, 4, 13),
        "furrows": _step(0.5 + 2 * (np.abs(v * 8 % 1.0 - 0.5) - 0.25), 0.0, 1.0)
        * (0.6 + 0.4 * _noise(8, 8, 14)),
        "glint": 1.0 * ((u + v) % 1.0 < 0.3),
        "floor": 1.0 * ((plank_u < 0.03) | (plank_v < 0.1)),
        "weave": 0.5 * (u * 8 % 1.0 < 0.5) + 0.5 * (v * 8 % 1.0 < 0.5),
    }


def _bricks(u: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates inside the bricks of two staggered rows."""
    return (u + 0.5 * (v >= 0.5)) % 1.0, 2 * v % 1.0


_TILES = _textures() | _grains()
OFFSET = {name: k * TILE * TILE for k, name in enumerate(_TILES)}
ATLAS = np.concatenate([tile.ravel() for tile in _TILES.values()]).astype(np.float32)
