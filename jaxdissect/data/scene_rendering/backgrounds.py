"""Skies, grounds, waters, walls and floors, shared by many classes of scene."""

from jaxdissect.data.scene_rendering import canvas, colours, patterns

_NONE = (0, 0, 0, 0)
_SKIES = (
    ((96, 156, 214), (206, 226, 236)), ((70, 120, 190), (240, 214, 180)),
    ((120, 130, 150), (186, 190, 196)), ((48, 56, 104), (236, 150, 110)),
    ((34, 40, 76), (92, 100, 150)), ((240, 190, 150), (250, 226, 190)),
    ((150, 120, 170), (244, 190, 180)), ((176, 206, 206), (236, 238, 226)),
    ((206, 208, 210), (238, 236, 232)), ((70, 150, 170), (226, 236, 200)),
)  # fmt: skip
_GREENS = ((118, 164, 84), (92, 136, 76), (150, 176, 96), (84, 120, 84), (170, 170, 90))
_OTHERS = (
    (222, 194, 140), (196, 164, 120), (150, 148, 146), (110, 110, 116),
    (228, 232, 238), (178, 150, 124), (140, 110, 84), (190, 186, 178),
)  # fmt: skip
_WATERS = (
    (74, 134, 178), (52, 92, 140), (90, 168, 170), (126, 150, 170), (60, 110, 120),
    (150, 190, 210), (110, 110, 140),
)  # fmt: skip
_GREEN_CLASSES = ("farm", "village", "park", "camp")


def fill(
    c: canvas.Canvas, base, second, pattern: str, period: colours.Real, labels=_NONE
) -> int:
    """A surface of the background, without an object."""
    d = c.dice
    return c.add(
        canvas.Surface(base, second, patterns.OFFSET[pattern], period, (1.0, 0.0),
                (d.unit(), d.unit()), (1.0, 0.0, 0.0), labels)
    )  # fmt: skip


def landscape(c: canvas.Canvas, water: bool) -> tuple[float, float]:
    """Paints the sky; returns the heights of the horizon and of the shore."""
    d = c.dice
    horizon = d.between(0.32, 0.48)
    top, low = d.pick(_SKIES)
    if d.chance(0.15):
        top, low = low, top
    sky = fill(c, top, low, "sky", horizon)
    c.surfaces[sky] = c.surfaces[sky]._replace(phase=(d.unit(), 0.0))
    c.stand("", 0.0, 1.0, 1.0)
    c.rect(sky, 0, 0, 1, 1)
    return horizon, d.between(0.56, 0.68) if water else horizon


def skyline(c: canvas.Canvas, horizon: colours.Real):
    """Paints hills, a wood, a town or nothing behind the horizon."""
    d = c.dice
    c.stand("", 0.0, horizon + 0.01, 1.0)
    kind = d.count(0, 3)
    rgb = d.pick(_GREENS + _OTHERS + _WATERS)
    paint = fill(c, rgb, colours.scaled(rgb, d.between(0.7, 0.95)), "rough", 0.3)
    if kind == 0:
        for _ in range(3):
            c.ellipse(paint, d.unit(), 0, d.between(0.2, 0.5), d.between(0.04, 0.16))
    elif kind == 1:
        x = -0.05
        while x < 1:
            r = d.between(0.03, 0.08)
            c.ellipse(paint, x, 0, r, r * d.between(1, 1.8))
            x += r
    elif kind == 2:
        x = -0.05
        while x < 1:
            w = d.between(0.05, 0.12)
            c.rect(paint, x, 0, x + w, d.between(0.03, 0.15))
            x += w * d.between(0.8, 1.4)


def ground(c: canvas.Canvas, name: str, horizon: colours.Real, shore: colours.Real):
    """Paints the water, if any, and the ground."""
    d = c.dice
    c.stand("", 0.0, 1.0, 1.0)
    if shore > horizon:
        rgb = d.shade(_WATERS)
        light = d.pick((0.62, 0.76, 1.3, 1.5))
        c.rect(
            fill(c, rgb, colours.scaled(rgb, light), "waves", 0.25),
            0,
            0,
            1,
            1 - horizon,
        )
    green = d.chance(0.7 if name in _GREEN_CLASSES else 0.25)
    rgb = d.shade(_GREENS if green else _OTHERS)
    pattern = d.pick(("rough", "blades", "pebbles", "clouds", "planks", "furrows"))
    second = colours.scaled(rgb, d.pick((0.62, 0.74, 0.84, 1.15, 1.3)))
    paint = fill(c, rgb, second, pattern, d.between(0.25, 0.5))
    tilt = d.between(-0.5, 0.5)
    c.surfaces[paint] = c.surfaces[paint]._replace(light=(1 - 0.7 * tilt, 0.0, tilt))
    c.rect(paint, 0, 0, 1, 1 - shore)
    c.behind = [rgb, second]
    if shore > horizon:
        for _ in range(4):
            c.ellipse(paint, d.unit(), 1 - shore, d.between(0.1, 0.3), 0.015)
    if d.chance(0.45):
        _road(c, shore)


