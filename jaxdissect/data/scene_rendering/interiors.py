"""What stands and hangs in rooms."""

from jaxdissect.data.scene_rendering import canvas, colours

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
    rgb = bare_or_painted(c)
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


FITTINGS = {
    "stove": canvas.Kind(stove, 0.96, 1.02, 0.80),
    "fridge": canvas.Kind(fridge, 0.68, 1.2, 0.81),
    "desk": canvas.Kind(desk, 1.28, 1.04, 0.63),
    "swivel chair": canvas.Kind(swivel_chair, 0.8, 1.16, 0.51),
    "bathtub": canvas.Kind(bathtub, 1.32, 0.8, 0.61),
    "basin": canvas.Kind(basin, 0.9, 1.4, 0.58),
}


def bare_or_painted(c: canvas.Canvas):
    """A colour of bare wood or of paint."""
    return c.dice.shade(colours.WOOD) if c.dice.chance(0.5) else c.colour()


def table(c: canvas.Canvas):
    """A table laid with a cloth, a vase and plates."""
    d = c.dice
    leg = c.paint("leg", "wood", bare_or_painted(c))
    for x in (-0.5, 0.42):
        c.rect(leg, x, 0, x + 0.08, 0.5)
    c.rect(c.paint("worktop", "wood", bare_or_painted(c)), -0.6, 0.5, 0.6, 0.58)
    cloth = c.paint("blanket", "fabric", c.colour(), d.texture(0.7))
    c.poly(cloth, (-0.44, 0.58), (0.44, 0.58), (0.5, 0.34), (0.25, 0.42), (0, 0.34),
           (-0.25, 0.42), (-0.5, 0.34))  # fmt: skip
    c.poly(c.paint("pot", "glass", c.colour()), (-0.08, 0.58), (0.06, 0.58),
           (0.1, 0.78), (-0.12, 0.78))  # fmt: skip
    petal = c.paint("petals", "foliage", c.colour())
    for x, y in ((-0.12, 0.86), (0.0, 0.94), (0.1, 0.85)):
        c.ellipse(petal, x, y, 0.08, 0.08)
    plate = c.paint("plate", "stone", c.colour())
    c.ellipse(plate, -0.33, 0.61, 0.17, 0.055)
    c.ellipse(plate, 0.33, 0.61, 0.17, 0.055)


def bed(c: canvas.Canvas):
    """A bed seen from the side: head board, mattress, pillow, blanket."""
    d = c.dice
    wood = c.paint("bed frame", "wood", bare_or_painted(c))
    c.rect(wood, -0.66, 0, -0.56, 0.72)
    c.rect(wood, 0.58, 0, 0.66, 0.42)
    c.rect(wood, -0.6, 0.12, 0.6, 0.24)
    c.rect(c.paint("base", "fabric", (240, 236, 226)), -0.56, 0.22, 0.58, 0.38)
    pillow = c.paint("pillow", "fabric", c.colour(), d.texture(0.3))
    c.ellipse(pillow, -0.4, 0.44, 0.16, 0.1)
    blanket = c.paint("blanket", "fabric", c.colour(), d.texture(0.7))
    c.poly(blanket, (-0.26, 0.16), (-0.24, 0.46), (-0.1, 0.5), (0.5, 0.46), (0.6, 0.4),
           (0.6, 0.16))  # fmt: skip
    fold = c.paint("blanket", "fabric", c.colour())
    c.poly(fold, (-0.26, 0.16), (-0.24, 0.46), (-0.12, 0.5), (-0.14, 0.16))


def cupboard(c: canvas.Canvas):
    """A cupboard with two doors, drawers below and feet."""
    d = c.dice
    rgb = bare_or_painted(c)
    c.rect(c.paint("panel", "wood", colours.scaled(rgb, 0.7)), -0.46, 0.06, 0.46, 1.16)
    foot = c.paint("leg", "wood", d.shade(colours.WOOD))
    for x in (-0.44, 0.34):
        c.rect(foot, x, 0, x + 0.1, 0.06)
    leaf, knob = (
        c.paint("door", "wood", rgb),
        c.paint("handle", "metal", d.shade(colours.METAL)),
    )
    drawer = c.paint("drawer", "wood", colours.scaled(rgb, 1.1))
    for s in (-1, 1):
        c.rect(leaf, 0.02 * s, 0.38, 0.41 * s, 1.1)
        c.rect(drawer, 0.02 * s, 0.1, 0.41 * s, 0.34)
        c.ellipse(knob, 0.07 * s, 0.72, 0.03, 0.05)
        c.ellipse(knob, 0.21 * s, 0.22, 0.05, 0.025)
    if d.chance(0.5):
        c.rect(c.paint("mirror", "glass", d.pick(_GLASS)), 0.08, 0.46, 0.34, 1.04)
    c.rect(c.paint("panel", "wood", colours.scaled(rgb, 0.85)), -0.5, 1.14, 0.5, 1.22)


