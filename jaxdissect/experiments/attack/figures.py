"""Pictures of attacked images, and figures of what attacks do to units."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from jaxtyping import Float, UInt8
from matplotlib.axes import Axes

from jaxdissect.attacks import ALL_TARGETS
from jaxdissect.experiments.attack.units import MEASURES, Moved, moved_most
from jaxdissect.pages import pictures
from jaxdissect.plots.figure import Figure
from jaxdissect.plots.figures import BLUE, DPI, GREY, VERMILION, plain
from jaxdissect.upsampling import Centres, bilinear_matrix

if TYPE_CHECKING:
    from jaxdissect.experiments.attack.experiment import Result

AMPLIFIED = 100
"""By how much a difference of images is multiplied, as in the published figures."""

MOVED = 0.1
"""Share of a unit's scale from which on a change is coloured."""

RISES, FALLS = (0, 158, 115), (213, 94, 0)
"""Okabe and Ito's green and vermilion, which differ for readers of any vision."""

TINT = 0.65
"""Share of the colour where a unit moves."""

SIDE = 192
"""Pixels along each side of a picture."""

ROLES = {
    "target": ("matter most to the target", VERMILION),
    "source": ("matter most to the source", BLUE),
    "others": ("all others", GREY),
    "random": ("drawn at random", "#e69f00"),
}

PER_ROW = 1.35
"""Inches of a picture in a figure."""

NUM_MAPS = 2
"""Units that rise, and as many that fall, whose maps are drawn."""

NUM_BARS = 4
"""Units listed that rise most, and as many that fall most."""


class Picture(NamedTuple):
    """A picture and what is said below it.

    Attributes:
        pixels: [s s 3] with values in [0, 255].
        name: any characters.
        detail: likewise.
    """

    pixels: UInt8[np.ndarray, "s s 3"]
    name: str
    detail: str


class Drawn(NamedTuple):
    """An attacked image.

    Attributes:
        title: such as "farm to bedroom".
        moved: the units that move most on it.
        pictures: before, after, the difference, and where units move.
    """

    title: str
    moved: Sequence[Moved]
    pictures: Sequence[Picture]


def taken_for(
    images: Sequence[tuple[np.ndarray, np.ndarray]],
    classes: Sequence[str],
    distance: float,
) -> list[Picture]:
    """An image before and after, with what it is taken for; and the difference.

    Args:
        images: (image [H W 3] in [0, 1], probability of each class [K]) of both.
        classes: [K] names.
        distance: L2 norm of the change.
    """
    parts = []
    for name, (image, chances) in zip(("before", "after"), images, strict=True):
        k = int(chances.argmax())
        pixels = pictures.scaled(as_picture(image), SIDE)
        detail = f"{pictures.short(classes[k])} {chances[k]:.2f}"
        parts.append(Picture(pixels, name, detail))
    difference = difference_picture(images[0][0], images[1][0])
    pixels = pictures.scaled(difference, SIDE)
    return [*parts, Picture(pixels, "difference x 100", f"L2 {distance:.2f}")]


def maps_of(
    original: UInt8[np.ndarray, "s s 3"],
    moved: tuple[Sequence[Moved], Sequence[Moved]],
    maps: Float[np.ndarray, "H W U"],
    centres: Centres,
    image_size: int,
) -> list[Picture]:
    """Where units rise and fall, over the image as it was.

    Args:
        original: the image before.
        moved: units that rise, and that fall.
        maps: changes of all units, as shares of their scales.
        centres: where the cells of maps sit on the image.
        image_size: in pixels.
    """
    rows, columns = (
        bilinear_matrix(cells, SIDE, image_size, axis, padding="edge")
        for cells, axis in zip(maps.shape, centres, strict=False)
    )
    return [
        Picture(
            change_picture(original, np.asarray(rows @ maps[..., u.unit] @ columns.T)),
            u.name,
            f"unit {u.unit}: {percent(u.change)}",
        )
        for u in (*moved[0], *moved[1])
    ]


def percent(share: float) -> str:
    """A change in percent, with its sign.

    >>> percent(0.241), percent(-0.5), percent(0.0)
    ('+24 %', '-50 %', '0 %')
    """
    rounded = round(100 * share)
    sign = "+" if rounded > 0 else "-" if rounded < 0 else ""
    return f"{sign}{abs(rounded)} %"


def difference_picture(
    before: Float[np.ndarray, "H W 3"], after: Float[np.ndarray, "H W 3"]
) -> UInt8[np.ndarray, "H W 3"]:
    """What was added to an image, 100 times as strong; grey is nothing.

    >>> image = np.full((1, 1, 3), 0.5)
    >>> difference_picture(image, image + 0.001)[0, 0].tolist()
    [153, 153, 153]
    """
    return as_picture(0.5 + AMPLIFIED * (after - before))


