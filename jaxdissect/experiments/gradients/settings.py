"""What `gradients` is told."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from annotated_types import MinLen

from jaxdissect.ranges import Batch, Count, Distinct, Draws, Names, Positive, Seed
from jaxdissect.settings import DataSettings, ScoreName, SubjectSettings

NormName = Literal["l2", "l1", "max"]


@dataclass(frozen=True)
class GradientsSettings(SubjectSettings):
    """Ask every class what it gains from each unit; knock units out in that order."""

    data: DataSettings = field(default_factory=lambda: DataSettings(num_train=560))
    """Images: units are ranked on the training ones, everything is reported on the test
    ones. For faces `--data.name yale --data.path FOLDER`; of `pictures` half are ranked
    on."""
    layers: Names = ()
    """Layers whose units are asked about, ranked together; by default all
    convolutional ones."""
    score: ScoreName = "probability"
    """What gradients are of: the class's probability, or its logit."""
    norm: NormName = "l2"
    """How a unit's gradient over all positions becomes one score."""
    average: Literal["norm_of_mean", "mean_of_norms"] = "norm_of_mean"
    """How the scores of a class come from its images."""
    removed: Count = 20
    """Units knocked out, up to so many: strongest first, weakest first, at random."""
    random_draws: Draws = 5
    """Random orders of units."""
    steps: Annotated[tuple[Positive, ...], MinLen(1), Distinct()] = (
        0.25,
        0.5,
        1.0,
        2.0,
        4.0,
        8.0,
    )
    """Sizes of the step along the input prediction gradient, in pixels in [0, 1]."""
    scaling: Literal["l2", "sign", "raw"] = "l2"
    """What a step's size is of: the whole change's norm, every pixel, or a factor of
    the gradient."""
    num_pushed: Count = 56
    """Test images that steps push towards every other class."""
    num_shown: Count = 3
    """Classes, and images of each, that are drawn."""
    batch_size: Batch = 50
    """Images per pass."""
    seed: Seed = 0
    """Of random orders."""
    out: Path | None = None
    """Folder for the results; by default one under runs/ named after the weights."""