def lamp(c: canvas.Canvas):
    """A floor lamp with a shade."""
    d = c.dice
    c.ellipse(c.paint("base", "metal", d.shade(colours.METAL)), 0, 0.04, 0.2, 0.05)
    c.rect(c.paint("pole", "metal", d.shade(colours.METAL)), -0.03, 0.04, 0.03, 0.8)
    shade = c.paint("shade", "fabric", c.colour(), d.texture(0.4))
    c.poly(shade, (-0.34, 0.76), (0.34, 0.76), (0.19, 1.18), (-0.19, 1.18))


def sofa(c: canvas.Canvas):
    """A sofa: back, seat cushions, arm rests, two pillows."""
    d = c.dice
    rgb, texture = c.colour(), d.texture(0.4)
    c.rect(c.paint("back rest", "fabric", rgb, texture), -0.54, 0.16, 0.54, 0.7)
    leg = c.paint("leg", "wood", d.shade(colours.WOOD))
    for x in (-0.56, 0.5):
        c.rect(leg, x, 0, x + 0.06, 0.08)
    c.rect(c.paint("base", "fabric", colours.scaled(rgb, 0.7)), -0.6, 0.07, 0.6, 0.22)
    seat = c.paint("seat", "fabric", colours.scaled(rgb, 1.15))
    c.rect(seat, -0.46, 0.2, -0.01, 0.38)
    c.rect(seat, 0.01, 0.2, 0.46, 0.38)
    arm = c.paint("arm", "fabric", colours.scaled(rgb, 0.85))
    for x in (-0.57, 0.57):
        c.rect(arm, x - 0.11, 0.08, x + 0.11, 0.46)
        c.ellipse(arm, x, 0.46, 0.11, 0.07)
    for x in (-0.3, 0.28):
        pillow = c.paint("pillow", "fabric", c.colour(), d.texture(0.5))
        c.poly(
            pillow, (x - 0.14, 0.38), (x + 0.1, 0.36), (x + 0.14, 0.58), (x - 0.1, 0.6)
        )


def television(c: canvas.Canvas):
    """A television on a low cabinet."""
    d = c.dice
    rgb = bare_or_painted(c)
    c.rect(c.paint("panel", "wood", rgb), -0.58, 0.05, 0.58, 0.34)
    drawer = c.paint("drawer", "wood", colours.scaled(rgb, 0.75))
    for x in (-0.54, -0.17, 0.2):
        c.rect(drawer, x, 0.09, x + 0.34, 0.3)
    foot = c.paint("leg", "wood", d.shade(colours.WOOD))
    for x in (-0.5, 0.42):
        c.rect(foot, x, 0, x + 0.08, 0.05)
    grey = d.between(30, 110)
    frame = c.paint("stand", "metal", (grey, grey, grey + 6))
    c.rect(frame, -0.14, 0.34, 0.14, 0.4)
    c.rect(frame, -0.52, 0.38, 0.52, 1.0)
    screen = c.paint("screen", "glass", c.colour(), "", c.colour(), d.between(0.2, 0.6))
    c.rect(screen, -0.47, 0.43, 0.47, 0.95)
    hills = c.paint("screen", "glass", c.colour())
    c.poly(hills, (-0.47, 0.43), (-0.47, 0.56), (-0.15, 0.74), (0.1, 0.58),
           (0.3, 0.66), (0.47, 0.52), (0.47, 0.43))  # fmt: skip


def bookshelf(c: canvas.Canvas):
    """Shelves of books."""
    d = c.dice
    rgb = bare_or_painted(c)
    frame = c.paint("shelf", "wood", rgb)
    c.rect(frame, -0.46, 0, 0.46, 1.16)
    back = c.paint("shelf", "wood", colours.scaled(rgb, 0.7))
    books = [c.paint("book", "fabric", c.colour()) for _ in range(7)]
    for y in (0.06, 0.33, 0.6, 0.87):
        c.rect(back, -0.41, y, 0.41, y + 0.23)
        x = -0.4
        while x < 0.3:
            w = d.between(0.06, 0.13)
            if d.chance(0.88):
                c.rect(d.pick(books), x, y, x + w - 0.008, y + d.between(0.14, 0.22))
            x += w