def as_picture(image: Float[np.ndarray, "H W 3"]) -> UInt8[np.ndarray, "H W 3"]:
    """An image with values in [0, 1] as one in [0, 255]; others are clipped."""
    return np.rint(255 * np.clip(image, 0, 1)).astype(np.uint8)


def change_picture(
    image: UInt8[np.ndarray, "s s 3"], change: Float[np.ndarray, "s s"]
) -> UInt8[np.ndarray, "s s 3"]:
    """Where a unit rises (green) and falls (red), over the dimmed image.

    Args:
        image: values in [0, 255].
        change: of the unit's map, as a share of the unit's scale; coloured from
            `MOVED` on.

    Reference:
        Bau et al., PNAS 2020; their code colours changes of 10 and more in the
        unit's own values; those of another network have another scale.

    >>> image = np.zeros((1, 3, 3), np.uint8)[:, :1].repeat(3, 1).repeat(3, 0)
    >>> change = np.array([[0.1, 0.0, -0.1]] * 3)
    >>> drawn = change_picture(image, change)
    >>> (drawn[0] > 0).any(-1).tolist()
    [True, False, True]
    """
    grey = image @ np.array(pictures.LUMA)
    drawn = np.repeat(0.6 * grey[..., None], 3, axis=-1)
    for where, colour in ((change >= MOVED, RISES), (change <= -MOVED, FALLS)):
        drawn[where] = (1 - TINT) * grey[where][:, None] + TINT * np.array(colour)
    return np.rint(drawn).astype(np.uint8)


class Bar(NamedTuple):
    """A mean with the ends of its interval."""

    mean: float
    low: float
    high: float


def figures_of(result: "Result") -> dict[str, Figure]:
    """{file: figure}: roles, units and pictures, where there is something to draw."""
    drawn = {}
    if result.measured[MEASURES[0]].role_effects:
        drawn["roles"] = role_figure_of(result)
    if panels := _units(result):
        drawn["units"] = unit_figure(panels)
    most = max((len(image.pictures) for image in result.drawn), default=0)
    rows = [
        [(pixels, f"{name}\n{detail}") for pixels, name, detail in image.pictures]
        for image in result.drawn
        if len(image.pictures) == most
    ]
    if rows:
        title = f"Images attacked, and the units of {result.layer} that move most"
        drawn["pictures"] = picture_figure(rows, title)
    return drawn


def role_figure_of(result: "Result") -> Figure:
    """How much units move, in both measures."""
    return role_figure([_roles(result, measure) for measure in MEASURES])


def _roles(
    result: "Result", measure: str
) -> tuple[str, list[str], list[dict[str, Bar]]]:
    groups: dict[int, dict[str, Bar]] = {}
    for effect in result.measured[measure].role_effects:
        bar = Bar(effect.mean, effect.low, effect.high)
        groups.setdefault(effect.target, {})[effect.role] = bar
    names = [
        "all targets" if target == ALL_TARGETS else f"to {result.name(target)}"
        for target in groups
    ]
    label = f"mean |change| of peaks\n({measure})"
    return label, names, list(groups.values())


def _units(result: "Result") -> list[tuple[str, list[tuple[str, Bar]]]]:
    panels = []
    for target, effects in result.measured[MEASURES[1]].unit_effects.items():
        if target == ALL_TARGETS:
            continue
        risen, fallen = moved_most(
            result.cards, effects.mean, NUM_BARS, effects.interval
        )
        bars = [
            (f"{u.name} {u.unit}", Bar(u.change, u.low or 0.0, u.high or 0.0))
            for u in (*risen, *reversed(fallen))
        ]
        panels.append((f"to {result.name(target)}", bars))
    return panels


def role_figure(
    panels: Sequence[tuple[str, Sequence[str], Sequence[dict[str, Bar]]]],
) -> Figure:
    """Bars of how much units move, by role, side by side for every class aimed at.

    Args:
        panels: (axis label, [T] names of the targets, [T] {role: bar}), from above.

    Reference:
        Bau et al., PNAS 2020, on adversarial attacks.

    >>> bars = dict.fromkeys(ROLES, Bar(0.2, 0.1, 0.3))
    >>> len(role_figure([("change", ["farm"], [bars])]).axes)
    1
    """
    figure = Figure(
        figsize=(7.5, 2.9 * len(panels) + 0.6), dpi=DPI, layout="constrained"
    )
    all_axes = figure.subplots(len(panels), 1, squeeze=False)[:, 0].tolist()
    for axes, (label, names, groups) in zip(all_axes, panels, strict=True):
        plain(axes)
        width = 0.8 / len(ROLES)
        for r, (role, (said, colour)) in enumerate(ROLES.items()):
            _bars(
                axes,
                np.arange(len(names)) + (r - 1.5) * width,
                width,
                [group[role] for group in groups],
                colour,
                said,
            )
        axes.set_xticks(range(len(names)), names)
        axes.tick_params(axis="x", length=0)
        axes.axhline(0, color="black", linewidth=0.8)
        axes.set_ylabel(label, fontsize=9)
    handles, said = all_axes[0].get_legend_handles_labels()
    figure.legend(
        handles,
        said,
        loc="outside upper center",
        ncols=4,
        frameon=False,
        fontsize=8.5,
        title="Units that …",
        title_fontsize=8.5,
    )
    return figure


