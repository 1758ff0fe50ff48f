"""What a page says of a layer and of its units, as plain values."""

from typing import Annotated, NamedTuple

from annotated_types import Interval

from jaxdissect.dissection.certainty import MAX_Q

Share = Annotated[float, Interval(ge=0, le=1)]
Number = Annotated[int, Interval(ge=0)]

NOT_TESTED = "chance not tested"
"""Said wherever detectors are counted by the IoU rule alone."""


class Headline(NamedTuple):
    """The numbers a layer is known by.

    Attributes:
        detectors: units that pass the detector rule.
        units: all units.
        unique_labels: different labels of the detectors.
        unique_by_category: different best concepts in each category, summed.
        best_iou: the highest IoU of any unit, in [0, 1].
        median_iou: the median over units of their best IoU, in [0, 1].
        significant_detectors: detectors that match their label beyond chance, at a
            false-discovery rate of `MAX_Q`; None where that was not measured.
        significant_labels: different labels of those, or None.
    """

    detectors: Number
    units: Number
    unique_labels: Number
    unique_by_category: Number
    best_iou: Share
    median_iou: Share
    significant_detectors: Number | None = None
    significant_labels: Number | None = None

    def in_words(self) -> str:
        """Detectors and labels, both by IoU and beyond chance.

        >>> Headline(16, 128, 9, 12, 0.2, 0.1, 0, 0).in_words()
        '16 of 128 units are detectors by IoU, 0 of them beyond chance (q <= 0.05), of \
9 different concepts, 0 beyond chance (12 counted by category, by IoU)'
        >>> Headline(16, 128, 9, 12, 0.2, 0.1).in_words()
        '16 of 128 units are detectors by IoU (chance not tested) of 9 different \
concepts (12 counted by category)'
        """
        units = f"{self.detectors} of {self.units} units are detectors by IoU"
        if self.significant_detectors is None:
            return (
                f"{units} ({NOT_TESTED}) of {self.unique_labels} different concepts "
                f"({self.unique_by_category} counted by category)"
            )
        return (
            f"{units}, {self.significant_detectors} of them beyond chance "
            f"(q <= {MAX_Q}), of {self.unique_labels} different concepts, "
            f"{self.significant_labels} beyond chance "
            f"({self.unique_by_category} counted by category, by IoU)"
        )


class Match(NamedTuple):
    """A concept and how well a unit's regions match it.

    Attributes:
        label: the concept; any characters.
        category: the concept's category.
        iou: in [0, 1].
        chance: the IoU this unit would have with it by chance, or None.
        q: the smallest false-discovery rate at which the match is above chance, in
            [0, 1], or None where that was not measured.
    """

    label: str
    category: str
    iou: Share
    chance: Share | None = None
    q: Share | None = None

    @property
    def is_significant(self) -> bool | None:
        """Whether it is above chance; None where that was not measured."""
        return None if self.q is None else self.q <= MAX_Q


class UnitCard(NamedTuple):
    """What a page shows of one unit.

    Attributes:
        unit: its number, 0-based.
        label: its best concept; empty for a unit without one.
        category: that concept's category, or empty.
        iou: its IoU with that concept, in [0, 1].
        is_detector: whether it passes the detector rule.
        threshold: activation above which it is on.
        strip: its top images as a `data:` address, see `pictures`.
        captions: one for each of those images, such as their true classes.
        ranking: the label, then the other concepts, best first.
        low: lower end of the 95 % interval of `iou`; None where it was not measured.
        high: upper end, or None.
        tail_mass: share of positions at which the unit is on, in [0, 1], or None.
        edges: of the bins of the unit's activations, ascending; may be empty.
        counts: activations in each bin, one fewer than `edges`; may be empty.
    """

    unit: Number
    label: str
    category: str
    iou: Share
    is_detector: bool
    threshold: float
    strip: str
    captions: tuple[str, ...]
    ranking: tuple[Match, ...]
    low: Share | None = None
    high: Share | None = None
    tail_mass: Share | None = None
    edges: tuple[float, ...] = ()
    counts: tuple[Number, ...] = ()

    @property
    def best(self) -> Match:
        """The label as a match; one without a name for a unit without a label."""
        known = self.label and self.ranking
        return self.ranking[0] if known else Match("", "", 0.0)
