"""Settings of every command that asks a network something: which network."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from jaxdissect.cli.config.ranges import Mean, Side, Std


@dataclass(frozen=True)
class PreprocessingConfig:
    """What a checkpoint of another framework was trained on; files of `train` say so
    themselves."""

    size: Side | None = None
    """Height and width of the images, in pixels; 224 by default, 227 for Caffe's
    AlexNet, 32 for networks of small images (CIFAR's)."""
    mean: Mean | None = None
    """Per-channel mean of images in [0, 1], subtracted first, in the order of
    `channels`: three, or one for a network that takes grey images. ImageNet's by
    default, CIFAR's for networks of small images; a grey network has none."""
    std: Std | None = None
    """Per-channel standard deviation, divided by; defaults as for `mean`."""
    channels: Literal["rgb", "bgr"] = "rgb"
    """Order of the channels that the network takes."""
    classes: Path | None = None
    """Text file with the name of a class in each line."""
    part: str | None = None
    """What the names of the network's tensors begin with, in a file of several
    networks: `ema`, `generator`, `teacher`, ..."""


@dataclass(frozen=True)
class SubjectConfig:
    """Which network is asked."""

    weights: Path | None = None
    """Weights that `train` wrote; a checkpoint of PyTorch or of safetensors; or the
    name of a published network, such as vgg16-places365 (docs/own_network.md). By
    default the bundled VGG-16 of the scenes."""
    network: str | None = None
    """A network of your own, path/to/file.py:function (docs/own_network.md); the
    function gets `weights`, if given."""
    preprocessing: PreprocessingConfig = field(default_factory=PreprocessingConfig)
