"""What `query` is told."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from jaxdissect.ranges import Batch, Count, Names, Seed
from jaxdissect.settings import SubjectSettings


@dataclass(frozen=True)
class QuerySettings(SubjectSettings):
    """Ask a dissection which images show a concept and which units fire on pictures."""

    dissection: Path | None = None
    """Folder that `dissect` wrote, of one layer; by default that of conv5_3, made where
    it is missing."""
    concepts: Names = ()
    """Concepts to look for, as `category/name`, or `name` where one category has it."""
    images: tuple[Path, ...] = ()
    """Pictures of your own: which units fire on them, and do they show the concepts?"""
    units: Literal["detectors", "best"] = "detectors"
    """Units that speak for a concept: its detectors (where it has none, the best unit),
    or the best unit alone."""
    outside: Count | None = None
    """Labelled images to search, and to measure how well units tell concepts; none of
    those dissected. By default 1200 generated ones, or all others of a folder."""
    path: Path | None = None
    """Folder of the labelled images, if Broden or segmented pictures were dissected."""
    split: str = ""
    """Part of the folder; by default the one dissected."""
    rank_by: Literal["strength", "area"] = "strength"
    """Order of the units that fire on a picture: by how far the peak lies in the unit's
    own tail, or by how much of the picture it covers."""
    num_shown: Count = 10
    """Images shown for each concept, and units for each picture."""
    batch_size: Batch = 50
    """Images per forward pass."""
    seed: Seed = 0
    """Seed of generated images."""
    out: Path | None = None
    """Folder for the results; by default one under runs/ named after the question."""