FURNITURE = {
    "table": canvas.Kind(table, 1.2, 1.02, 0.39),
    "bed": canvas.Kind(bed, 1.32, 0.72, 0.52),
    "cupboard": canvas.Kind(cupboard, 1.0, 1.22, 1.09),
    "lamp": canvas.Kind(lamp, 0.68, 1.18, 0.29),
    "sofa": canvas.Kind(sofa, 1.36, 0.7, 0.81),
    "television": canvas.Kind(television, 1.16, 1.0, 1.00),
    "bookshelf": canvas.Kind(bookshelf, 0.92, 1.16, 1.08),
}


def picture(c: canvas.Canvas):
    """A framed picture: a landscape, a pattern or a portrait."""
    d = c.dice
    c.rect(c.paint("", "wood", c.colour()), -0.5, 0, 0.5, 0.8)
    c.rect(c.paint("panel", "", c.colour(), d.texture(0.4)), -0.4, 0.1, 0.4, 0.7)
    subject = d.count(0, 2)
    ink = c.paint("panel", "", c.colour())
    if subject == 0:
        c.poly(ink, (-0.4, 0.1), (-0.2, 0.5), (0.0, 0.25), (0.2, 0.42), (0.4, 0.1))
    elif subject == 1:
        c.ellipse(ink, d.between(-0.2, 0.2), 0.4, 0.18, 0.2)


def plant(c: canvas.Canvas):
    """A house plant in a pot."""
    d = c.dice
    leaf = c.paint("leaves", "foliage", d.shade(colours.LEAF))
    c.rect(c.paint("stem", "foliage", d.shade(colours.WOOD)), -0.03, 0.3, 0.03, 0.7)
    for dx, y, r in (
        (-0.3, 0.66, 0.2),
        (0.3, 0.7, 0.2),
        (-0.2, 0.92, 0.2),
        (0.2, 0.98, 0.2),
    ):
        c.poly(leaf, (0, 0.4), (dx - 0.1, y), (dx, y + r), (dx + 0.1, y))
    c.poly(leaf, (0, 0.4), (-0.12, 0.9), (0, 1.2), (0.12, 0.9))
    pot = c.paint("pot", "stone", c.colour(), d.texture(0.3))
    c.poly(pot, (-0.2, 0), (0.2, 0), (0.28, 0.38), (-0.28, 0.38))
    c.rect(c.paint("pot", "stone", c.colour()), -0.31, 0.34, 0.31, 0.44)


def rug(c: canvas.Canvas):
    """A patterned rug lying on the floor."""
    d = c.dice
    edge = c.paint("", "fabric", c.colour())
    c.poly(edge, (-0.8, 0), (0.8, 0), (0.62, 0.4), (-0.62, 0.4))
    rgb = c.colour()
    second = colours.mixed(rgb, c.colour(), 0.6)
    cloth = c.paint("", "fabric", rgb, d.texture(0.5), second)
    c.poly(cloth, (-0.69, 0.05), (0.69, 0.05), (0.55, 0.35), (-0.55, 0.35))


def curtain(c: canvas.Canvas):
    """A window between two curtains."""
    d = c.dice
    c.rect(c.paint("window", "wood", c.colour()), -0.42, 0.06, 0.42, 0.96)
    pane = c.paint("window", "glass", c.colour())
    for x in (-0.37, 0.02):
        for y in (0.11, 0.53):
            c.rect(pane, x, y, x + 0.35, y + 0.38)
    cloth = c.paint("", "fabric", c.colour(), d.texture(0.6))
    for s in (-1, 1):
        c.poly(
            cloth,
            (0.56 * s, 0),
            (0.24 * s, 0),
            (0.3 * s, 0.4),
            (0.18 * s, 1.0),
            (0.56 * s, 1.0),
        )
    c.rect(c.paint("rail", "wood", d.shade(colours.WOOD)), -0.62, 0.97, 0.62, 1.04)


HANGINGS = {
    "picture": canvas.Kind(picture, 1.0, 0.8, 0.80),
    "plant": canvas.Kind(plant, 0.84, 1.2, 0.54),
    "rug": canvas.Kind(rug, 1.6, 0.4, 0.56),
    "curtain": canvas.Kind(curtain, 1.24, 1.04, 1.13),
}
