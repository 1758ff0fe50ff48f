"""What `regimes` is told."""

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import MinLen

from jaxdissect.experiments.train import ExperimentSettings
from jaxdissect.ranges import Count, Distinct, PositiveShare

RegimeName = Literal[
    "none",
    "dropout",
    "dropblock",
    "focused dropout",
    "focused dropout algorithm1",
    "focused dropout per element",
    "input gradient",
    "input gradient differences",
    "input gradient weak",
    "input gradient strong",
    "spatial dropout",
]


@dataclass(frozen=True)
class RegimesSettings(ExperimentSettings):
    """Train a network under several regularisers; compare the results."""

    regimes: Annotated[tuple[RegimeName, ...], MinLen(1), Distinct()] = (
        "none",
        "dropout",
        "focused dropout",
        "focused dropout algorithm1",
        "focused dropout per element",
        "input gradient",
        "input gradient differences",
        "input gradient weak",
        "input gradient strong",
    )
    """Which; `none` must be among them."""
    steps: Annotated[tuple[PositiveShare, ...], MinLen(1), Distinct()] = (
        0.5 / 255,
        1 / 255,
        2 / 255,
        4 / 255,
        8 / 255,
    )
    """Sizes of the fast gradient sign step, in pixels in [0, 1]."""
    num_attacked: Count = 1000
    """Test images that are attacked."""
