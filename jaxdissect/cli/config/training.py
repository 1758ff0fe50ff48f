"""Settings of `train`."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from annotated_types import Interval, MinLen

from jaxdissect.cli.config.ranges import (
    Batch,
    Count,
    CountOrZero,
    Distinct,
    Epochs,
    Mean,
    Names,
    Positive,
    Rate,
    Seed,
    Share,
    Side,
    Std,
    Weight,
)
from jaxdissect.cli.config.regularizers import RegularizeConfig
from jaxdissect.cli.config.subject import PreprocessingConfig

Architecture = Literal[
    "vgg11",
    "vgg13",
    "vgg16",
    "vgg19",
    "alexnet",
    "caffe_alexnet",
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet101",
    "resnet152",
    "resnet8",
    "resnet14",
    "resnet20",
    "resnet26",
    "resnet32",
    "resnet38",
    "resnet44",
    "resnet56",
    "resnet110",
    "lenet",
    "shapesnet",
]


@dataclass(frozen=True)
class NetworkConfig:
    """The network and its size."""

    architecture: Architecture = "vgg16"
    """Which table of stages; ResNets of other depths than 18, 34, 50, 101 and 152 are
    those of CIFAR."""
    width: Annotated[float, Interval(gt=0, le=16)] = 0.25
    """Multiplies every convolution's number of units (not lenet)."""
    batch_norm: bool = True
    """BatchNorm between each convolution and its ReLU (VGG, alexnet, shapesnet)."""
    grid: Annotated[int, Interval(ge=1, le=64)] = 1
    """Maps are averaged to grid x grid before fc6 (VGG, both AlexNets)."""
    hidden: tuple[Annotated[int, Interval(ge=1, le=65536)], ...] = (256, 256)
    """Sizes of the hidden fully connected layers (VGG, both AlexNets; lenet
    takes exactly one)."""
    dropout: Rate = 0.0
    """Dropout rate after each hidden fully connected layer (VGG, both AlexNets)."""
    stem: Literal["usual", "small"] = "usual"
    """How ResNets 18 to 152 begin: with 7 x 7 of stride 2 and max pooling, or with
    3 x 3 of stride 1 and none, for images of some 32 pixels."""
    shortcut: Literal["padding", "projection"] = "padding"
    """The way around a block that widens the maps of a CIFAR ResNet: units of zeros
    (option A of its authors), or a 1 x 1 convolution (option B)."""
    mean: Mean = (0.5, 0.5, 0.5)
    """Per-channel mean of images in [0, 1], subtracted first."""
    std: Std = (0.25, 0.25, 0.25)
    """Per-channel standard deviation, divided by."""
    grey: bool = False
    """Images become grey first, and `mean` and `std` are the first ones: by their
    luminance, .299 R + .587 G + .114 B (lenet: by the mean of the channels)."""


DataName = Literal[
    "scenes",
    "shapes",
    "squares",
    "cifar10",
    "cifar100",
    "places365_small",
    "imagenet2012",
    "yale",
    "folder",
    "pictures",
]


@dataclass(frozen=True)
class DataConfig:
    """Images to train on and others to test on; the two never overlap."""

    name: DataName = "scenes"
    """Generated scenes; generated pairs of coloured shapes in 45 classes, or in two by
    whether there is a square; CIFAR, Places365, ImageNet; the faces of the Yale Face
    Database; or a folder of one's own. `pictures` are for questions to any network, not
    for training."""
    path: Path | None = None
    """For data that are not generated: the folder with the official CIFAR files, the
    folder TFDS keeps its data in (CIFAR is downloaded where absent), the folder with
    subject01.centerlight, ... of Yale, the folder with train/CLASS/*.jpg and
    test/CLASS/*.jpg, or that of the pictures, in folders for classes or not."""
    seed: Seed = 0
    """Seed of generated images, and of the split of Yale's into training and test."""
    num_train: Count | None = None
    """Training images; all there are, or 16000 scenes."""
    num_test: Count | None = None
    """Held-out images; all there are, or 1200 scenes."""
    labels: Literal["folders", "predicted"] = "folders"
    """Which class pictures are of: that their folder is named after, or the one the
    network itself takes them for."""
    broken: Literal["refuse", "skip"] = "refuse"
    """What becomes of broken files in a folder of one's own: the first one read ends
    the command, or all are looked for at the start and left out."""


