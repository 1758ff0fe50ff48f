"""Settings of the regularisers."""

from dataclasses import dataclass, field
from typing import Literal

from jaxdissect.cli.config.ranges import (
    Count,
    Exponent,
    Names,
    Positive,
    Rate,
    Share,
    SomeNames,
    Weight,
)


@dataclass(frozen=True)
class FocusedDropoutConfig:
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
class MapDropoutConfig:
    """Dropout of activation maps; off at rate 0."""

    rate: Rate = 0.0
    """Share of the activations that are dropped."""
    layers: SomeNames = ("every",)
    """Where it acts; `every` is every convolutional layer."""


@dataclass(frozen=True)
class DropBlockConfig(MapDropoutConfig):
    """DropBlock; off at rate 0."""

    block_size: Count = 3
    """Side of the blocks that are dropped, in cells of the map."""


@dataclass(frozen=True)
class InputGradientConfig:
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
class BlockNormConfig:
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
class FieldsConfig:
    """Losses of the soft receptive fields of units; off at weights 0."""

    group: Weight = 0.0
    """Weight of the group activation loss: units of a group see the same places."""
    spatial: Weight = 0.0
    """Weight of the spatial loss: each unit sees one small place."""
    layers: Names = ()
    """Of which layers; by default the last convolutional one."""


@dataclass(frozen=True)
class RegularizeConfig:
    """Regularisers; any set of them goes together."""

    focused_dropout: FocusedDropoutConfig = field(default_factory=FocusedDropoutConfig)
    dropout: MapDropoutConfig = field(default_factory=MapDropoutConfig)
    spatial_dropout: MapDropoutConfig = field(default_factory=MapDropoutConfig)
    dropblock: DropBlockConfig = field(default_factory=DropBlockConfig)
    input_gradient: InputGradientConfig = field(default_factory=InputGradientConfig)
    block_norm: BlockNormConfig = field(default_factory=BlockNormConfig)
    fields: FieldsConfig = field(default_factory=FieldsConfig)
