"""Which of a network's classes folders are named after."""

import difflib
import re
from collections.abc import Callable, Sequence

from jaxdissect.errors import BadInput

PREFIX = re.compile(r"/\w/|n\d{8}")
"""What Places and ImageNet put before the names of classes."""


def _exact(name: str) -> set[str]:
    return {name}


def _plain(name: str) -> set[str]:
    return {_words(name)} - {""}


def _bare(name: str) -> set[str]:
    prefix = PREFIX.match(name)
    rest = PREFIX.sub("", name, count=1) if prefix else name
    number = prefix.group() if prefix and prefix.group()[0] == "n" else ""
    return {_words(rest), number} - {""}


def _parts(name: str) -> set[str]:
    rest = PREFIX.sub("", name, count=1) if PREFIX.match(name) else name
    return {_words(rest.rpartition("/")[2]), *map(_words, rest.split(","))} - {""}


def _words(name: str) -> str:
    return " ".join(re.findall(r"\w+", name.casefold().replace("_", " ")))


Read = Callable[[str], set[str]]
READINGS: tuple[Read, ...] = (_exact, _plain, _bare, _parts)
"""What a name may say, from the strictest to the most lenient reading."""


def match_classes(names: Sequence[str], classes: Sequence[str]) -> tuple[int, ...]:
    """Which class each name means, by the first of these ways that finds any.

    The very name. The name but for case and for what stands between words. The same
    without a leading "/s/" or "n01440764", or such a number alone. The last part of a
    path, or one of several names between commas.

    Args:
        names: of folders, all different.
        classes: names of the network's classes.

    Raises:
        BadInput: a name that means no class or several, or two that mean one.

    >>> match_classes(["Street", "tench"], ["n01440764 tench", "/s/street"])
    (1, 0)
    """
    readings = [(read, [read(c) for c in classes]) for read in READINGS]
    found = tuple(_match(name, classes, readings) for name in names)
    for k in set(found):
        same = [name for name, number in zip(names, found, strict=True) if number == k]
        if len(same) > 1:
            raise BadInput(
                f"the folders {same[0]!r} and {same[1]!r} both mean the class "
                f"{classes[k]!r}; put their pictures into one"
            )
    return found


def _match(name: str, classes: Sequence[str], readings: list[tuple[Read, list]]) -> int:
    for read, known in readings:
        wanted = read(name)
        found = [k for k, one in enumerate(known) if wanted & one]
        if len(found) == 1:
            return found[0]
        if found:
            meant = ", ".join(repr(classes[k]) for k in found[:3])
            raise BadInput(
                f"the folder {name!r} could mean {meant}; give it the name of one class"
            )
    words = {
        w: c
        for _, known in readings
        for c, one in zip(classes, known, strict=True)
        for w in one
    }
    close = difflib.get_close_matches(_words(name), words, n=3, cutoff=0.5)
    nearest = ", ".join(dict.fromkeys(repr(words[one]) for one in close))
    raise BadInput(
        f"the folder {name!r} is none of the network's {len(classes)} classes; the "
        f"nearest: {nearest or 'none is alike'}"
    )
