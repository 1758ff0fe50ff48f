"""What `groups` is told."""

from dataclasses import dataclass, field
from typing import Annotated

from annotated_types import MinLen

from jaxdissect.experiments.train import ExperimentSettings
from jaxdissect.ranges import Distinct, Names, Weight
from jaxdissect.settings import ProtocolSettings


@dataclass(frozen=True)
class GroupsSettings(ExperimentSettings):
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
    protocol: ProtocolSettings = field(
        default_factory=lambda: ProtocolSettings(preset="cvpr17")
    )
    """How units are labelled."""
