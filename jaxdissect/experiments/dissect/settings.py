"""What `dissect` is told."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from annotated_types import Interval

from jaxdissect.ranges import (
    Batch,
    Count,
    Distinct,
    Draws,
    DrawsOrZero,
    Mebibytes,
    Share,
    SomeNames,
)
from jaxdissect.settings import ProbeSettings, ProtocolSettings, SubjectSettings


@dataclass(frozen=True)
class DissectSettings(ProbeSettings, SubjectSettings):
    """Find what every unit of a layer looks for; writes tables and an HTML report."""

    random_weights: bool = False
    """Same network, random weights: what a network shows that has learnt nothing."""
    layers: SomeNames = ("conv5_3",)
    """Layers whose units are dissected, in the same passes over the images; `all` for
    every convolutional layer. Of several, each one's results get a folder."""
    protocol: ProtocolSettings = field(default_factory=ProtocolSettings)
    num_top: Count = 10
    """Top images shown per unit."""
    num_draws: DrawsOrZero = 1000
    """Resamples of the images behind each interval; 0 for neither intervals nor chance
    levels, which saves a pass."""
    compare_presets: bool = False
    """Dissect by every preset's conventions, too, and compare the labels."""
    rotate: Annotated[tuple[Share, ...], Distinct()] = ()
    """Powers of a random rotation, from 0 (none) to 1, along whose axes the layer's
    units are read, too: the baseline of Network Dissection, CVPR 2017."""
    rotations: Draws = 1
    """Random rotations to average over."""
    batch_size: Batch = 50
    """Images per forward pass."""
    memory_mib: Mebibytes = 2048
    """What thresholds may take; where they would take more, there are more passes."""
    keep_mib: Annotated[int, Interval(ge=0, le=2**31)] = 4096
    """Activations are kept for the later passes where they fit into this."""
    out: Path | None = None
    """Folder for the results; by default one under runs/ named after the run."""
