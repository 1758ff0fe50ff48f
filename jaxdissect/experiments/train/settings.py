"""What `train` is told."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from annotated_types import Interval, MinLen

from jaxdissect.ranges import (
    Batch,
    Count,
    CountOrZero,
    Distinct,
    Epochs,
    Exponent,
    Names,
    Positive,
    Rate,
    Seed,
    Share,
    Side,
    SomeNames,
    Weight,
)
from jaxdissect.settings import DataSettings, NetworkSettings, PreprocessingSettings


@dataclass(frozen=True)
class FocusedDropoutSettings:
    """FocusedDropout; off at rate 0."""

    rate: Share = 0.0
    """Share of the batches (in mode per_element, of every batch) it acts on."""
    mode: Literal["paper", "algorithm1", "per_element"] = "paper"
    """Bundle of conventions; any of the others, where given, replaces its part."""
    low: Share | None = None
    """Lowest share of the peak that a position must exceed."""
    high: Share | None = None
    """Highest such share; one is drawn between the two."""
    decay_factor: Weight | None = None
    """Weight decay on participating batches is multiplied by it."""
    layers: Names = ()
    """Where it acts; by default after the last group but one. `every` is every
    convolutional layer."""


@dataclass(frozen=True)
class MapDropoutSettings:
    """Dropout of activation maps; off at rate 0."""

    rate: Rate = 0.0
    """Share of the activations that are dropped."""
    layers: SomeNames = ("every",)
    """Where it acts; `every` is every convolutional layer."""


@dataclass(frozen=True)
class DropBlockSettings(MapDropoutSettings):
    """DropBlock; off at rate 0."""

    block_size: Count = 3
    """Side of the blocks that are dropped, in cells of the map."""


@dataclass(frozen=True)
class InputGradientSettings:
    """Penalty on the squared norm of the loss's input gradient; off at weight 0."""

    weight: Weight = 0.0
    """Multiplies the mean over the batch of the squared L2 norm (without a half)."""
    estimator: Literal["double_backprop", "forward", "central"] = "double_backprop"
    """Exact, or one- or two-sided differences along the gradient."""
    step: Positive = 0.01
    """Length of the difference, in `units`."""
    units: Literal["raw", "normalised"] = "raw"
    """Pixels in [0, 1], or divided by the standard deviation the network divides by."""


@dataclass(frozen=True)
class BlockNormSettings:
    """Block norm of the convolutions' kernels; off at weight 0."""

    weight: Weight = 0.0
    """Multiplies the sum over layers."""
    groups: Count = 5
    """Groups of consecutive filters in every layer, not counting leftovers."""
    p: Exponent = 2.0
    """Norm within a group, from 1 to inf."""
    q: Exponent = 1.0
    """Norm over the groups, from 1 to inf."""
    leftovers: Literal["grouped", "free"] = "grouped"
    """Filters that do not come out even: smaller last group, or not regularised."""


@dataclass(frozen=True)
class FieldsSettings:
    """Losses of the soft receptive fields of units; off at weights 0."""

    group: Weight = 0.0
    """Weight of the group activation loss: units of a group see the same places."""
    spatial: Weight = 0.0
    """Weight of the spatial loss: each unit sees one small place."""
    layers: Names = ()
    """Of which layers; by default the last convolutional one."""


@dataclass(frozen=True)
class RegularizeSettings:
    """Regularisers; any set of them goes together."""

    focused_dropout: FocusedDropoutSettings = field(
        default_factory=FocusedDropoutSettings
    )
    dropout: MapDropoutSettings = field(default_factory=MapDropoutSettings)
    spatial_dropout: MapDropoutSettings = field(default_factory=MapDropoutSettings)
    dropblock: DropBlockSettings = field(default_factory=DropBlockSettings)
    input_gradient: InputGradientSettings = field(default_factory=InputGradientSettings)
    block_norm: BlockNormSettings = field(default_factory=BlockNormSettings)
    fields: FieldsSettings = field(default_factory=FieldsSettings)


@dataclass(frozen=True)
class AugmentSettings:
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
class OptimSettings:
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
class WatchSettings:
    """Dissection while training; the curve stands beside that of the accuracy."""

    epochs: Annotated[tuple[Count, ...], Distinct()] = ()
    """Epochs after which the network is dissected."""
    layers: Names = ()
    """Which layers; by default the last convolutional one."""
    num_images: Count = 560
    """Images with labelled concepts to probe the units with."""


@dataclass(frozen=True)
class TrainSettings:
    """Train a network; the same command resumes a stopped run."""

    network: NetworkSettings = field(default_factory=NetworkSettings)
    data: DataSettings = field(default_factory=DataSettings)
    augment: AugmentSettings = field(default_factory=AugmentSettings)
    optim: OptimSettings = field(default_factory=OptimSettings)
    regularize: RegularizeSettings = field(default_factory=RegularizeSettings)
    watch: WatchSettings = field(default_factory=WatchSettings)
    weights: Path | None = None
    """Start from these weights instead of random ones: what `train` wrote, a checkpoint
    of PyTorch or of safetensors, or the name of a published network. The settings of
    the network are then theirs; for other classes the last layer starts anew."""
    preprocessing: PreprocessingSettings = field(default_factory=PreprocessingSettings)
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


@dataclass(frozen=True)
class ExperimentSettings:
    """What every experiment of several trainings is told."""

    base: TrainSettings = field(default_factory=TrainSettings)
    """The training that regimes change."""
    small: TrainSettings = field(default_factory=TrainSettings)
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