def _bars(
    axes: Axes, places: np.ndarray, width: float, bars: Sequence[Bar], colour, said: str
) -> None:
    means = np.array([bar.mean for bar in bars])
    ends = np.array([[b.mean - b.low, b.high - b.mean] for b in bars]).T
    axes.bar(
        places, means, 0.92 * width, color=colour, label=said,
        yerr=np.maximum(ends, 0), error_kw={"elinewidth": 0.9, "capsize": 2},
    )  # fmt: skip


def unit_figure(
    panels: Sequence[tuple[str, Sequence[tuple[str, Bar]]]], *, per_row: int = 3
) -> Figure:
    """The units that move most, panel by panel, the risen ones on top.

    Args:
        panels: (title, (name of the unit, its change as a share of its scale)).
        per_row: panels side by side.

    >>> units = [("unit 3: roof", Bar(0.4, 0.3, 0.5)), ("unit 1", Bar(-0.2, -0.3, 0))]
    >>> figure = unit_figure([("farm", units)])
    >>> figure.axes[0].get_yticklabels()[0].get_text()
    'unit 3: roof'
    """
    per_row = min(per_row, len(panels))
    rows = -(-len(panels) // per_row)
    most = max(len(units) for _, units in panels)
    size = (max(4.0, 3.6 * per_row), (0.22 * most + 0.7) * rows + 0.5)
    figure = Figure(figsize=size, dpi=DPI, layout="constrained")
    grid = figure.subplots(rows, per_row, squeeze=False, sharex=True).ravel().tolist()
    for axes, (title, units) in zip(grid, panels, strict=False):
        plain(axes)
        places = np.arange(len(units))
        means = np.array([100 * bar.mean for _, bar in units])
        ends = 100 * np.array(
            [[b.mean - b.low, b.high - b.mean] for _, b in units]
        ).reshape(-1, 2)
        axes.barh(
            places, means, 0.75,
            color=np.where(means > 0, "#009e73", VERMILION).tolist(),
            xerr=np.maximum(ends, 0).T, error_kw={"elinewidth": 0.9, "capsize": 2},
        )  # fmt: skip
        axes.set_yticks(places, [name for name, _ in units], fontsize=7.5)
        axes.tick_params(axis="y", length=0)
        axes.invert_yaxis()
        axes.axvline(0, color="black", linewidth=0.8)
        axes.set_title(title, fontsize=10)
    for axes in grid[len(panels) :]:
        axes.remove()
    for axes in grid[max(0, len(panels) - per_row) : len(panels)]:
        axes.tick_params(labelbottom=True)
    figure.supxlabel(
        "change of the unit's peak, in % of its mean peak on its top images",
        fontsize=9,
    )
    return figure


def picture_figure(
    rows: Sequence[Sequence[tuple[UInt8[np.ndarray, "s s 3"], str]]], title: str
) -> Figure:
    """Rows of pictures, each with its caption above.

    Args:
        rows: (picture, caption) of each, as many in every row.
        title: above all of them.

    >>> picture = np.zeros((8, 8, 3), np.uint8)
    >>> len(picture_figure([[(picture, "before"), (picture, "after")]], "Attack").axes)
    2
    """
    columns = len(rows[0])
    lines = max(said.count("\n") + 1 for row in rows for _, said in row)
    size = (PER_ROW * columns, (PER_ROW + 0.13 * lines) * len(rows) + 0.35)
    figure = Figure(figsize=size, dpi=DPI, layout="constrained")
    grid = figure.subplots(len(rows), columns, squeeze=False)
    for row, panels in zip(rows, grid.tolist(), strict=True):
        for (picture, said), axes in zip(row, panels, strict=True):
            axes.imshow(picture, interpolation="antialiased")
            axes.set_title(said, fontsize=6.5, pad=2.5)
            axes.set_axis_off()
    figure.suptitle(title, fontsize=9.5)
    return figure
