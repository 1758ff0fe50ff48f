"""What `ablate` is told."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from jaxdissect.ranges import Count, Draws, Names, PositiveShare, SomeNames
from jaxdissect.settings import ImageSweepSettings


@dataclass(frozen=True)
class AblateSettings(ImageSweepSettings):
    """Remove every unit of a layer and see which classes suffer."""

    layers: SomeNames = ("conv5_3",)
    """Layers whose units are removed; each layer's results get a folder."""
    classes: Names = ()
    """Only images of these classes; by default of all that the images have."""
    value: Literal["zero", "mean", "resample"] = "zero"
    """What a removed unit's maps become: zero, its mean on the ranking scenes, or its
    maps on another scene of the batch."""
    rank_by: Literal["log_probability", "balanced_accuracy"] = "log_probability"
    """What a class must lose for a unit to be important to it. Accuracy is the measure
    of the papers, but where few answers flip it leaves most units tied."""
    share: PositiveShare = 0.05
    """Share of the units whose removal is compared with that of random ones."""
    top: Count = 4
    """A unit serves the classes in whose most important units, so many, it is."""
    random_draws: Draws = 10
    """Random orders of units behind every 'random' figure."""
    dissection: Path | None = None
    """Folder that `dissect` wrote for the same weights and layer, for what the units
    look for; made where it is missing, but not where the images are pictures."""
