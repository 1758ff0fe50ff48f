"""Kitchen, bath and office: each function draws one piece on the origin."""

from jaxdissect.data.scene_rendering import canvas, colours, furniture

_GLASS = ((60, 76, 100), (44, 50, 66), (130, 170, 190), (90, 130, 160), (200, 220, 226))


def stove(c: canvas.Canvas):
    """A cooker: oven door, knobs, hob, a pot and a pan."""
    d = c.dice
    rgb = c.colour()
    c.rect(c.paint("panel", "metal", rgb), -0.42, 0, 0.42, 0.74)
    c.rect(c.paint("oven", "metal", colours.scaled(rgb, 0.6)), -0.34, 0.06, 0.34, 0.5)
    c.rect(c.paint("oven", "glass", d.pick(_GLASS)), -0.27, 0.12, 0.27, 0.38)
    c.rect(c.paint("handle", "metal", d.shade(colours.METAL)), -0.28, 0.42, 0.28, 0.46)
    knob = c.paint("dial", "metal", c.colour())
    for x in (-0.28, -0.1, 0.1, 0.28):
        c.ellipse(knob, x, 0.62, 0.055, 0.055)
    c.rect(c.paint("hob", "metal", (50, 50, 56)), -0.46, 0.72, 0.46, 0.78)
    pot = c.paint("pot", "metal", c.colour())
    c.rect(pot, -0.34, 0.78, -0.02, 0.98)
    c.rect(c.paint("lid", "metal", d.shade(colours.METAL)), -0.37, 0.97, 0.01, 1.02)
    c.ellipse(pot, 0.2, 0.88, 0.15, 0.11)
    c.line(c.paint("handle", "wood", d.shade(colours.WOOD)), 0.3, 0.9, 0.5, 0.98, 0.04)


def fridge(c: canvas.Canvas):
    """A tall fridge with two doors and notes on it."""
    d = c.dice
    rgb = c.colour()
    c.rect(c.paint("panel", "metal", colours.scaled(rgb, 0.7)), -0.34, 0, 0.34, 1.2)
    leaf = c.paint("door", "metal", rgb)
    c.rect(leaf, -0.32, 0.04, 0.32, 0.74)
    c.rect(leaf, -0.32, 0.77, 0.32, 1.18)
    bar = c.paint("handle", "metal", d.shade(colours.METAL))
    c.rect(bar, 0.2, 0.48, 0.26, 0.7)
    c.rect(bar, 0.2, 0.81, 0.26, 0.98)
    for x, y in ((-0.22, 0.95), (-0.06, 1.0), (-0.2, 0.55)):
        c.rect(c.paint("door", "", c.colour()), x, y, x + 0.1, y + 0.12)


def bathtub(c: canvas.Canvas):
    """A tub on claw feet with a tap and foam."""
    d = c.dice
    foot = c.paint("leg", "metal", d.shade(colours.METAL))
    for x in (-0.4, 0.4):
        c.poly(foot, (x - 0.07, 0.14), (x + 0.07, 0.14), (x + 0.04, 0), (x - 0.04, 0))
    tap = c.paint("tap", "metal", d.shade(colours.METAL))
    c.rect(tap, 0.5, 0.42, 0.57, 0.84)
    c.rect(tap, 0.34, 0.77, 0.57, 0.84)
    c.rect(tap, 0.34, 0.66, 0.41, 0.8)
    foam = c.paint("water", "", (236, 244, 250), "", (180, 210, 235), 0.3)
    for x, r in ((-0.4, 0.1), (-0.24, 0.14), (-0.06, 0.12), (0.12, 0.14), (0.28, 0.09)):
        c.ellipse(foam, x, 0.54, r, r)
    tub = c.paint("basin", "stone", c.colour(), d.texture(0.3))
    c.poly(tub, (-0.6, 0.52), (0.6, 0.52), (0.54, 0.26), (0.4, 0.12), (-0.4, 0.12),
           (-0.54, 0.26))  # fmt: skip
    c.rect(c.paint("rail", "stone", c.colour()), -0.66, 0.49, 0.66, 0.56)


