"""Things that move: each function draws one, standing on the origin."""

from jaxdissect.data.scene_rendering import canvas, colours

_PANES = ((90, 130, 160), (60, 76, 100), (170, 200, 215), (44, 50, 66), (220, 232, 236))


def _wheels(c: canvas.Canvas, radius: colours.Real, *centres: colours.Real):
    d = c.dice
    grey = d.between(30, 80)
    tyre = c.paint("wheel", "rubber", (grey, grey, grey + 6))
    hub = c.paint("wheel", "metal", d.shade(colours.METAL))
    for x in centres:
        c.ellipse(tyre, x, radius, radius, radius)
        c.ellipse(hub, x, radius, 0.5 * radius, 0.5 * radius)


def boat(c: canvas.Canvas):
    """A sailing boat: hull, deck stripe, mast, two sails, a flag."""
    d = c.dice
    wood = c.colour()
    hull = c.paint("hull", "wood", wood)
    c.rect(c.paint("mast", "wood", d.shade(colours.WOOD)), -0.045, 0.15, 0.04, 1.08)
    sail = c.paint("sail", "fabric", c.colour(), d.texture(0.55))
    jib = c.paint("sail", "fabric", c.colour(), d.texture(0.3))
    c.poly(sail, (0.05, 0.28), (0.5, 0.28), (0.3, 0.6), (0.05, 1.02))
    c.poly(jib, (-0.05, 0.28), (-0.42, 0.28), (-0.05, 0.88))
    flag = c.paint("flag", "fabric", c.colour())
    c.poly(flag, (0.03, 1.1), (0.03, 0.88), (0.32, 0.99))
    c.poly(hull, (-0.58, 0.24), (0.58, 0.22), (0.42, 0), (-0.36, 0))
    rim = c.paint("hull", "wood", colours.scaled(wood, 0.55))
    c.poly(rim, (-0.58, 0.24), (0.58, 0.22), (0.54, 0.16), (-0.54, 0.18))


def canoe(c: canvas.Canvas):
    """An open canoe with raised ends, a seat and a paddle."""
    d = c.dice
    hull = c.paint("hull", "wood", c.colour(), d.texture(0.3))
    c.line(c.paint("pole", "wood", d.shade(colours.WOOD)), -0.2, 0.12, 0.34, 0.46, 0.03)
    c.ellipse(c.paint("pole", "wood", d.shade(colours.WOOD)), 0.36, 0.47, 0.09, 0.06)
    c.poly(hull, (-0.66, 0.36), (-0.56, 0.36), (-0.4, 0.22), (0.4, 0.22), (0.56, 0.36),
           (0.66, 0.36), (0.54, 0.12), (0.36, 0), (-0.36, 0),
           (-0.54, 0.12))  # fmt: skip
    band = c.paint("band", "wood", c.colour())
    c.poly(band, (-0.42, 0.22), (0.42, 0.22), (0.47, 0.17), (-0.47, 0.17))


def car(c: canvas.Canvas):
    """A small car seen from the side."""
    d = c.dice
    rgb = c.colour()
    body = c.paint("body", "metal", rgb)
    c.poly(body, (-0.34, 0.3), (-0.2, 0.56), (0.16, 0.56), (0.36, 0.3))
    c.poly(body, (-0.56, 0.1), (-0.57, 0.26), (-0.5, 0.33), (0.36, 0.33), (0.55, 0.27),
           (0.57, 0.1))  # fmt: skip
    pane = c.paint("window", "glass", d.pick(_PANES))
    c.poly(pane, (-0.26, 0.33), (-0.16, 0.51), (-0.03, 0.51), (-0.03, 0.33))
    c.poly(pane, (0.02, 0.33), (0.02, 0.51), (0.13, 0.51), (0.26, 0.33))
    c.rect(c.paint("handle", "metal", colours.scaled(rgb, 0.6)), -0.06, 0.25, 0.0, 0.28)
    c.rect(c.paint("light", "glass", (252, 232, 150)), 0.5, 0.2, 0.57, 0.26)
    c.rect(c.paint("light", "glass", (210, 60, 50)), -0.57, 0.2, -0.52, 0.27)
    _wheels(c, 0.115, -0.33, 0.33)


def bus(c: canvas.Canvas):
    """A double-decker: body, two rows of windows, a door, a stripe."""
    d = c.dice
    c.rect(c.paint("body", "metal", c.colour()), -0.6, 0.1, 0.6, 0.86)
    c.rect(c.paint("roof", "metal", c.colour()), -0.57, 0.84, 0.57, 0.9)
    c.rect(c.paint("band", "metal", c.colour(), d.texture(0.3)), -0.6, 0.46, 0.6, 0.56)
    pane = c.paint("window", "glass", d.pick(_PANES))
    for k in range(5):
        x = -0.54 + k * 0.22
        c.rect(pane, x, 0.6, x + 0.18, 0.79)
        if k < 4:
            c.rect(pane, x, 0.26, x + 0.18, 0.44)
    c.rect(c.paint("door", "glass", d.pick(_PANES)), 0.36, 0.12, 0.54, 0.44)
    c.rect(c.paint("light", "glass", (252, 232, 150)), 0.56, 0.16, 0.61, 0.23)
    _wheels(c, 0.12, -0.36, 0.24)


