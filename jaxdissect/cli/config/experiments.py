"""Settings of the experiments that train several networks and compare them."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from annotated_types import MinLen

from jaxdissect.cli.config.analyses import ProtocolConfig
from jaxdissect.cli.config.ranges import (
    Count,
    Distinct,
    Names,
    PositiveShare,
    Seed,
    Weight,
)
from jaxdissect.cli.config.training import TrainConfig

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
class ExperimentConfig:
    """What every experiment of several trainings is told."""

    base: TrainConfig = field(default_factory=TrainConfig)
    """The training that regimes change."""
    small: TrainConfig = field(default_factory=TrainConfig)
    """What --quick trains instead."""
    quick: bool = False
    """Minutes instead of hours: train `small`."""
    seeds: Annotated[tuple[Seed, ...], MinLen(1), Distinct()] = (0, 1, 2)
    """Each regime is trained with each of them."""
    together: bool = False
    """Train all seeds of a regime side by side, where memory allows."""
    num_images: Count = 1120
    """Images with labelled concepts to dissect the networks with."""
    out: Path | None = None
    """Folder for trainings and results; by default one under runs/."""


@dataclass(frozen=True)
class RegimesConfig(ExperimentConfig):
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


@dataclass(frozen=True)
class GroupsConfig(ExperimentConfig):
    """Weight decay, block norm, and block norm with losses of receptive fields."""

    batch_norm: Annotated[tuple[bool, ...], MinLen(1), Distinct()] = (False, True)
    """Networks without and with BatchNorm."""
    block_norm: Weight = 0.005
    """Weight of the block norm."""
    group: Weight = 0.1
    """Weight of the group activation loss."""
    spatial: Weight = 0.01
    """Weight of the spatial loss."""
    loss_layers: Names = ()
    """Layers of the two losses; by default the last convolutional one."""
    protocol: ProtocolConfig = field(
        default_factory=lambda: ProtocolConfig(preset="cvpr17")
    )
    """How units are labelled."""
