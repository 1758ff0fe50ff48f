"""What `faces` is told."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from annotated_types import MinLen

from jaxdissect.experiments.gradients import Settings as GradientsSettings
from jaxdissect.experiments.train import Settings as TrainSettings
from jaxdissect.ranges import Distinct, Seed


@dataclass(frozen=True)
class FacesSettings:
    """Train a small network on faces, split by split; ask each with gradients."""

    base: TrainSettings = field(default_factory=TrainSettings)
    """The training; the seed of its data is replaced by the split's."""
    splits: Annotated[tuple[Seed, ...], MinLen(1), Distinct()] = tuple(range(10))
    """Seeds of the splits, each with a training of its own."""
    ask: GradientsSettings = field(default_factory=GradientsSettings)
    """What each network is asked; weights and data are those of the trainings."""
    out: Path | None = None
    """Folder for trainings and results; by default one under runs/."""
