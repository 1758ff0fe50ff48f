"""Furniture: each function draws one piece, standing on the origin."""

from jaxdissect.data.scene_rendering import canvas, colours

_GLASS = ((60, 76, 100), (44, 50, 66), (130, 170, 190), (90, 130, 160), (200, 220, 226))


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


KINDS = {
    "table": canvas.Kind(table, 1.2, 1.02, 0.39),
    "bed": canvas.Kind(bed, 1.32, 0.72, 0.52),
    "cupboard": canvas.Kind(cupboard, 1.0, 1.22, 1.09),
    "lamp": canvas.Kind(lamp, 0.68, 1.18, 0.29),
    "sofa": canvas.Kind(sofa, 1.36, 0.7, 0.81),
    "television": canvas.Kind(television, 1.16, 1.0, 1.00),
    "bookshelf": canvas.Kind(bookshelf, 0.92, 1.16, 1.08),
}
