"""Where what can be had again is kept: compiled programs, downloads."""

import os
import sys
import tempfile
from functools import cache
from pathlib import Path

import platformdirs


def folder(name: str) -> Path:
    """A folder of the user's cache, or a temporary one where that cannot be written.

    Args:
        name: of what is kept there.
    """
    try:
        wanted = platformdirs.user_cache_path("jaxdissect", appauthor=False) / name
    except RuntimeError:  # there is no home
        wanted = Path("~") / name
    return _usable_or_instead(wanted)


@cache
def _usable_or_instead(wanted: Path) -> Path:
    # Without a home older versions of platformdirs name a folder called "~".
    if wanted.is_absolute() and _usable(wanted):
        return wanted
    name = wanted.name
    user = os.getuid() if hasattr(os, "getuid") else 0
    instead = Path(tempfile.gettempdir()) / f"jaxdissect-{user}" / name
    if not _usable(instead):
        instead = Path(tempfile.mkdtemp(prefix="jaxdissect-"))
    print(f"{wanted} cannot be written; {instead} takes its place", file=sys.stderr)
    return instead


def _usable(place: Path) -> bool:
    try:
        place.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=place):
            return True
    except OSError:
        return False


def use_compilation_cache() -> None:
    """Keep compiled programs between runs, under the user's cache folder."""
    import jax

    jax.config.update("jax_compilation_cache_dir", str(folder("xla")))
