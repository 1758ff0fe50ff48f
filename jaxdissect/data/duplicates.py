"""Pictures that are there twice, byte by byte or pixel by pixel, found all at once."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from jaxdissect.data.listing import shown
from jaxdissect.data.picture_files import digests

SHOWN = 5
"""Pairs that are named."""

Pair = tuple[str, str]
"""(the first picture, another that is the same)."""


def same_bytes(folder: Path, files: Sequence[tuple[str, int]]) -> list[Pair]:
    """Files that repeat earlier ones; only those of equal length are read.

    Args:
        folder: that they are in.
        files: [(path relative to it, length in bytes)].

    >>> same_bytes(Path("/nowhere"), [("a.png", 9), ("b.png", 8)])
    []
    """
    times = Counter(length for _, length in files)
    names = [name for name, length in files if length and times[length] > 1]
    return repeats(names, digests(folder, names))


def repeats(names: Sequence[str], contents: Iterable[str]) -> list[Pair]:
    """Names whose contents are those of an earlier name.

    >>> repeats(["a", "b", "c"], ["1", "2", "1"])
    [('a', 'c')]
    """
    first: dict[str, str] = {}
    pairs = [
        (first.setdefault(content, name), name)
        for name, content in zip(names, contents, strict=True)
    ]
    return [(one, other) for one, other in pairs if one != other]


def pixel_digest(pixels) -> str:
    """SHA-256 of an array's bytes.

    >>> import numpy as np
    >>> pixel_digest(np.zeros(3, np.uint8))[:6]
    '709e80'
    """
    return hashlib.sha256(pixels.tobytes()).hexdigest()


def listed(pairs: Sequence[Pair]) -> str:
    """Pairs in words.

    >>> listed([("a.png", "b.png")])
    'b.png is a.png'
    """
    parts = [f"{shown(other)} is {shown(one)}" for one, other in pairs[:SHOWN]]
    more = len(pairs) - len(parts)
    return ", ".join([*parts, *([f"{more} more"] if more else [])])
