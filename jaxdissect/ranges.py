"""What settings may be, as types: ranges are said where a field is declared.

`checking.check` holds a config against them. Upper bounds are far beyond what anybody
trains; they are there so that a slip of the keyboard is an answer, not a full disk.
"""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import BaseMetadata, Interval, MinLen


@dataclass(frozen=True)
class Distinct(BaseMetadata):
    """Marks a tuple in which nothing may stand twice."""


@dataclass(frozen=True)
class InfinityAllowed(BaseMetadata):
    """Marks a number that may be infinite; all others must be finite."""


Count = Annotated[int, Interval(ge=1, le=10_000_000)]
CountOrZero = Annotated[int, Interval(ge=0, le=10_000_000)]
Draws = Annotated[int, Interval(ge=1, le=100_000)]
"""Random repetitions, or trainings."""
DrawsOrZero = Annotated[int, Interval(ge=0, le=100_000)]
Batch = Annotated[int, Interval(ge=1, le=65_536)]
"""Images at once."""
Mebibytes = Annotated[int, Interval(ge=1, le=2**31)]
Seed = Annotated[int, Interval(ge=0, le=2**31 - 1)]
Side = Annotated[int, Interval(ge=1, le=8192)]
"""Height and width of images, in pixels."""
Share = Annotated[float, Interval(ge=0, le=1)]
PositiveShare = Annotated[float, Interval(gt=0, le=1)]
Rate = Annotated[float, Interval(ge=0, lt=1)]
"""A share that leaves something."""
InnerShare = Annotated[float, Interval(gt=0, lt=1)]
Weight = Annotated[float, Interval(ge=0, le=1e6)]
"""Of a term, or a strength."""
Positive = Annotated[float, Interval(gt=0, le=1e6)]
Exponent = Annotated[float, InfinityAllowed(), Interval(ge=1)]
"""Of a norm, from 1 to infinity."""
Offset = Annotated[float, Interval(ge=-1e6, le=1e6)]
Deviation = Annotated[float, Interval(ge=1e-6, le=1e6)]
"""What is divided by, in float32."""
Mean = tuple[Offset, Offset, Offset] | tuple[Offset]
"""Of each channel, or of grey."""
Std = tuple[Deviation, Deviation, Deviation] | tuple[Deviation]
Epochs = Annotated[int, Interval(ge=1, le=1_000_000)]
Names = Annotated[tuple[str, ...], Distinct()]
SomeNames = Annotated[tuple[str, ...], MinLen(1), Distinct()]