def basin(c: canvas.Canvas):
    """A wash basin under a mirror."""
    d = c.dice
    rgb = c.colour()
    c.ellipse(c.paint("mirror", "wood", c.colour()), 0, 1.06, 0.3, 0.34)
    c.ellipse(c.paint("mirror", "glass", d.pick(_GLASS)), 0, 1.06, 0.24, 0.28)
    c.poly(c.paint("stem", "stone", colours.scaled(rgb, 0.8)), (-0.14, 0), (0.14, 0),
           (0.08, 0.46), (-0.08, 0.46))  # fmt: skip
    c.poly(
        c.paint("basin", "stone", rgb),
        (-0.42, 0.62),
        (0.42, 0.62),
        (0.24, 0.4),
        (-0.24, 0.4),
    )
    c.rect(c.paint("rail", "stone", colours.scaled(rgb, 1.2)), -0.45, 0.58, 0.45, 0.64)
    tap = c.paint("tap", "metal", d.shade(colours.METAL))
    c.rect(tap, -0.045, 0.64, 0.045, 0.78)
    c.rect(tap, -0.045, 0.72, 0.16, 0.79)


def desk(c: canvas.Canvas):
    """A desk with drawers, a monitor, a keyboard and a mug."""
    d = c.dice
    rgb = furniture.bare_or_painted(c)
    c.rect(c.paint("panel", "wood", colours.scaled(rgb, 0.8)), 0.2, 0, 0.58, 0.44)
    drawer, knob = (
        c.paint("drawer", "wood", c.colour()),
        c.paint("handle", "metal", d.shade(colours.METAL)),
    )
    for y in (0.03, 0.165, 0.3):
        c.rect(drawer, 0.23, y, 0.55, y + 0.115)
        c.rect(knob, 0.34, y + 0.04, 0.44, y + 0.07)
    c.rect(c.paint("leg", "wood", rgb), -0.58, 0, -0.5, 0.44)
    c.rect(c.paint("worktop", "wood", rgb), -0.64, 0.43, 0.64, 0.51)
    grey = d.between(30, 220)
    frame = c.paint("stand", "metal", (grey, grey, min(grey + 8, 255)))
    c.rect(frame, -0.1, 0.51, 0.1, 0.54)
    c.rect(frame, -0.035, 0.51, 0.035, 0.62)
    c.rect(frame, -0.34, 0.6, 0.34, 1.04)
    screen = c.paint("screen", "glass", c.colour(), d.texture(0.25))
    c.rect(screen, -0.3, 0.64, 0.3, 1.0)
    c.rect(c.paint("screen", "glass", c.colour()), -0.26, 0.86, 0.02, 0.96)
    c.rect(c.paint("pot", "stone", c.colour()), 0.44, 0.51, 0.56, 0.64)


def swivel_chair(c: canvas.Canvas):
    """An office chair on castors."""
    d = c.dice
    rgb = c.colour()
    metal = c.paint("leg", "metal", d.shade(colours.METAL))
    c.rect(metal, -0.035, 0.1, 0.035, 0.42)
    c.poly(
        metal,
        (-0.34, 0.05),
        (0, 0.16),
        (0.34, 0.05),
        (0.34, 0.09),
        (0, 0.21),
        (-0.34, 0.09),
    )
    wheel = c.paint("wheel", "rubber", (48, 48, 54))
    for x in (-0.33, 0, 0.33):
        c.ellipse(wheel, x, 0.045, 0.055, 0.045)
    back = c.paint("back rest", "fabric", rgb, d.texture(0.4))
    c.rect(back, -0.27, 0.56, 0.27, 1.08)
    c.ellipse(back, 0, 1.08, 0.27, 0.08)
    seat = c.paint("seat", "fabric", colours.scaled(rgb, 0.8))
    c.rect(seat, -0.34, 0.4, 0.34, 0.54)
    arm = c.paint("arm", "rubber", d.shade(colours.METAL))
    for x in (-0.4, 0.34):
        c.rect(arm, x, 0.52, x + 0.06, 0.74)
        c.rect(arm, x - 0.02, 0.72, x + 0.08, 0.78)


KINDS = {
    "stove": canvas.Kind(stove, 0.96, 1.02, 0.80),
    "fridge": canvas.Kind(fridge, 0.68, 1.2, 0.81),
    "desk": canvas.Kind(desk, 1.28, 1.04, 0.63),
    "swivel chair": canvas.Kind(swivel_chair, 0.8, 1.16, 0.51),
    "bathtub": canvas.Kind(bathtub, 1.32, 0.8, 0.61),
    "basin": canvas.Kind(basin, 0.9, 1.4, 0.58),
}
