"""Skies, grounds, waters, walls and floors, shared by many classes of scene."""

from jaxdissect.data.scene_rendering import canvas, colours
from jaxdissect.data.scene_rendering import colours as patterns

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


def tree(c: canvas.Canvas):
    """A broad-leaved tree or a conifer."""
    d = c.dice
    c.rect(c.paint("trunk", "wood", d.shade(colours.WOOD)), -0.07, 0, 0.07, 0.5)
    rgb = d.shade(colours.LEAF)
    crown = c.paint("crown", "foliage", rgb)
    if d.chance(0.4):
        for k in range(3):
            y, w = 0.24 + 0.27 * k, 0.42 - 0.09 * k
            c.poly(crown, (-w, y), (w, y), (0, y + 0.46))
        return
    light = c.paint("crown", "foliage", colours.scaled(rgb, 1.2))
    c.ellipse(crown, -0.18, 0.62, 0.26, 0.24)
    c.ellipse(crown, 0.2, 0.6, 0.25, 0.22)
    c.ellipse(crown, 0, 0.82, 0.3, 0.28)
    c.ellipse(light, -0.06, 0.86, 0.19, 0.17)


def bush(c: canvas.Canvas):
    """A low round bush, sometimes in flower."""
    d = c.dice
    leaf = c.paint("leaves", "foliage", d.shade(colours.LEAF))
    c.ellipse(leaf, -0.26, 0.2, 0.28, 0.22)
    c.ellipse(leaf, 0.26, 0.2, 0.28, 0.22)
    c.ellipse(leaf, 0, 0.32, 0.32, 0.28)
    if d.chance(0.5):
        petal = c.paint("petals", "foliage", c.colour())
        for _ in range(7):
            c.ellipse(petal, d.between(-0.4, 0.4), d.between(0.1, 0.46), 0.06, 0.06)


def cloud(c: canvas.Canvas):
    """A puffy cloud with a flat base."""
    d = c.dice
    grey = d.between(110, 250)
    puff = c.paint("", "", (grey, grey, min(grey + 8, 255)))
    c.ellipse(puff, -0.28, 0.14, 0.24, 0.14)
    c.ellipse(puff, 0.26, 0.15, 0.28, 0.15)
    c.ellipse(puff, -0.02, 0.25, 0.26, 0.24)
    c.rect(puff, -0.4, 0, 0.4, 0.12)


def sun(c: canvas.Canvas):
    """The sun or the moon, sometimes with rays."""
    d = c.dice
    rgb = d.pick(((252, 226, 120), (250, 180, 90), (240, 240, 235), (236, 110, 80)))
    ray = c.paint("ray", "", rgb)
    if d.chance(0.6):
        for dx, dy in ((1, 0), (0.7, 0.7), (0, 1), (0.7, -0.7)):
            c.line(ray, -0.5 * dx, 0.5 - 0.5 * dy, 0.5 * dx, 0.5 + 0.5 * dy, 0.1)
    c.ellipse(c.paint("", "", colours.scaled(rgb, 0.94)), 0, 0.5, 0.31, 0.31)


def lamp_post(c: canvas.Canvas):
    """A street lamp."""
    d = c.dice
    iron = c.paint("pole", "metal", d.shade(colours.METAL))
    c.rect(iron, -0.03, 0, 0.03, 1.0)
    c.rect(iron, -0.09, 0, 0.09, 0.08)
    c.poly(c.paint("lantern", "glass", d.pick(_GLOWS)), (-0.09, 0.98), (0.09, 0.98),
           (0.14, 1.2), (-0.14, 1.2))  # fmt: skip
    c.poly(iron, (-0.17, 1.2), (0.17, 1.2), (0, 1.32))


_GLOWS = ((252, 230, 140), (245, 240, 220), (120, 130, 140), (90, 80, 70))


def rock(c: canvas.Canvas):
    """A boulder with a lit facet."""
    d = c.dice
    rgb = d.shade(colours.STONE)
    a, b = d.between(-0.3, -0.1), d.between(0.1, 0.34)
    stone = c.paint("", "stone", rgb)
    c.poly(stone, (-0.5, 0), (-0.42, 0.26), (a, 0.5), (b, 0.46), (0.46, 0.2), (0.5, 0))
    facet = c.paint("", "stone", colours.scaled(rgb, 1.25))
    c.poly(facet, (-0.42, 0.26), (a, 0.5), (b, 0.46), (0, 0.28))


def fence(c: canvas.Canvas):
    """A paling of pickets."""
    wood = c.paint("rail", "wood", c.colour())
    c.rect(wood, -0.6, 0.12, 0.6, 0.18)
    c.rect(wood, -0.6, 0.32, 0.6, 0.38)
    post = c.paint("pole", "wood", c.colour())
    for k in range(6):
        x = -0.57 + k * 0.21
        c.rect(post, x, 0, x + 0.1, 0.46)
        c.poly(post, (x, 0.46), (x + 0.1, 0.46), (x + 0.05, 0.54))


