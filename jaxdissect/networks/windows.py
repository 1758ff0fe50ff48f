"""What stages look at: composed of what they say, or found by trying."""

from collections.abc import Callable, Iterator, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Int

from jaxdissect.networks.stages import Network, Window, positions

MOVED = 1e-3
"""Of the largest value; a cell that moved less did not see what was changed."""

HUGE = 1e6
"""Beside the values of a random map."""
SAMPLED = 32
"""Neighbouring output rows tried where two do not tell."""

Extents = tuple[Int[np.ndarray, "n"], Int[np.ndarray, "n"]]
"""The first and the last input row that each of some output rows sees."""


def along(stages: Network, height: int, width: int) -> Iterator[tuple[Window, Window]]:
    """Each stage's windows along rows and columns, of maps of that size to begin with.

    >>> from jaxdissect.networks.layers import convolution, fully_connected
    >>> network = convolution("a", 1, stride=2), fully_connected("b", 1)
    >>> [rows.size for rows, _ in along(network, 9, 9)]
    [3, 5]
    """
    for stage in stages:
        rows, columns = stage.windows(height, width)
        yield rows, columns
        height, width = positions(height, rows), positions(width, columns)


def composed(stages: Network, height: int, width: int) -> tuple[Window, Window]:
    """What a position of the last stage's output looks at in the first one's input.

    >>> from jaxdissect.networks.layers import convolution
    >>> composed((convolution("a", 1, stride=2), convolution("b", 1)), 9, 9)[0]
    Window(size=7, stride=2, padding=3, known=True)
    """
    rows = columns = Window()
    for down, across in along(stages, height, width):
        rows, columns = _through(rows, down), _through(columns, across)
    return rows, columns


def _through(before: Window, after: Window) -> Window:
    """The window of two stages, one after the other."""
    return Window(
        before.size + (after.size - 1) * before.stride,
        before.stride * after.stride,
        before.padding + after.padding * before.stride,
        before.known and after.known,
    )


def measured_windows(
    function: Callable[[Array], Array], shape: tuple[int, int, int]
) -> tuple[Window, Window]:
    """What an output position of a function looks at, in positions of its input map.

    Rows of a random map become NaN, or huge; two neighbours in mid output tell
    by bisection the first and the last row that most of their cells see. Where these
    are no windows with a whole stride (as of a transposed convolution, or of padding
    alone), more neighbours tell after how many of them, p, the same comes again how
    many rows, q, further on.
    Padding counts what lies before the map, so the centres are right where more is
    padded behind, too. Then the same for columns.

    Where no window explains what is seen, as where everything sees everything
    (squeeze-and-excitation, norms over the map, attention), it is supposed that the
    output's cells divide the input map evenly, and `known` is False.

    Args:
        function: (x [B H W U]) -> [B h w U'], or [B K].
        shape: (H, W, U) of its input map.

    Returns:
        The windows along (rows, columns).

    >>> pairs = lambda x: x[:, :-1:2] + x[:, 1::2]
    >>> rows, columns = measured_windows(pairs, (8, 8, 1))
    >>> rows, columns.stride
    (Window(size=2, stride=2, padding=0, known=True), 1)
    >>> measured_windows(lambda x: jnp.fft.fft(x, axis=1).real, (8, 8, 1))[0]
    Window(size=1.0, stride=1.0, padding=0, known=False)
    """
    height, width, units = shape
    turned = lambda x: _turned(function(_turned(x)))  # noqa: E731
    return _measured(function, shape), _measured(turned, (width, height, units))


def _turned(maps: Array) -> Array:
    """Rows as columns and columns as rows, where there are any."""
    return maps.swapaxes(1, 2) if maps.ndim == 4 else maps