@dataclass(frozen=True)
class AugmentConfig:
    """Random changes of training images."""

    mirror: Share = 0.5
    """Probability that an image is mirrored left to right."""
    shift: CountOrZero = 6
    """Largest random displacement, in pixels."""
    border: Literal["edge", "zeros"] = "edge"
    """What a shift brings in: the image's border repeated, or black."""
    rotation: Annotated[float, Interval(ge=0, le=180)] = 0.0
    """Largest random rotation either way, in degrees."""
    side_light: Annotated[float, Interval(ge=0, le=20)] = 0.0
    """Strongest random light from the left or right: an edge becomes at most exp(this)
    times as bright as the middle, and the middle exp(this / 2) times what it was."""
    shadow: Share = 0.0
    """Deepest random shadow on the left or right part; 1 is black."""


@dataclass(frozen=True)
class OptimConfig:
    """How a step changes the weights."""

    optimizer: Literal["adamw", "sgd"] = "adamw"
    """AdamW with decoupled weight decay, or SGD with the decay in the gradient."""
    lr: Weight = 1.5e-3
    """Highest learning rate."""
    weight_decay: Weight = 1e-2
    """Weight decay."""
    momentum: Rate = 0.9
    """Of SGD."""
    nesterov: bool = False
    """Nesterov's momentum, of SGD."""
    decay: Literal["cosine", "epoch_cosine", "epoch_drops"] = "cosine"
    """How the learning rate falls: along a cosine to zero at the end, step by step from
    the warm-up on; along a cosine epoch by epoch, without warm-up; or by drops."""
    period: Epochs = 200
    """For epoch_cosine: epochs after which the rate would be zero."""
    drop_at: tuple[Epochs, ...] = (60, 120, 160)
    """For epoch_drops: epochs that begin with a lower rate."""
    drop_by: Positive = 5.0
    """For epoch_drops: what the rate is divided by."""
    warmup: Rate = 0.1
    """Share of the steps in which the learning rate rises."""
    batch_size: Batch = 32
    """Images per step."""
    parts: Count = 1
    """Equal parts of a batch that take turns in memory; gradients are averaged."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Type of activations and of the weights they meet; the weights themselves, batch
    statistics and losses stay float32."""


@dataclass(frozen=True)
class WatchConfig:
    """Dissection while training; the curve stands beside that of the accuracy."""

    epochs: Annotated[tuple[Count, ...], Distinct()] = ()
    """Epochs after which the network is dissected."""
    layers: Names = ()
    """Which layers; by default the last convolutional one."""
    num_images: Count = 560
    """Images with labelled concepts to probe the units with."""


@dataclass(frozen=True)
class TrainConfig:
    """Train a network; the same command resumes a stopped run."""

    network: NetworkConfig = field(default_factory=NetworkConfig)
    data: DataConfig = field(default_factory=DataConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    regularize: RegularizeConfig = field(default_factory=RegularizeConfig)
    watch: WatchConfig = field(default_factory=WatchConfig)
    weights: Path | None = None
    """Start from these weights instead of random ones: what `train` wrote, a checkpoint
    of PyTorch or of safetensors, or the name of a published network. The settings of
    the network are then theirs; for other classes the last layer starts anew."""
    preprocessing: PreprocessingConfig = field(default_factory=PreprocessingConfig)
    schedule: Annotated[tuple[tuple[Side, Epochs], ...], MinLen(1)] = (
        (64, 8),
        (112, 4),
    )
    """Phases of (image size in pixels, epochs); small images first save time, and the
    last size is the network's."""
    seed: Seed = 0
    """Seed of initialisation, data order, augmentation and dropout."""
    num_seeds: Annotated[int, Interval(ge=1, le=1000)] = 1
    """Trainings with consecutive seeds, all at once; each gets a folder seed-N."""
    checkpoint_every: Count | None = None
    """Steps between checkpoints, at each of which the test accuracy is measured; by
    default an epoch."""
    tensorboard: bool = False
    """Write curves for TensorBoard too (needs the extra `tensorboard`)."""
    out: Path = Path("runs/scenes_vgg16")
    """Folder for checkpoints, metrics, learning curve, summary and weights."""
