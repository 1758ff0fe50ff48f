"""Things that are built: each function draws one, standing on the origin."""

from jaxdissect.data.scene_rendering import canvas, colours


def _facade(c: canvas.Canvas) -> int:
    d = c.dice
    material = d.pick(("brick", "plaster", "wood", "stone"))
    return c.paint("wall", material, c.colour())


def _roof(c: canvas.Canvas) -> int:
    d = c.dice
    texture = d.pick(("scaly", "striped", "", ""))
    return c.paint("roof", d.pick(("brick", "stone", "wood")), c.colour(), texture)


def window(
    c: canvas.Canvas, x: colours.Real, y: colours.Real, w: colours.Real, h: colours.Real
):
    """A window with its lower left corner at (x, y)."""
    d = c.dice
    glass = c.paint("window", "glass", d.pick(_PANES))
    frame = c.paint("window", "wood", d.pick(_FRAMES))
    c.rect(frame, x, y, x + w, y + h)
    b = 0.12 * w
    c.rect(glass, x + b, y + b, x + w / 2 - b / 3, y + h - b)
    c.rect(glass, x + w / 2 + b / 3, y + b, x + w - b, y + h - b)


_PANES = ((90, 130, 160), (60, 76, 100), (250, 226, 136), (170, 200, 215), (44, 50, 66))
_FRAMES = ((240, 238, 230), (102, 66, 44), (60, 56, 60), (228, 214, 186))


def door(
    c: canvas.Canvas, x: colours.Real, y: colours.Real, w: colours.Real, h: colours.Real
):
    """A door with its lower left corner at (x, y)."""
    leaf = c.paint("door", "wood", c.colour())
    c.rect(leaf, x, y, x + w, y + h)
    c.rect(c.paint("handle", "metal", (240, 210, 120)), x + 0.75 * w, y + 0.4 * h,
           x + 0.9 * w, y + 0.52 * h)  # fmt: skip


def lighthouse(c: canvas.Canvas):
    """A tapering tower with bands, a lantern and a cap, on a rock."""
    d = c.dice
    c.ellipse(c.paint("base", "stone", d.shade(colours.STONE)), 0, 0.06, 0.3, 0.09)
    wall = c.paint("wall", "plaster", c.colour())
    band = c.paint("band", "plaster", c.colour())

    def half(y):
        return 0.17 - 0.075 * (y - 0.1) / 0.8

    for k in range(5):
        y0, y1 = 0.1 + k * 0.16, 0.1 + (k + 1) * 0.16
        a, b = half(y0), half(y1)
        c.poly(band if k % 2 else wall, (-a, y0), (a, y0), (b, y1), (-b, y1))
    metal = c.paint("rail", "metal", d.shade(colours.METAL))
    c.rect(metal, -0.14, 0.9, 0.14, 0.93)
    c.rect(c.paint("lantern", "glass", (252, 228, 130)), -0.08, 0.93, 0.08, 1.05)
    c.rect(metal, -0.01, 0.93, 0.01, 1.05)
    c.poly(c.paint("roof", "metal", c.colour()), (-0.11, 1.05), (0.11, 1.05), (0, 1.17))
    door(c, -0.05, 0.1, 0.1, 0.16)
    pane = c.paint("window", "glass", d.pick(_PANES))
    c.rect(pane, -0.03, 0.47, 0.03, 0.55)
    c.rect(pane, -0.03, 0.7, 0.03, 0.78)


def crane(c: canvas.Canvas):
    """A dock crane: lattice mast, boom, cabin, counterweight, hook with a load."""
    d = c.dice
    steel = c.colour()
    mast = c.paint("gantry", "metal", steel)
    c.rect(c.paint("base", "stone", d.shade(colours.STONE)), -0.42, 0, -0.08, 0.07)
    for x in (-0.38, -0.15):
        c.rect(mast, x, 0.07, x + 0.05, 0.9)
    for k in range(5):
        y = 0.07 + k * 0.166
        c.line(mast, -0.36, y, -0.13, y + 0.166, 0.03)
    c.line(mast, -0.6, 0.93, 0.58, 0.93, 0.06)
    c.line(mast, -0.25, 1.12, 0.5, 0.94, 0.025)
    c.line(mast, -0.25, 1.12, -0.55, 0.94, 0.025)
    c.rect(mast, -0.28, 0.93, -0.22, 1.13)
    c.rect(c.paint("bucket", "stone", d.shade(colours.STONE)), -0.62, 0.8, -0.45, 0.95)
    c.rect(c.paint("cabin", "metal", c.colour()), -0.12, 0.74, 0.08, 0.92)
    c.rect(c.paint("window", "glass", d.pick(_PANES)), -0.02, 0.79, 0.06, 0.89)
    c.rect(c.paint("rope", "metal", (50, 50, 56)), 0.44, 0.5, 0.47, 0.92)
    c.rect(c.paint("bucket", "metal", c.colour(), d.texture(0.4)), 0.32, 0.3, 0.59, 0.5)


