"""What `attack` is told."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from annotated_types import Interval

from jaxdissect.ranges import (
    Batch,
    Count,
    CountOrZero,
    Distinct,
    Draws,
    Names,
    PositiveShare,
    Seed,
    Weight,
)
from jaxdissect.settings import SubjectSettings


@dataclass(frozen=True)
class AttackSettings(SubjectSettings):
    """Attack a classifier and see which units the attack moves."""

    layer: str = "conv5_3"
    """Layer whose units are watched."""
    ablation: Path | None = None
    """Folder that `ablate` wrote for the same weights and layer, for which units matter
    to which class; made where it is missing."""
    dissection: Path | None = None
    """Folder that `dissect` wrote for the same weights and layer, for what the units
    look for; made where it is missing."""
    targets: Names = ()
    """Classes aimed at; by default five of them, spread over all."""
    num_images: Annotated[int, Interval(ge=2, le=10_000_000)] = 20
    """Images attacked for each target: the first that neither are nor are taken for
    it."""
    preset: Literal["light", "original"] = "light"
    """Settings of the Carlini-Wagner attack; those below, where given, replace its."""
    steps: Count | None = None
    """Steps of Adam for each constant."""
    searches: Draws | None = None
    """Constants tried."""
    confidence: Weight = 0.0
    """Margin between the logits that counts as success."""
    top: Count = 4
    """Units that matter most to a class, so many."""
    pixel_steps: Annotated[tuple[PositiveShare, ...], Distinct()] = (
        1 / 255,
        2 / 255,
        4 / 255,
        8 / 255,
    )
    """Sizes of single steps along a gradient's sign, for comparison, in every pixel."""
    num_shown: CountOrZero = 4
    """Images drawn."""
    batch_size: Batch = 8
    """Images attacked at a time."""
    seed: Seed = 0
    """Of generated images and of random units."""
    out: Path | None = None
    """Folder for the results; by default one under runs/ named after the weights."""
