"""What `scale` is told."""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import MinLen

from jaxdissect.ranges import Distinct, Draws, Positive, PositiveShare
from jaxdissect.settings import ImageSweepSettings


@dataclass(frozen=True)
class ScaleSettings(ImageSweepSettings):
    """Scale the best and the worst units, their outputs or their weights."""

    layer: str = "conv5_3"
    """Layer whose units are scaled."""
    factors: Annotated[tuple[Positive, ...], MinLen(1), Distinct()] = (
        0.25,
        1 / 3,
        0.5,
        1.0,
        2.0,
        3.0,
        4.0,
    )
    """What outputs or weights are multiplied with."""
    share: PositiveShare = 0.05
    """Share of the units scaled together, beside single ones."""
    random_draws: Draws = 20
    """Random units, and random sets, that are the control."""