def barn(c: canvas.Canvas):
    """A barn with a gambrel roof, a big crossed door and a hay loft."""
    d = c.dice
    paint = c.paint("wall", "wood", c.colour())
    roof = _roof(c)
    c.poly(roof, (-0.56, 0.5), (-0.4, 0.82), (0, 0.98), (0.4, 0.82), (0.56, 0.5))
    c.poly(paint, (-0.48, 0), (-0.48, 0.5), (-0.35, 0.76), (0, 0.9), (0.35, 0.76),
           (0.48, 0.5), (0.48, 0))  # fmt: skip
    trim = d.pick(_FRAMES)
    c.rect(c.paint("door", "wood", trim), -0.24, 0, 0.24, 0.44)
    leaf = c.paint("door", "wood", c.colour())
    for x in (-0.21, 0.015):
        c.rect(leaf, x, 0, x + 0.195, 0.41)
    cross = c.paint("door", "wood", trim)
    for x in (-0.21, 0.015):
        c.line(cross, x, 0.02, x + 0.195, 0.39, 0.035)
        c.line(cross, x, 0.39, x + 0.195, 0.02, 0.035)
    c.rect(c.paint("window", "wood", trim), -0.12, 0.54, 0.12, 0.74)
    c.rect(c.paint("window", "glass", d.pick(_PANES)), -0.09, 0.57, 0.09, 0.71)


def house(c: canvas.Canvas):
    """A cottage with a chimney, a door and two windows."""
    wall, roof = _facade(c), _roof(c)
    c.rect(c.paint("chimney", "brick", c.colour()), 0.2, 0.55, 0.32, 0.98)
    c.rect(wall, -0.45, 0, 0.45, 0.52)
    c.poly(roof, (-0.55, 0.5), (0.55, 0.5), (0.36, 0.88), (-0.36, 0.88))
    door(c, -0.1, 0, 0.2, 0.36)
    window(c, -0.38, 0.16, 0.21, 0.22)
    window(c, 0.17, 0.16, 0.21, 0.22)


def church(c: canvas.Canvas):
    """A nave with arched windows beside a tower with a pointed spire."""
    d = c.dice
    wall, roof = _facade(c), _roof(c)
    c.rect(wall, -0.1, 0, 0.55, 0.4)
    c.poly(roof, (-0.1, 0.4), (0.6, 0.4), (0.5, 0.64), (-0.1, 0.64))
    c.rect(wall, -0.48, 0, -0.1, 0.74)
    spire = c.paint("spire", d.pick(("stone", "metal")), c.colour(), d.texture(0.4))
    c.poly(spire, (-0.53, 0.74), (-0.05, 0.74), (-0.29, 1.26))
    gold = c.paint("spire", "metal", (244, 206, 96))
    c.rect(gold, -0.305, 1.24, -0.275, 1.38)
    c.rect(gold, -0.345, 1.3, -0.235, 1.33)
    pane = c.paint("window", "glass", c.colour(), d.texture(0.3))
    for x in (0.08, 0.26, 0.44):
        c.rect(pane, x - 0.05, 0.1, x + 0.05, 0.25)
        c.ellipse(pane, x, 0.25, 0.05, 0.06)
    c.ellipse(pane, -0.29, 0.56, 0.09, 0.09)
    leaf = c.paint("door", "wood", d.shade(colours.WOOD))
    c.rect(leaf, -0.38, 0, -0.2, 0.2)
    c.ellipse(leaf, -0.29, 0.2, 0.09, 0.1)


