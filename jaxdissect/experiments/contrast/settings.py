"""What `contrast` is told."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class ContrastSettings:
    """Hold two dissections against each other: what is gained, lost, changed."""

    first: Path | None = None
    """Folder of a layer's results that `dissect` wrote; or a file with published names
    of units: a table of NetDissect's, descriptions of CLIP-Dissect or MILAN."""
    second: Path | None = None
    """Another, of other weights, another layer or other conventions."""
    first_layer: str | None = None
    """Which layer of `first`, where it is a file with several."""
    second_layer: str | None = None
    """Which layer of `second`, likewise."""
    match: Literal["auto", "number", "profile"] = "auto"
    """Units of both that are taken for one another: those of the same number, or those
    whose IoU with the concepts are most alike. By default by number where both are of
    the same layer with as many units."""
    out: Path | None = None
    """Folder for the results; by default one under runs/ named after both."""
