"""Pattern tiles: every texture is one periodic square of values in [0, 1].

A surface looks its pattern up at rotated and scaled coordinates, so all patterns of
an image cost one table look-up per pixel.
"""

import numpy as np

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