def well(c: canvas.Canvas):
    """A round stone well with a little roof, a rope and a bucket."""
    d = c.dice
    stone = d.shade(colours.STONE)
    post = c.paint("pole", "wood", d.shade(colours.WOOD))
    for x in (-0.34, 0.27):
        c.rect(post, x, 0.25, x + 0.07, 0.8)
    c.poly(_roof(c), (-0.52, 0.74), (0.52, 0.74), (0.2, 1.02), (-0.2, 1.02))
    c.rect(c.paint("rope", "fabric", (200, 180, 140)), -0.02, 0.55, 0.02, 0.74)
    pail = c.paint("bucket", "wood", c.colour())
    c.poly(pail, (-0.08, 0.4), (0.08, 0.4), (0.11, 0.57), (-0.11, 0.57))
    c.ellipse(
        c.paint("opening", "stone", colours.scaled(stone, 0.35)), 0, 0.36, 0.42, 0.09
    )
    ring = c.paint("wall", "stone", stone, "", colours.scaled(stone, 0.5), 0.2)
    c.rect(ring, -0.42, 0.06, 0.42, 0.34)
    c.ellipse(ring, 0, 0.06, 0.42, 0.08)


def control_tower(c: canvas.Canvas):
    """An airfield tower: shaft, overhanging glass cab, flat roof, antenna."""
    d = c.dice
    shaft = c.paint("wall", d.pick(("plaster", "brick", "stone")), c.colour())
    c.poly(shaft, (-0.2, 0), (0.2, 0), (0.13, 0.66), (-0.13, 0.66))
    door(c, -0.07, 0, 0.14, 0.17)
    pane = c.paint("window", "glass", d.pick(_PANES))
    c.rect(pane, -0.05, 0.3, 0.05, 0.38)
    c.rect(pane, -0.05, 0.46, 0.05, 0.54)
    metal = c.paint("cabin", "metal", c.colour())
    c.poly(metal, (-0.18, 0.64), (0.18, 0.64), (0.28, 0.76), (-0.28, 0.76))
    c.poly(pane, (-0.27, 0.76), (0.27, 0.76), (0.34, 0.98), (-0.34, 0.98))
    for x in (-0.16, 0.0, 0.16):
        c.line(metal, x, 0.76, x * 1.25, 0.98, 0.03)
    c.rect(c.paint("roof", "metal", c.colour()), -0.38, 0.98, 0.38, 1.06)
    c.rect(metal, -0.015, 1.06, 0.015, 1.25)
    c.ellipse(c.paint("light", "glass", (226, 70, 60)), 0, 1.25, 0.035, 0.035)


def fountain(c: canvas.Canvas):
    """Two stone bowls with jets of water."""
    d = c.dice
    stone = d.shade(colours.STONE)
    bowl = c.paint("basin", "stone", stone)
    water = c.paint("water", "", (176, 214, 236), "", (246, 250, 255), 0.2)
    c.poly(bowl, (-0.5, 0.22), (0.5, 0.22), (0.4, 0), (-0.4, 0))
    c.ellipse(water, 0, 0.22, 0.5, 0.07)
    c.rect(c.paint("stem", "stone", stone), -0.06, 0.18, 0.06, 0.5)
    for x in (-0.29, 0.29):
        c.line(water, x, 0.55, x * 1.08, 0.22, 0.05)
    c.poly(bowl, (-0.3, 0.56), (0.3, 0.56), (0.12, 0.44), (-0.12, 0.44))
    c.ellipse(water, 0, 0.56, 0.3, 0.05)
    jet = c.paint("jet", "", (196, 226, 242))
    c.poly(jet, (-0.05, 0.56), (0.05, 0.56), (0.03, 0.92), (-0.03, 0.92))
    for s in (-1, 1):
        c.poly(jet, (0.02 * s, 0.6), (0.05 * s, 0.86), (0.13 * s, 0.92),
               (0.22 * s, 0.82), (0.27 * s, 0.58), (0.21 * s, 0.78), (0.13 * s, 0.84),
               (0.09 * s, 0.78))  # fmt: skip


KINDS = {
    "lighthouse": canvas.Kind(lighthouse, 0.6, 1.17, 0.32),
    "crane": canvas.Kind(crane, 1.2, 1.13, 0.35),
    "barn": canvas.Kind(barn, 1.12, 0.98, 0.85),
    "house": canvas.Kind(house, 1.1, 0.98, 0.80),
    "church": canvas.Kind(church, 1.13, 1.38, 0.82),
    "well": canvas.Kind(well, 1.04, 1.02, 0.65),
    "control tower": canvas.Kind(control_tower, 0.76, 1.28, 0.47),
    "fountain": canvas.Kind(fountain, 1.0, 0.92, 0.43),
}
