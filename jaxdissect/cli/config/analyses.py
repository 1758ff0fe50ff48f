"""Settings of `dissect` and `ablate`."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from annotated_types import Interval, MinLen

from jaxdissect.cli.config.ranges import (
    Batch,
    Count,
    Distinct,
    Draws,
    DrawsOrZero,
    InnerShare,
    Mebibytes,
    Names,
    Positive,
    PositiveShare,
    Rate,
    Seed,
    Share,
    SomeNames,
)
from jaxdissect.cli.config.subject import SubjectConfig


@dataclass(frozen=True)
class ProtocolConfig:
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
class DissectConfig(SubjectConfig):
    """Find what every unit of a layer looks for; writes tables and an HTML report."""

    random_weights: bool = False
    """Same network, random weights: what a network shows that has learnt nothing."""
    layers: SomeNames = ("conv5_3",)
    """Layers whose units are dissected, in the same passes over the images; `all` for
    every convolutional layer. Of several, each one's results get a folder."""
    protocol: ProtocolConfig = field(default_factory=ProtocolConfig)
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
    seed: Seed = 0
    """Seed of generated images, and of the weights when they are random."""
    out: Path | None = None
    """Folder for the results; by default one under runs/ named after the run."""


@dataclass(frozen=True)
class PicturesConfig:
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
class SweepConfig:
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


@dataclass(frozen=True)
class ImageSweepConfig(SweepConfig, SubjectConfig):
    """A sweep over generated scenes, or over pictures of one's own."""

    data: PicturesConfig = field(default_factory=PicturesConfig)
    """Images: generated, or a folder's, half of them to rank units on."""


@dataclass(frozen=True)
class AblateConfig(ImageSweepConfig):
    """Remove every unit of a layer and see which classes suffer."""

    layers: SomeNames = ("conv5_3",)
    """Layers whose units are removed; each layer's results get a folder."""
    value: Literal["zero", "mean", "resample"] = "zero"
    """What a removed unit's maps become: zero, its mean on the ranking scenes, or its
    maps on another scene of the batch."""
    rank_by: Literal["log_probability", "balanced_accuracy"] = "log_probability"
    """What a class must lose for a unit to be important to it. Accuracy is the measure
    of the papers, but where few answers flip it leaves most units tied."""
    share: PositiveShare = 0.05
    """Share of the units whose removal is compared with that of random ones."""
    top: Count = 4
    """A unit serves the classes in whose most important units, so many, it is."""
    random_draws: Draws = 10
    """Random orders of units behind every 'random' figure."""
    dissection: Path | None = None
    """Folder that `dissect` wrote for the same weights and layer, for what the units
    look for; made where it is missing, but not where the images are pictures."""


@dataclass(frozen=True)
class ScaleConfig(ImageSweepConfig):
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


@dataclass(frozen=True)
class CompareConfig(SweepConfig):
    """Importance of single units in several trainings, rotated and not."""

    trainings: tuple[Path, ...] = ()
    """Weights that `train` wrote; those with the same BatchNorm and dropout settings
    are one regime, whatever their seeds."""
    layer: str = "conv5"
    """Layer whose units are removed."""
    rotations: Draws = 3
    """Random rotations of the layer, for each training."""
    random_draws: Draws = 20
    """Random orders in which units are removed."""


@dataclass(frozen=True)
class ContrastConfig:
    """Hold two dissections against each other: what is gained, lost, changed."""

    first: Path | None = None
    """Folder of a layer's results that `dissect` wrote; or a file with published names
    of units: a table of NetDissect's, descriptions of CLIP-Dissect or MILAN."""
    second: Path | None = None
    """Another, of other weights, another layer or other conventions."""
    first_layer: str | None = None
    """Which layer of `first`, where it is a file with several."""
    second_layer: str | None = None
    """Which layer of `second`, likewise."""
    match: Literal["auto", "number", "profile"] = "auto"
    """Units of both that are taken for one another: those of the same number, or those
    whose IoU with the concepts are most alike. By default by number where both are of
    the same layer with as many units."""
    out: Path | None = None
    """Folder for the results; by default one under runs/ named after both."""
