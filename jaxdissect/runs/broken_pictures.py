"""Broken pictures, found before anything else and left out where that was asked for."""

from collections.abc import Sequence
from pathlib import Path

from jaxdissect.data.listing import shown
from jaxdissect.data.picture_files import Broken, examined
from jaxdissect.errors import BadInput
from jaxdissect.runs.progress import Progress

SHOWN = 10
"""Pictures that are named when they are left out."""


def broken_pictures(folder: Path, names: Sequence[str]) -> tuple[Broken, ...]:
    """Decode every picture once, under a progress bar; say which cannot be.

    Args:
        folder: that they are in.
        names: paths relative to it.

    Raises:
        BadInput: none can be decoded.
    """
    seen = Progress().bar(examined(folder, names), len(names), "checking pictures")
    broken = tuple(found for found in seen if found is not None)
    if broken and len(broken) == len(names):
        name, reason = broken[0]
        raise BadInput(
            f"none of the {len(names)} pictures in {folder} can be read: the first, "
            f"{shown(name)}, {reason}"
        )
    if broken:
        print(said(broken, len(names)))
    return broken


def said(broken: Sequence[Broken], number: int) -> str:
    """One paragraph about the pictures that are left out of so many."""
    named = [f"{shown(name)} {reason}" for name, reason in broken[:SHOWN]]
    more = len(broken) - len(named)
    rest = [f"{more} more are in run.json"] if more else []
    are = "is" if len(broken) == 1 else "are"
    return (
        f"{len(broken)} of {number} pictures {are} left out: "
        f"{'; '.join([*named, *rest])}."
    )
