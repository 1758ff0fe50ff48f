"""Settings of what asks a network with gradients of its predictions."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from annotated_types import Interval, MinLen

from jaxdissect.cli.config.analyses import ImageSweepConfig
from jaxdissect.cli.config.ranges import (
    Batch,
    Count,
    CountOrZero,
    Distinct,
    Draws,
    Names,
    Positive,
    PositiveShare,
    Seed,
    Weight,
)
from jaxdissect.cli.config.subject import SubjectConfig
from jaxdissect.cli.config.training import DataConfig, TrainConfig

ScoreName = Literal["probability", "logit"]
NormName = Literal["l2", "l1", "max"]


@dataclass(frozen=True)
class GradientsConfig(SubjectConfig):
    """Ask every class what it gains from each unit; knock units out in that order."""

    data: DataConfig = field(default_factory=lambda: DataConfig(num_train=560))
    """Images: units are ranked on the training ones, everything is reported on the test
    ones. For faces `--data.name yale --data.path FOLDER`; of `pictures` half are ranked
    on."""
    layers: Names = ()
    """Layers whose units are asked about, ranked together; by default all
    convolutional ones."""
    score: ScoreName = "probability"
    """What gradients are of: the class's probability, or its logit."""
    norm: NormName = "l2"
    """How a unit's gradient over all positions becomes one score."""
    average: Literal["norm_of_mean", "mean_of_norms"] = "norm_of_mean"
    """How the scores of a class come from its images."""
    removed: Count = 20
    """Units knocked out, up to so many: strongest first, weakest first, at random."""
    random_draws: Draws = 5
    """Random orders of units."""
    steps: Annotated[tuple[Positive, ...], MinLen(1), Distinct()] = (
        0.25,
        0.5,
        1.0,
        2.0,
        4.0,
        8.0,
    )
    """Sizes of the step along the input prediction gradient, in pixels in [0, 1]."""
    scaling: Literal["l2", "sign", "raw"] = "l2"
    """What a step's size is of: the whole change's norm, every pixel, or a factor of
    the gradient."""
    num_pushed: Count = 56
    """Test images that steps push towards every other class."""
    num_shown: Count = 3
    """Classes, and images of each, that are drawn."""
    batch_size: Batch = 50
    """Images per pass."""
    seed: Seed = 0
    """Of random orders."""
    out: Path | None = None
    """Folder for the results; by default one under runs/ named after the weights."""


@dataclass(frozen=True)
class FacesConfig:
    """Train a small network on faces, split by split; ask each with gradients."""

    base: TrainConfig = field(default_factory=TrainConfig)
    """The training; the seed of its data is replaced by the split's."""
    splits: Annotated[tuple[Seed, ...], MinLen(1), Distinct()] = tuple(range(10))
    """Seeds of the splits, each with a training of its own."""
    ask: GradientsConfig = field(default_factory=GradientsConfig)
    """What each network is asked; weights and data are those of the trainings."""
    out: Path | None = None
    """Folder for trainings and results; by default one under runs/."""


@dataclass(frozen=True)
class ExplainConfig(SubjectConfig):
    """One page for a picture: the prediction, and which units speak for and against."""

    images: tuple[Path, ...] = ()
    """Pictures of your own; by default a few generated scenes."""
    dissection: Path | None = None
    """Folder that `dissect` wrote, of one layer; by default that of conv5_3, made where
    it is missing."""
    classes: tuple[str, ...] = ()
    """Classes asked about; by default the one predicted and the runner-up."""
    score: ScoreName = "probability"
    """What gradients are of: the class's probability, or its logit."""
    num_units: Count = 6
    """Units shown that speak for a class, and as many against."""
    seed: Seed = 0
    """Of generated scenes."""
    out: Path | None = None
    """Folder for the pages; by default one under runs/ named after the dissection."""


@dataclass(frozen=True)
class AttackConfig(SubjectConfig):
    """Attack a classifier and see which units the attack moves."""

    layer: str = "conv5_3"
    """Layer whose units are watched."""
    ablation: Path | None = None
    """Folder that `ablate` wrote for the same weights and layer, for which units matter
    to which class; made where it is missing."""
    dissection: Path | None = None
    """Folder that `dissect` wrote for the same weights and layer, for what the units
    look for; made where it is missing."""
    targets: Names = ()
    """Classes aimed at; by default five of them, spread over all."""
    num_images: Annotated[int, Interval(ge=2, le=10_000_000)] = 20
    """Images attacked for each target: the first that neither are nor are taken for
    it."""
    preset: Literal["light", "original"] = "light"
    """Settings of the Carlini-Wagner attack; those below, where given, replace its."""
    steps: Count | None = None
    """Steps of Adam for each constant."""
    searches: Draws | None = None
    """Constants tried."""
    confidence: Weight = 0.0
    """Margin between the logits that counts as success."""
    top: Count = 4
    """Units that matter most to a class, so many."""
    pixel_steps: Annotated[tuple[PositiveShare, ...], Distinct()] = (
        1 / 255,
        2 / 255,
        4 / 255,
        8 / 255,
    )
    """Sizes of single steps along a gradient's sign, for comparison, in every pixel."""
    num_shown: CountOrZero = 4
    """Images drawn."""
    batch_size: Batch = 8
    """Images attacked at a time."""
    seed: Seed = 0
    """Of generated images and of random units."""
    out: Path | None = None
    """Folder for the results; by default one under runs/ named after the weights."""


@dataclass(frozen=True)
class AgreementConfig(ImageSweepConfig):
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
