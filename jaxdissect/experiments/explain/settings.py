"""What `explain` is told."""

from dataclasses import dataclass
from pathlib import Path

from jaxdissect.ranges import Count, Seed
from jaxdissect.settings import ScoreName, SubjectSettings


@dataclass(frozen=True)
class ExplainSettings(SubjectSettings):
    """One page for a picture: the prediction, and which units speak for and against."""

    images: tuple[Path, ...] = ()
    """Pictures of your own; by default a few generated scenes."""
    dissection: Path | None = None
    """Folder that `dissect` wrote, of one layer; by default that of conv5_3, made where
    it is missing."""
    classes: tuple[str, ...] = ()
    """Classes asked about; by default the one predicted and the runner-up."""
    score: ScoreName = "probability"
    """What gradients are of: the class's probability, or its logit."""
    num_units: Count = 6
    """Units shown that speak for a class, and as many against."""
    seed: Seed = 0
    """Of generated scenes."""
    out: Path | None = None
    """Folder for the pages; by default one under runs/ named after the dissection."""
