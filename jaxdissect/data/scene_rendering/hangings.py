"""Things of a room's walls and floor: each function draws one on the origin."""

from jaxdissect.data.scene_rendering import canvas, colours


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


KINDS = {
    "picture": canvas.Kind(picture, 1.0, 0.8, 0.80),
    "plant": canvas.Kind(plant, 0.84, 1.2, 0.54),
    "rug": canvas.Kind(rug, 1.6, 0.4, 0.56),
    "curtain": canvas.Kind(curtain, 1.24, 1.04, 1.13),
}
