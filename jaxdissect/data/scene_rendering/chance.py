"""Random draws that are the same on every platform and numpy version."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

import numpy as np

from jaxdissect.data.scene_rendering import colours, vocabulary

T = TypeVar("T")

_BLOCK = 512


class Dice:
    """Uniform draws from numpy's Philox counter generator, keyed by two integers.

    Only the generator's raw 64-bit words are used: numpy fixes that stream for ever,
    and does not fix what `Generator`'s distributions make of it.
    """

    def __init__(self, seed: int, index: int):
        key = np.array([seed, index], dtype=np.uint64)
        self._bits = np.random.Philox(key=key)
        self._draws: Iterator[float] = iter(())

    def unit(self) -> colours.Real:
        """A number in [0, 1)."""
        for draw in self._draws:
            return draw
        words = self._bits.random_raw(_BLOCK) >> np.uint64(11)
        self._draws = iter((words.astype(np.float64) * 2.0**-53).tolist())
        return next(self._draws)

    def between(self, low: colours.Real, high: colours.Real) -> colours.Real:
        """A number in [low, high)."""
        return low + (high - low) * self.unit()

    def chance(self, probability: colours.Real) -> bool:
        """True with this probability."""
        return self.unit() < probability

    def count(self, low: int, high: int) -> int:
        """An integer in [low, high]."""
        return low + int(self.unit() * (high - low + 1))

    def pick(self, items: Sequence[T]) -> T:
        """One of the items."""
        return items[int(self.unit() * len(items))]

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """The items in a random order."""
        rest = list(items)
        return [rest.pop(int(self.unit() * len(rest))) for _ in range(len(rest))]

    def shade(self, palette: Sequence[colours.RGB]) -> colours.RGB:
        """A colour of a palette, of random brightness."""
        return colours.scaled(self.pick(palette), self.between(0.8, 1.2))

    def texture(self, probability: colours.Real) -> str:
        """The name of a texture, or with 1 - probability the empty one."""
        if self.unit() < probability:
            return self.pick(vocabulary.NAMES["texture"])
        return ""

    def grain(self, count: int) -> np.ndarray:
        """`count` bytes of noise, as int8."""
        words = self._bits.random_raw((count + 7) // 8).astype("<u8")
        return words.view(np.int8)[:count]
