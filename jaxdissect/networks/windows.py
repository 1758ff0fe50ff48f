"""The window of a stage that does not say what it looks at, found by trying."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxdissect.networks.stages import Window

MOVED = 1e-3
"""Of the largest value; a row that moved less did not see what was changed."""


def measured_window(
    function: Callable[[Array], Array], shape: tuple[int, int, int]
) -> Window:
    """What an output row of a function looks at, in rows of its input map.

    Rows of a random map become NaN, and two neighbours in the middle of the output tell
    by bisection the first and the last row they see. Padding counts what lies before
    the map, so the centres are right where more is padded behind, too.

    Where no window explains what is seen (attention, averages of the whole map; windows
    that end beyond both sides), the output's cells divide the input map evenly.

    Args:
        function: (x [B H W U]) -> [B h w U'], or [B K].
        shape: (H, W, U) of its input map; columns are taken to be like rows.

    >>> pairs = lambda x: x[:, :-1:2] + x[:, 1::2]
    >>> measured_window(pairs, (8, 8, 1))
    Window(size=2, stride=2, padding=0)
    >>> measured_window(lambda x: x - x.mean((1, 2), keepdims=True), (8, 8, 1))
    Window(size=1.0, stride=1.0, padding=0)
    """
    height = shape[0]
    like = jax.eval_shape(function, jax.ShapeDtypeStruct((1, *shape), jnp.float32))
    rows = like.shape[1] if len(like.shape) == 4 else 1
    tiles = Window(height / rows, height / rows)
    if height == 1:
        return tiles
    row = (rows - 1) // 2
    first, last = _extents(function, shape, (row, min(row + 1, rows - 1)))
    if rows == 1:
        whole = Window(int(last[0] - first[0]) + 1, height, -int(first[0]))
        return whole if whole.size > 0 else tiles
    return _explanation(first, last, row, height, rows) or tiles


def _extents(
    function: Callable[[Array], Array],
    shape: tuple[int, int, int],
    rows: tuple[int, int],
) -> tuple[np.ndarray, np.ndarray]:
    """The first and the last input row that each of two output rows sees."""
    height = shape[0]
    base = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    # The last row seen of each of the two, and of the same counted from the end.
    places = np.array([*[range(height)] * 2, *[range(height)[::-1]] * 2])

    def sees(starts: np.ndarray) -> np.ndarray:
        """Whether each sees any row from its start on."""
        behind = (places >= starts[:, None])[..., None, None]
        maps = np.concatenate([np.where(behind, np.float32(np.nan), base), base[None]])
        # Not compiled as a whole: the weights would be constants of the program.
        outputs = np.asarray(function(jnp.asarray(maps)), np.float32)
        if outputs.ndim != 4:
            outputs = outputs.reshape(5, 1, 1, -1)
        still = abs(outputs[:4] - outputs[4]) <= MOVED * abs(outputs[4]).max()
        return ~still.all((2, 3))[np.arange(4), [*rows, *rows]]

    low, high = np.zeros(4, int), np.full(4, height)
    while (high - low).max() > 1:
        middle = (low + high) // 2
        seen = sees(middle)
        low, high = np.where(seen, middle, low), np.where(seen, high, middle)
    return height - 1 - low[2:], low[:2]


def _explanation(
    first: np.ndarray, last: np.ndarray, row: int, height: int, rows: int
) -> Window | None:
    """The window by which `row` and the next see rows `first` to `last`, if any."""
    end = height - 1
    if first[0] > 0:
        stride = first[1] - first[0]
    elif last[1] < end:
        stride = last[1] - last[0]
    else:
        stride = round(height / rows)
    start = first[1] - stride if first[0] == 0 and first[1] > 0 else first[0]
    starts, ends = start + np.array([0, stride]), last[0] + np.array([0, stride])
    seen = (np.maximum(starts, 0) == first) & (np.minimum(ends, end) == last)
    on_map = ends[0] >= row * stride and starts[1] + (rows - 2 - row) * stride <= end
    if stride < 1 or not seen.all() or not on_map:
        return None
    return Window(int(ends[0] - start) + 1, int(stride), int(row * stride - start))
