"""What `agreement` is told."""

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import MinLen

from jaxdissect.ranges import Distinct
from jaxdissect.settings import ImageSweepSettings


@dataclass(frozen=True)
class AgreementSettings(ImageSweepSettings):
    """Does the gradient predict what removing a unit does?"""

    layer: str = "conv5_3"
    """Layer whose units are removed, and asked about."""
    scores: Annotated[
        tuple[Literal["probability", "log_probability", "logit"], ...],
        MinLen(1),
        Distinct(),
    ] = (
        "probability",
        "log_probability",
        "logit",
    )
    """What gradients are of: the class's probability, its logarithm, its logit."""