def tractor(c: canvas.Canvas):
    """A tractor: a big and a small wheel, cabin, bonnet, chimney."""
    d = c.dice
    rgb = c.colour()
    body = c.paint("body", "metal", rgb)
    c.rect(c.paint("chimney", "metal", d.shade(colours.METAL)), 0.3, 0.5, 0.35, 0.86)
    c.rect(body, -0.12, 0.22, 0.52, 0.52)
    c.rect(c.paint("body", "metal", colours.scaled(rgb, 0.6)), 0.42, 0.26, 0.52, 0.48)
    frame = c.paint("cabin", "metal", rgb)
    c.poly(frame, (-0.46, 0.42), (0.0, 0.42), (-0.04, 0.92), (-0.42, 0.92))
    pane = c.paint("window", "glass", d.pick(_PANES))
    c.poly(pane, (-0.4, 0.52), (-0.06, 0.52), (-0.09, 0.84), (-0.37, 0.84))
    c.rect(c.paint("roof", "metal", c.colour()), -0.5, 0.9, 0.04, 0.98)
    tyre = c.paint("wheel", "rubber", (52, 50, 54))
    hub = c.paint("wheel", "metal", c.colour())
    for x, r in ((-0.3, 0.28), (0.38, 0.17)):
        c.ellipse(tyre, x, r, r, r)
        c.ellipse(hub, x, r, 0.52 * r, 0.52 * r)
        c.ellipse(tyre, x, r, 0.15 * r, 0.15 * r)


def aeroplane(c: canvas.Canvas):
    """A propeller plane or jet standing on its wheels, seen from the side."""
    d = c.dice
    rgb = c.colour()
    skin = c.paint("body", "metal", rgb)
    tail = c.paint("tail", "metal", c.colour(), d.texture(0.4))
    leg = c.paint("leg", "metal", d.shade(colours.METAL))
    for x in (-0.12, 0.42):
        c.rect(leg, x - 0.015, 0.06, x + 0.015, 0.24)
    _wheels(c, 0.06, -0.12, 0.42)
    c.poly(tail, (-0.62, 0.32), (-0.72, 0.68), (-0.56, 0.68), (-0.36, 0.38))
    c.poly(skin, (-0.64, 0.36), (-0.3, 0.42), (0.48, 0.42), (0.62, 0.37), (0.69, 0.29),
           (0.62, 0.22), (0.4, 0.17), (-0.2, 0.18), (-0.64, 0.31))  # fmt: skip
    c.poly(tail, (-0.66, 0.38), (-0.42, 0.36), (-0.58, 0.27), (-0.74, 0.29))
    wing = c.paint("wing", "metal", c.colour())
    c.poly(wing, (-0.04, 0.3), (0.26, 0.3), (0.02, 0.03), (-0.2, 0.03))
    pane = c.paint("window", "glass", d.pick(_PANES))
    for k in range(5):
        c.ellipse(pane, -0.24 + k * 0.13, 0.345, 0.035, 0.035)
    c.poly(pane, (0.47, 0.4), (0.58, 0.375), (0.62, 0.32), (0.48, 0.32))


def train(c: canvas.Canvas):
    """A steam engine with a chimney, a boiler, a cab and four wheels."""
    d = c.dice
    rgb = c.colour()
    c.rect(c.paint("base", "metal", d.shade(colours.METAL)), -0.62, 0.12, 0.66, 0.22)
    c.rect(c.paint("body", "metal", rgb), -0.15, 0.22, 0.56, 0.56)
    c.ellipse(
        c.paint("body", "metal", colours.scaled(rgb, 0.6)), 0.56, 0.39, 0.06, 0.17
    )
    band = c.paint("band", "metal", c.colour())
    for x in (0.05, 0.32):
        c.rect(band, x, 0.22, x + 0.05, 0.56)
    chimney = c.paint("chimney", "metal", d.shade(colours.METAL))
    c.poly(chimney, (0.36, 0.55), (0.5, 0.55), (0.54, 0.84), (0.32, 0.84))
    c.ellipse(band, 0.14, 0.57, 0.08, 0.09)
    c.rect(c.paint("cabin", "metal", c.colour()), -0.58, 0.22, -0.14, 0.8)
    c.rect(c.paint("window", "glass", d.pick(_PANES)), -0.46, 0.48, -0.24, 0.7)
    c.rect(c.paint("roof", "metal", c.colour()), -0.64, 0.8, -0.08, 0.88)
    c.poly(chimney, (0.6, 0.04), (0.78, 0.04), (0.64, 0.22))
    _wheels(c, 0.13, -0.42, -0.08, 0.2, 0.48)


KINDS = {
    "boat": canvas.Kind(boat, 1.16, 1.08, 0.54),
    "canoe": canvas.Kind(canoe, 1.32, 0.53, 0.29),
    "car": canvas.Kind(car, 1.14, 0.56, 0.40),
    "bus": canvas.Kind(bus, 1.2, 0.9, 0.99),
    "tractor": canvas.Kind(tractor, 1.16, 0.98, 0.69),
    "aeroplane": canvas.Kind(aeroplane, 1.46, 0.68, 0.38),
    "train": canvas.Kind(train, 1.42, 0.88, 0.85),
}