def _measured(
    function: Callable[[Array], Array], shape: tuple[int, int, int]
) -> Window:
    """The window along rows."""
    height = shape[0]
    like = jax.eval_shape(function, jax.ShapeDtypeStruct((1, *shape), jnp.float32))
    count = like.shape[1] if len(like.shape) == 4 else 1
    for sampled in (2, SAMPLED):
        start = max(0, (count - sampled) // 2)
        rows = range(start, min(start + sampled, count))
        extents = first, last = _extents(function, shape, rows)
        if count == 1 and first[0] <= last[0]:
            return Window(int(last[0] - first[0]) + 1, height, -int(first[0]))
        window = _explained(extents, start, height, count)
        if window and (len(rows) > 2 or _on_map(window, count, height)):
            return window
        if len(rows) == count or _everything(extents, height):
            break
    return Window(height / count, height / count, known=False)


def _everything(extents: Extents, height: int) -> bool:
    first, last = extents
    return bool((first == 0).all() and (last == height - 1).all())


def _on_map(window: Window, count: int, height: int) -> bool:
    """Whether the first and the last of all output rows would see some of the map."""
    size, stride, padding, _ = window
    return size > padding and stride * (count - 1) - padding < height


def _extents(
    function: Callable[[Array], Array],
    shape: tuple[int, int, int],
    rows: Sequence[int],
) -> Extents:
    """The first and the last input row that each of some output rows sees.

    A row that sees none has its first beyond its last.
    """
    height, n = shape[0], len(rows)
    base = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    # Compiled maxima of windows may pass over NaN, but not over what is larger.
    huge = np.where(np.arange(shape[2]) % 2, -HUGE, HUGE).astype(np.float32)
    # The last row seen of each, and of the same counted from the end.
    places = np.array([*[range(height)] * n, *[range(height)[::-1]] * n])
    own = np.array([*rows, *rows])

    def sees(starts: Int[np.ndarray, "m"], of: slice) -> Bool[np.ndarray, "m"]:
        """Whether each sees any row from its start on."""
        behind = (places[of] >= starts[:, None])[..., None, None]
        changed = [np.where(behind, each, base) for each in (np.float32(np.nan), huge)]
        maps = np.concatenate([*changed, base[None]])
        # Not compiled as a whole: the weights would be constants of the program.
        outputs = np.asarray(function(jnp.asarray(maps)), np.float32)
        if outputs.ndim != 4:
            outputs = outputs.reshape(len(outputs), 1, 1, -1)
        apart = abs(outputs[:-1] - outputs[-1]).reshape(2, -1, *outputs.shape[1:])
        apart = apart[:, np.arange(len(starts)), own[of]]
        moved = ~(apart <= MOVED * abs(outputs[-1]).max()).all(-1)
        return moved.any(0).mean(-1) > 1 / 2

    low, high = np.zeros(2 * n, int), np.full(2 * n, height)
    while (high - low).max() > 1:
        middle = (low + high) // 2
        parts = [slice(at, at + 4) for at in range(0, 2 * n, 4)]
        seen = np.concatenate([sees(middle[of], of) for of in parts])
        low, high = np.where(seen, middle, low), np.where(seen, high, middle)
    return height - 1 - low[n:], low[:n]


def _explained(extents: Extents, start: int, height: int, count: int) -> Window | None:
    """The window by which output rows from `start` on see what they see, if any.

    What comes every p rows is q further on, but for the borders of the map; those in
    the middle decide where some see what reflections, say, put beyond the border.
    """
    first, last = extents
    n = len(first)
    for cut in (0, n // 4):
        part = first[cut : n - cut], last[cut : n - cut]
        for period in range(1, (n - 2 * cut) // 2 + 1):
            steps = _steps(part, height, period)
            if len(steps) == 1 and min(steps) > 0:
                window = _repeating(part, start + cut, height, period, min(steps))
                if window:
                    return window
    if n == count > 1 and not _steps(extents, height, 1):
        return _cut_short(extents, height, count)
    return None


def _cut_short(extents: Extents, height: int, count: int) -> Window | None:
    """The window of a few rows, none of which lies on the map with a neighbour.

    Of those whose padding is less than half of them; known if there is just one. Else
    that whose stride is nearest to what one of many cells would have, of odd size if
    two are.
    """
    found = [_repeating(extents, 0, height, 1, q) for q in range(1, height + 1)]
    likely = [window for window in found if window and 2 * window.padding < window.size]
    if not likely:
        return None
    ratio = height / count
    best = min(likely, key=lambda each: (abs(each.stride - ratio), each.size % 2 == 0))
    return best._replace(known=len(likely) == 1)


def _steps(extents: Extents, height: int, period: int) -> set[int]:
    """How much further rows see than those a period ago, if no border cuts short."""
    steps = set()
    for places, clear in _clear(extents, height):
        both = clear[period:] & clear[:-period]
        steps.update((places[period:] - places[:-period])[both].tolist())
    return steps


def _clear(extents: Extents, height: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """[(places, whether no border cuts short)] of first and last rows seen."""
    first, last = extents
    return [(first, first > 0), (last, last < height - 1)]


def _repeating(
    extents: Extents, start: int, height: int, period: int, q: int
) -> Window | None:
    """The window of rows that see the same again after a period, `q` further on."""
    first, last = extents
    (_, within), (_, inside) = _clear(extents, height)
    # Where the rows of one period would begin and end, were the map without borders.
    turns = np.arange(len(first)) // period * q
    begins = _of_period(first - turns, within, period)
    ends = _of_period(last - turns, inside, period)
    if begins is None or ends is None:
        return None
    phase = np.arange(len(first)) % period
    seen = (
        first <= last,
        np.maximum(0, begins[phase] + turns) == first,
        np.minimum(height - 1, ends[phase] + turns) == last,
    )
    if not np.all(seen):
        return None
    stride, size = q / period, float((ends - begins).mean()) + 1
    padding = float((stride * np.arange(start, start + period) - begins).mean())
    if period == 1:
        return Window(int(size), q, int(padding))
    return Window(size, stride, padding)


def _of_period(
    places: Int[np.ndarray, "n"], clear: Bool[np.ndarray, "n"], period: int
) -> Int[np.ndarray, "p"] | None:
    """The place of each row of a period, from some row that no border cuts short."""
    found = [places[at::period][clear[at::period]][:1] for at in range(period)]
    return np.concatenate(found) if all(map(len, found)) else None
