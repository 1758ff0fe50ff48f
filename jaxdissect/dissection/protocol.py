"""The conventions on which published dissection codes differ, and their bundles."""

from typing import Literal, NamedTuple, get_args

from jaxdissect.errors import BadInput
from jaxdissect.upsampling import Padding

Union = Literal["global", "category", "met"]
"""On which images a unit's pixels count; see `Protocol`."""


class Protocol(NamedTuple):
    """How to dissect; the defaults are the PNAS 2020 code's, but for `alignment`.

    That code lets maps tile the image for all networks but AlexNet, whose receptive
    fields it composes; here receptive fields are the default for all. In a VGG they lie
    where tiles would. `CVPR17` samples at the middles of cells; its code takes the
    corner pixels of the mask's grid, a shift of one pixel in a VGG.

    Attributes:
        level: share `tail_mass` of a unit's values lies above its threshold, or the
            share at which the unit says most about its concept (`iqr_levels`).
        tail_mass: share of a unit's values above its threshold, where `level` says so.
        quantile_grid: take thresholds on the upsampled or on the native grid.
        alignment: put the cells of an activation map on the image by their receptive
            fields, or let them tile it as a plain resize does.
        padding: what lies outside an activation map when it is upsampled.
        union: count a unit's pixels on all images ("global"), only on images that
            carry any label of the concept's category ("category"), or of these only
            on images where the unit itself shares a pixel with one ("met").
        min_iou: IoU from which a unit is a detector.
        rule: whether the IoU must exceed or reach `min_iou`.
        min_iqr: information quality ratio that a detector must exceed besides, in
            [0, 1); negative where it does not matter.
        stride: image pixels per cell of the concept masks, along each axis. Masks have
            as many cells as strides fit whole, which divide the image into equal parts:
            images of 227 pixels at stride 4 have 56 cells of 4.05. Units are
            interpolated at the middle of a cell; its label is that of the pixel in
            which the middle lies, the later one where it lies between two.

    References:
        Bau et al., Network Dissection, CVPR 2017; Bau et al., Understanding the role
        of individual units in a deep neural network, PNAS 2020; Bau et al., GAN
        Dissection, ICLR 2019.
    """

    level: Literal["tail_mass", "iqr"] = "tail_mass"
    tail_mass: float = 0.01
    quantile_grid: Literal["upsampled", "native"] = "upsampled"
    alignment: Literal["receptive_field", "tiles"] = "receptive_field"
    padding: Padding = "zeros"
    union: Union = "global"
    min_iou: float = 0.04
    rule: Literal[">", ">="] = ">"
    min_iqr: float = -1.0
    stride: int = 4


PNAS20 = Protocol()
CVPR17 = Protocol(
    tail_mass=0.005,
    quantile_grid="native",
    padding="edge",
    union="category",
    rule=">=",
    stride=2,
)
LITE = CVPR17._replace(alignment="tiles", union="met")
GAN19 = Protocol(
    level="iqr",
    tail_mass=0.005,
    alignment="tiles",
    padding="edge",
    union="category",
    min_iou=0.05,
    min_iqr=0.01,
    stride=2,
)


def check_protocol(protocol: Protocol) -> Protocol:
    """The protocol itself, if its values are allowed.

    Raises:
        BadInput: naming the value that is not.

    >>> check_protocol(PNAS20._replace(union="all"))
    Traceback (most recent call last):
    ...
    jaxdissect.errors.BadInput: `union` is 'all'; it must be 'global' or \
'category' or 'met'
    """
    allowed = {
        "level": ("tail_mass", "iqr"),
        "quantile_grid": ("upsampled", "native"),
        "alignment": ("receptive_field", "tiles"),
        "padding": ("zeros", "edge"),
        "union": get_args(Union),
        "rule": (">", ">="),
    }
    for name, values in allowed.items():
        if getattr(protocol, name) not in values:
            raise BadInput(
                f"`{name}` is {getattr(protocol, name)!r}; it must be "
                f"{' or '.join(map(repr, values))}"
            )
    if not 0 < protocol.tail_mass < 1:
        raise BadInput(f"`tail_mass` is {protocol.tail_mass}; it must be in (0, 1)")
    if not 0 <= protocol.min_iou < 1:
        raise BadInput(f"`min_iou` is {protocol.min_iou}; it must be in [0, 1)")
    if not -1 <= protocol.min_iqr < 1:
        raise BadInput(f"`min_iqr` is {protocol.min_iqr}; it must be in [-1, 1)")
    if protocol.stride < 1:
        raise BadInput(f"`stride` is {protocol.stride}; it must be at least 1")
    return protocol
