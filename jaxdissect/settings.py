"""Settings that several experiments share: networks, images, conventions.

Imports nothing heavy, so that `--help` and mistakes answer at once. The docstring under
each field is its help text on the command line.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from annotated_types import Interval

from jaxdissect.ranges import (
    Batch,
    Count,
    InnerShare,
    Mean,
    Mebibytes,
    Names,
    Rate,
    Seed,
    Side,
    Std,
)


@dataclass(frozen=True)
class ProtocolSettings:
    """Conventions on which published dissection codes differ; a preset bundles them."""

    preset: Literal["pnas20", "cvpr17", "lite", "gan19"] = "pnas20"
    """Bundle of conventions; any of the others, where given, replaces its part."""
    level: Literal["tail_mass", "iqr"] | None = None
    """Threshold every unit at `tail_mass`, or where it says most about its concept."""
    tail_mass: InnerShare | None = None
    """Share of values above a unit's threshold."""
    quantile_grid: Literal["upsampled", "native"] | None = None
    """Grid on which thresholds are taken."""
    alignment: Literal["receptive_field", "tiles"] | None = None
    """Activation maps lie by their receptive fields, or tile the image."""
    padding: Literal["zeros", "edge"] | None = None
    """Outside an activation map: fade to zero, or repeat the border."""
    union: Literal["global", "category", "met"] | None = None
    """Count a unit's pixels on all images, on those with the concept's category, or of
    these only where the unit meets it."""
    min_iou: Rate | None = None
    """A unit is a detector from this IoU on."""
    rule: Literal[">", ">="] | None = None
    """Whether the IoU must exceed or reach `min_iou`."""
    min_iqr: Annotated[float, Interval(ge=-1, lt=1)] | None = None
    """Information quality ratio that a detector must exceed besides."""
    stride: Count | None = None
    """Image pixels per cell of the concept masks, along each axis."""


@dataclass(frozen=True)
class PicturesSettings:
    """Labelled images to rank units on, and others to judge them on."""

    name: Literal["scenes", "pictures"] = "scenes"
    """Generated scenes, or pictures of your own for any network (docs/pictures.md)."""
    path: Path | None = None
    """Folder of the pictures: one folder in it for each class, or pictures alone."""
    labels: Literal["folders", "predicted"] = "folders"
    """Which class pictures are of: that their folder is named after, or the one the
    network itself takes them for."""
    broken: Literal["refuse", "skip"] = "refuse"
    """What becomes of broken files, and of copies of a picture that would rank units
    and judge them: they end the command, or are looked for first and left out."""


SceneSplit = Literal["train", "test", "probe", "rank", "report"]


@dataclass(frozen=True)
class SweepSettings:
    """What every experiment that edits units is told."""

    rank_split: SceneSplit = "rank"
    """Scenes on which units are chosen."""
    num_rank: Count = 1200
    """How many of them; of pictures, at most so many."""
    report_split: SceneSplit = "report"
    """Other scenes, on which all effects are reported."""
    num_report: Count = 1200
    """How many of them; of pictures, at most so many."""
    batch_size: Batch = 100
    """Images per pass."""
    memory_mib: Mebibytes = 512
    """Bound on what one chunk of edits may take."""
    seed: Seed = 0
    """Seed of the scenes and of everything random."""
    out: Path | None = None
    """Folder for the results; by default one under runs/ named after the run."""


ScoreName = Literal["probability", "logit"]


@dataclass(frozen=True)
class PreprocessingSettings:
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
class SubjectSettings:
    """Which network is asked."""

    weights: Path | None = None
    """Weights that `train` wrote; a checkpoint of PyTorch or of safetensors; or the
    name of a published network, such as vgg16-places365 (docs/own_network.md). By
    default the bundled VGG-16 of the scenes."""
    network: str | None = None
    """A network of your own, path/to/file.py:function (docs/own_network.md); the
    function gets `weights`, if given."""
    preprocessing: PreprocessingSettings = field(default_factory=PreprocessingSettings)


@dataclass(frozen=True)
class ImageSweepSettings(SweepSettings, SubjectSettings):
    """A sweep over generated scenes, or over pictures of one's own."""

    data: PicturesSettings = field(default_factory=PicturesSettings)
    """Images: generated, or a folder's, half of them to rank units on."""


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
class NetworkSettings:
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
class DataSettings:
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
class ProbeSettings:
    """Images whose pixels are labelled with concepts."""

    images: Literal["scenes", "shapes", "broden", "segmented", "folder"] = "scenes"
    """Labelled images to probe the units with: generated, the Broden data set, a folder
    of pictures and label maps, or a folder of pictures in folders for classes, each of
    which labels its whole pictures (docs/concepts.md)."""
    path: Path | None = None
    """Folder of Broden or of the pictures."""
    split: str = ""
    """Part of the folder: train or val of Broden, a folder of the pictures."""
    tolerance: Annotated[float, Interval(ge=0, le=441)] = 0.0
    """Of masks of colours: how far a pixel's may be from a listed one, as a distance in
    red, green and blue of 0 to 255; farther ones have no label."""
    categories: Names = ()
    """Categories of Broden's concepts; all by default."""
    colours: bool = False
    """Label the colours of the pixels, too."""
    num_images: Count | None = None
    """How many images; by default 1200 generated ones, or all of a folder."""
    seed: Seed = 0
    """Seed of generated images, and of the weights when they are random."""
