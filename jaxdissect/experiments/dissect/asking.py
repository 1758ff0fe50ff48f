"""The former place of what is in `saved` and `questions`."""

from pathlib import Path

from jaxdissect.experiments.dissect.questions import concept_numbers, own_pictures
from jaxdissect.experiments.dissect.saved import OpenDissection as Asked
from jaxdissect.experiments.dissect.saved import (
    as_dissected,
    check_weights,
    find_or_make,
    open_dissection,
)
from jaxdissect.settings import SubjectSettings

__all__ = [
    "Asked",
    "as_dissected",
    "check_weights",
    "concept_numbers",
    "folder_of",
    "open_dissection",
    "own_pictures",
]


def folder_of(config: SubjectSettings, dissection: Path | None, seed: int) -> Path:
    """As `find_or_make`."""
    return find_or_make(config, seed, folder=dissection)