def person(c: canvas.Canvas):
    """A standing person with hair, a shirt and trousers or a skirt."""
    d = c.dice
    skin = d.pick(colours.SKIN)
    cloth = c.paint("leg", "fabric", c.colour())
    if d.chance(0.4):
        for x in (-0.11, 0.03):
            c.rect(c.paint("leg", "", skin), x, 0, x + 0.08, 0.3)
        c.poly(cloth, (-0.26, 0.22), (0.26, 0.22), (0.12, 0.56), (-0.12, 0.56))
    else:
        c.rect(cloth, -0.15, 0, -0.01, 0.5)
        c.rect(cloth, 0.01, 0, 0.15, 0.5)
    shirt = c.colour()
    c.rect(c.paint("torso", "fabric", shirt, d.texture(0.35)), -0.16, 0.46, 0.16, 0.82)
    arm = c.paint("arm", "fabric", colours.scaled(shirt, 0.8))
    c.line(arm, -0.17, 0.8, -0.27, 0.46, 0.09)
    c.line(arm, 0.17, 0.8, d.between(0.24, 0.4), d.between(0.46, 0.95), 0.09)
    hair = d.pick(colours.WOOD + colours.STONE)
    c.ellipse(c.paint("head", "", hair), 0, 0.97, 0.15, 0.15)
    c.ellipse(c.paint("head", "", skin), 0.02, 0.94, 0.12, 0.12)


def crate(c: canvas.Canvas):
    """A patterned box."""
    d = c.dice
    rgb = c.colour()
    side = c.paint("", d.pick(("wood", "fabric", "metal")), rgb, d.texture(0.65))
    c.rect(side, -0.5, 0, 0.5, 0.7)
    lid = c.paint("lid", "wood", c.colour())
    c.rect(lid, -0.54, 0.6, 0.54, 0.76)
    if d.chance(0.5):
        c.rect(c.paint("band", "fabric", c.colour()), -0.09, 0, 0.09, 0.76)


def flowers(c: canvas.Canvas):
    """A bed of flowers on stems."""
    d = c.dice
    stem = c.paint("stem", "foliage", d.shade(colours.LEAF))
    petals = (c.paint("petals", "foliage", c.colour()),
              c.paint("petals", "foliage", c.colour()))  # fmt: skip
    heart = c.paint("petals", "foliage", (250, 220, 110))
    for k in range(5):
        x, h = -0.4 + 0.2 * k, d.between(0.3, 0.6)
        c.rect(stem, x - 0.02, 0, x + 0.02, h)
        c.ellipse(petals[k % 2], x, h, 0.11, 0.11)
        c.ellipse(heart, x, h, 0.04, 0.04)


def sign(c: canvas.Canvas):
    """A board on two posts."""
    d = c.dice
    post = c.paint("leg", "wood", d.shade(colours.WOOD))
    for x in (-0.3, 0.22):
        c.rect(post, x, 0, x + 0.08, 0.5)
    c.rect(c.paint("panel", "wood", c.colour()), -0.5, 0.32, 0.5, 0.9)
    board = c.paint("panel", "", c.colour(), d.texture(0.5))
    c.rect(board, -0.43, 0.39, 0.43, 0.83)


def ball(c: canvas.Canvas):
    """A ball with a band."""
    d = c.dice
    c.ellipse(c.paint("", "rubber", c.colour(), d.texture(0.5)), 0, 0.5, 0.5, 0.5)
    c.rect(c.paint("band", "rubber", c.colour()), -0.45, 0.4, 0.45, 0.6)


KINDS = {
    "tree": canvas.Kind(tree, 0.9, 1.18, 0.43),
    "bush": canvas.Kind(bush, 1.08, 0.6, 0.48),
    "cloud": canvas.Kind(cloud, 1.06, 0.49, 0.35),
    "sun": canvas.Kind(sun, 1.0, 1.0, 0.45),
    "lamp post": canvas.Kind(lamp_post, 0.34, 1.32, 0.14),
    "rock": canvas.Kind(rock, 1.0, 0.5, 0.37),
    "fence": canvas.Kind(fence, 1.2, 0.54, 0.37),
    "person": canvas.Kind(person, 0.66, 1.12, 0.36),
    "crate": canvas.Kind(crate, 1.08, 0.76, 0.77),
    "flowers": canvas.Kind(flowers, 1.0, 0.7, 0.27),
    "sign": canvas.Kind(sign, 1.0, 0.9, 0.63),
    "ball": canvas.Kind(ball, 1.0, 1.0, 0.78),
}