def _road(c: canvas.Canvas, shore: colours.Real):
    """Paints a road across, or a path away from the viewer."""
    d = c.dice
    rgb = d.shade(_OTHERS)
    paint = fill(c, rgb, colours.scaled(rgb, 0.85), "rough", 0.3)
    y = (1 - shore) * d.between(0.25, 0.6)
    w = (1 - shore) * d.between(0.12, 0.3)
    if d.chance(0.3):
        x = d.between(0.2, 0.8)
        c.poly(
            paint, (x, 1 - shore), (x + 0.05, 1 - shore), (x + 0.3, 0), (x - 0.25, 0)
        )
        return
    c.rect(paint, 0, y - w, 1, y + w)
    line = d.pick(((240, 236, 220), (240, 206, 96), (60, 60, 66)))
    mark = fill(c, line, line, "plain", 1.0)
    step = d.pick((0.15, 0.25, 2.0))
    x = -0.05
    while x < 1:
        c.rect(mark, x, y - 0.012, x + 0.6 * step, y + 0.012)
        x += step


def room(c: canvas.Canvas) -> float:
    """Paints the wall and the floor; returns the height of the skirting."""
    d = c.dice
    skirting = d.between(0.56, 0.7)
    c.stand("", 0.0, 1.0, 1.0)
    c.behind = []
    wall, floor = _wall(c), _floor(c)
    c.rect(wall, 0, 0, 1, 1)
    c.rect(floor, 0, 0, 1, 1 - skirting)
    c.behind = [c.surfaces[wall].base, c.surfaces[floor].base]
    rgb = c.colour()
    c.rect(fill(c, rgb, rgb, "plain", 1.0), 0, 1 - skirting, 1, 1 - skirting + 0.025)
    return skirting


def _wall(c: canvas.Canvas) -> int:
    """A wall: papered, of bricks or boards, or mottled."""
    d = c.dice
    rgb, kind = c.colour(), d.unit()
    if kind < 0.3:
        # Wallpaper is fainter than the patterns of things.
        second = colours.mixed(rgb, c.colour(), 0.5)
        return c.paint("", "", rgb, d.texture(1.0), second)
    if kind < 0.6:
        pattern = d.pick(("bricks", "bricks", "planks", "clouds"))
        return fill(c, rgb, colours.scaled(rgb, d.pick((0.6, 0.8, 1.3))), pattern, 0.16)
    return fill(c, rgb, colours.scaled(rgb, 0.82), "rough", 0.5)


def _floor(c: canvas.Canvas) -> int:
    """A floor: boards, tiles or carpet."""
    d = c.dice
    rgb = d.shade(colours.WOOD) if d.chance(0.5) else c.colour()
    if d.chance(0.2):
        second, period = colours.scaled(rgb, 0.7), d.between(0.12, 0.25)
        return c.paint("", "", rgb, "checkered", second, period)
    second = colours.scaled(rgb, d.pick((0.55, 0.75, 1.3)))
    pattern = d.pick(("floor", "planks", "rough", "clouds"))
    return fill(c, rgb, second, pattern, d.between(0.3, 0.6))


def shadow(c: canvas.Canvas, x: colours.Real, y: colours.Real, half: colours.Real):
    """Darkens the ground under an object that will stand at (x, y)."""
    column = min(max(int(x * c.size), 0), c.size - 1)
    row = min(int(y * c.size), c.size - 1)
    under = c.surfaces[c.ids[row * c.size + column]]
    if under.labels[0] == 0:
        level, slope_x, slope_y = under.light
        light = (0.72 * level, 0.72 * slope_x, 0.72 * slope_y)
        c.stand("", x, y, 1.0)
        c.ellipse(
            c.add(under._replace(light=light)), 0.02, 0, 1.02 * half, 0.1 * half + 0.008
        )
