"""What a run of each command is told, as frozen dataclasses; imports nothing heavy.

A config file is a Python file that defines `config`, one of these. The docstring under
each field is its help text on the command line.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Architecture = Literal["vgg16", "alexnet", "lenet"]


@dataclass(frozen=True)
class NetworkConfig:
    """The network and its size."""

    architecture: Architecture = "vgg16"
    """Which table of stages."""
    width: float = 0.25
    """Multiplies every convolution's number of units (vgg16, alexnet)."""
    batch_norm: bool = True
    """BatchNorm between each convolution and its ReLU (vgg16, alexnet)."""
    grid: int = 1
    """Maps are averaged to grid x grid before fc6 (vgg16, alexnet)."""
    hidden: tuple[int, ...] = (256, 256)
    """Sizes of the hidden fully connected layers (lenet takes exactly one)."""
    dropout: float = 0.0
    """Dropout rate after each hidden fully connected layer (vgg16, alexnet)."""


@dataclass(frozen=True)
class ScenesConfig:
    """Generated scenes; training and test images never overlap."""

    seed: int = 0
    """Seed of the scenes."""
    num_train: int = 16000
    """Training images."""
    num_test: int = 1200
    """Held-out images on which accuracy is reported."""


@dataclass(frozen=True)
class OptimConfig:
    """AdamW with a linear warm-up and a cosine decay to zero."""

    lr: float = 1.5e-3
    """Highest learning rate."""
    weight_decay: float = 1e-2
    """Decoupled weight decay."""
    batch_size: int = 32
    """Images per step."""
    warmup: float = 0.1
    """Share of the steps in which the learning rate rises."""
    shift: int = 6
    """Largest random displacement of a training image, in pixels."""


@dataclass(frozen=True)
class TrainConfig:
    """Train a network on generated scenes; the same command resumes a stopped run."""

    network: NetworkConfig = field(default_factory=NetworkConfig)
    scenes: ScenesConfig = field(default_factory=ScenesConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    schedule: tuple[tuple[int, int], ...] = ((64, 8), (112, 4))
    """Phases of (image size in pixels, epochs); small images first save time, and the
    last size is the network's."""
    seed: int = 0
    """Seed of initialisation, data order, augmentation and dropout."""
    checkpoint_every: int = 250
    """Steps between checkpoints; the test accuracy is measured at each."""
    out: Path = Path("runs/scenes_vgg16")
    """Folder for checkpoints, metrics.jsonl, summary.json and weights.safetensors."""


@dataclass(frozen=True)
class ProtocolConfig:
    """Conventions on which published dissection codes differ; a preset bundles them."""

    preset: Literal["pnas20", "cvpr17"] = "pnas20"
    """Bundle of conventions; any of the others, where given, replaces its part."""
    tail_mass: float | None = None
    """Share of values above a unit's threshold."""
    quantile_grid: Literal["upsampled", "native"] | None = None
    """Grid on which thresholds are taken."""
    padding: Literal["zeros", "edge"] | None = None
    """Outside an activation map: fade to zero, or repeat the border."""
    union: Literal["global", "category"] | None = None
    """Count a unit's pixels on all images, or on those with the concept's category."""
    min_iou: float | None = None
    """A unit is a detector from this IoU on."""
    rule: Literal[">", ">="] | None = None
    """Whether the IoU must exceed or reach `min_iou`."""
    stride: int | None = None
    """Image pixels per cell of the concept masks, along each axis."""


@dataclass(frozen=True)
class DissectConfig:
    """Find what every unit of a layer looks for; writes tables and an HTML report."""

    weights: Path | None = None
    """Weights that `train` wrote; by default the bundled VGG-16 of the scenes."""
    random_weights: bool = False
    """Same network, random weights: what a network shows that has learnt nothing."""
    layer: str = "conv5_3"
    """Layer whose units are dissected."""
    protocol: ProtocolConfig = field(default_factory=ProtocolConfig)
    num_images: int = 1200
    """Scenes to probe the units with."""
    num_top: int = 6
    """Top images shown per unit."""
    batch_size: int = 50
    """Images per forward pass."""
    seed: int = 0
    """Seed of the scenes, and of the weights when they are random."""
    out: Path | None = None
    """Folder for the results; by default one under runs/ named after the run."""


SceneSplit = Literal["train", "test", "probe", "rank", "report"]


@dataclass(frozen=True)
class SweepConfig:
    """What every experiment that edits units is told."""

    rank_split: SceneSplit = "rank"
    """Scenes on which units are chosen."""
    num_rank: int = 1200
    """How many of them."""
    report_split: SceneSplit = "report"
    """Other scenes, on which all effects are reported."""
    num_report: int = 1200
    """How many of them."""
    batch_size: int = 100
    """Images per pass."""
    memory_mib: int = 512
    """Bound on what one chunk of edits may take."""
    seed: int = 0
    """Seed of the scenes and of everything random."""
    out: Path | None = None
    """Folder for the results; by default one under runs/ named after the run."""


@dataclass(frozen=True)
class AblateConfig(SweepConfig):
    """Remove every unit of a layer and see which classes suffer."""

    weights: Path | None = None
    """Weights that `train` wrote; by default the bundled VGG-16 of the scenes."""
    layers: tuple[str, ...] = ("conv5_3",)
    """Layers whose units are removed; each layer's results get a folder."""
    value: Literal["zero", "mean", "resample"] = "zero"
    """What a removed unit's maps become: zero, its mean on the ranking scenes, or its
    maps on another scene of the batch."""
    rank_by: Literal["log_probability", "balanced_accuracy"] = "log_probability"
    """What a class must lose for a unit to be important to it. Accuracy is the measure
    of the papers, but where few answers flip it leaves most units tied."""
    share: float = 0.05
    """Share of the units whose removal is compared with that of random ones."""
    top: int = 4
    """A unit serves the classes in whose most important units, so many, it is."""
    random_draws: int = 10
    """Random orders of units behind every 'random' figure."""
    dissection: Path | None = None
    """Folder that `dissect` wrote for the same weights and layer, for what the units
    look for; made where it is missing."""


@dataclass(frozen=True)
class ScaleConfig(SweepConfig):
    """Scale the best and the worst units, their outputs or their weights."""

    weights: Path | None = None
    """Weights that `train` wrote; by default the bundled VGG-16 of the scenes."""
    layer: str = "conv5_3"
    """Layer whose units are scaled."""
    factors: tuple[float, ...] = (0.25, 1 / 3, 0.5, 1.0, 2.0, 3.0, 4.0)
    """What outputs or weights are multiplied with."""
    share: float = 0.05
    """Share of the units scaled together, beside single ones."""
    random_draws: int = 20
    """Random units, and random sets, that are the control."""


@dataclass(frozen=True)
class CompareConfig(SweepConfig):
    """Importance of single units in several trainings, rotated and not."""

    trainings: tuple[Path, ...] = ()
    """Weights that `train` wrote; those with the same BatchNorm and dropout settings
    are one regime, whatever their seeds."""
    layer: str = "conv5"
    """Layer whose units are removed."""
    rotations: int = 3
    """Random rotations of the layer, for each training."""
    random_draws: int = 20
    """Random orders in which units are removed."""
