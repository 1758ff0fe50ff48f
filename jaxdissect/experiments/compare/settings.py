"""What `compare` is told."""

from dataclasses import dataclass
from pathlib import Path

from jaxdissect.ranges import Draws
from jaxdissect.settings import SweepSettings


@dataclass(frozen=True)
class CompareSettings(SweepSettings):
    """Importance of single units in several trainings, rotated and not."""

    trainings: tuple[Path, ...] = ()
    """Weights that `train` wrote; those with the same BatchNorm and dropout settings
    are one regime, whatever their seeds."""
    layer: str = "conv5"
    """Layer whose units are removed."""
    rotations: Draws = 3
    """Random rotations of the layer, for each training."""
    random_draws: Draws = 20
    """Random orders in which units are removed."""
