"""What is outdoors: nature, and vehicles."""

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


VEHICLES = {
    "boat": canvas.Kind(boat, 1.16, 1.08, 0.54),
    "canoe": canvas.Kind(canoe, 1.32, 0.53, 0.29),
    "car": canvas.Kind(car, 1.14, 0.56, 0.40),
    "bus": canvas.Kind(bus, 1.2, 0.9, 0.99),
    "tractor": canvas.Kind(tractor, 1.16, 0.98, 0.69),
    "aeroplane": canvas.Kind(aeroplane, 1.46, 0.68, 0.38),
    "train": canvas.Kind(train, 1.42, 0.88, 0.85),
}


def parasol(c: canvas.Canvas):
    """A striped parasol over a deck chair."""
    d = c.dice
    c.line(c.paint("pole", "wood", d.shade(colours.WOOD)), 0, 0, 0.06, 0.9, 0.04)
    cloth = c.paint("seat", "fabric", c.colour(), d.texture(0.6))
    frame = c.paint("leg", "wood", d.shade(colours.WOOD))
    c.line(frame, -0.5, 0, -0.2, 0.3, 0.04)
    c.line(frame, -0.2, 0, -0.46, 0.26, 0.04)
    c.poly(cloth, (-0.52, 0.4), (-0.44, 0.42), (-0.12, 0.14), (-0.18, 0.08))
    dome = c.paint("canopy", "fabric", c.colour())
    gore = c.paint("canopy", "fabric", c.colour(), d.texture(0.3))
    c.poly(dome, (-0.52, 0.62), (-0.4, 0.84), (-0.18, 0.98), (0.06, 1.04), (0.3, 0.98),
           (0.52, 0.84), (0.62, 0.62))  # fmt: skip
    for x in (-0.2, 0.28):
        c.poly(gore, (x - 0.1, 0.62), (x + 0.1, 0.62), (0.06, 1.04))
    c.poly(gore, (-0.52, 0.62), (-0.42, 0.62), (-0.18, 0.98), (-0.4, 0.84))
    c.poly(gore, (0.62, 0.62), (0.52, 0.62), (0.3, 0.98), (0.52, 0.84))


def sandcastle(c: canvas.Canvas):
    """Two towers and a wall with battlements, a gate and flags."""
    d = c.dice
    sand = c.paint("wall", "stone", d.pick(_SANDS))
    dark = c.paint("wall", "stone", colours.scaled(d.pick(_SANDS), 0.8))
    c.poly(sand, (-0.62, 0), (0.62, 0), (0.5, 0.12), (-0.5, 0.12))
    c.rect(dark, -0.3, 0.1, 0.3, 0.42)
    for x in (-0.24, -0.06, 0.12):
        c.rect(dark, x, 0.42, x + 0.11, 0.5)
    for x, h in ((-0.4, 0.6), (0.4, 0.6), (0.0, 0.78)):
        c.poly(sand, (x - 0.15, 0.1), (x + 0.15, 0.1), (x + 0.12, h), (x - 0.12, h))
        c.poly(dark, (x - 0.17, h), (x + 0.17, h), (x, h + 0.22))
    gate = c.paint("door", "stone", (90, 66, 50))
    c.rect(gate, -0.08, 0.1, 0.08, 0.28)
    c.ellipse(gate, 0, 0.28, 0.08, 0.08)
    c.rect(c.paint("pole", "wood", d.shade(colours.WOOD)), -0.01, 0.98, 0.015, 1.22)
    flag = c.paint("flag", "fabric", c.colour())
    c.poly(flag, (0.015, 1.22), (0.015, 0.99), (0.34, 1.1))


_SANDS = ((226, 190, 120), (208, 164, 100), (238, 214, 160), (180, 140, 96),
          (210, 180, 150), (170, 160, 150))  # fmt: skip


def cow(c: canvas.Canvas):
    """A patched cow."""
    d = c.dice
    hide, patch = d.pick(_HIDES), d.pick(_HIDES)
    leg = c.paint("leg", "", colours.scaled(hide, 0.85))
    for x in (-0.36, -0.22, 0.16, 0.3):
        c.rect(leg, x, 0, x + 0.09, 0.34)
    c.line(c.paint("tail", "", patch), -0.46, 0.62, -0.54, 0.24, 0.04)
    body = c.paint("body", "", hide)
    c.poly(body, (-0.46, 0.3), (-0.48, 0.64), (-0.3, 0.7), (0.34, 0.68), (0.42, 0.5),
           (0.36, 0.3))  # fmt: skip
    spot = c.paint("body", "", patch)
    c.ellipse(spot, -0.24, 0.56, 0.15, 0.12)
    c.ellipse(spot, 0.14, 0.46, 0.12, 0.12)
    c.ellipse(c.paint("body", "", (236, 160, 160)), -0.16, 0.3, 0.1, 0.06)
    head = c.paint("head", "", hide)
    c.poly(head, (0.34, 0.62), (0.4, 0.82), (0.58, 0.82), (0.7, 0.58), (0.6, 0.5))
    c.ellipse(c.paint("head", "", (238, 180, 170)), 0.65, 0.56, 0.08, 0.07)
    horn = c.paint("head", "", (250, 240, 220))
    c.poly(horn, (0.4, 0.8), (0.34, 0.92), (0.46, 0.82))
    c.poly(horn, (0.54, 0.82), (0.6, 0.93), (0.6, 0.8))
    c.ellipse(c.paint("head", "", (30, 26, 30)), 0.5, 0.72, 0.03, 0.03)


_HIDES = ((246, 240, 230), (60, 50, 52), (150, 96, 64), (196, 140, 96), (228, 206, 176),
          (120, 110, 110))  # fmt: skip


def traffic_light(c: canvas.Canvas):
    """A signal of three lamps on a pole."""
    d = c.dice
    c.rect(c.paint("pole", "metal", d.shade(colours.METAL)), -0.035, 0, 0.035, 0.55)
    c.rect(c.paint("base", "stone", d.shade(colours.STONE)), -0.12, 0, 0.12, 0.06)
    c.rect(c.paint("signal", "metal", c.colour()), -0.19, 0.5, 0.19, 1.18)
    c.rect(c.paint("signal", "metal", (46, 46, 52)), -0.15, 0.53, 0.15, 1.15)
    lit = d.count(0, 2)
    for k, rgb in enumerate(((80, 200, 110), (250, 196, 70), (232, 66, 56))):
        lamp = c.paint("light", "glass", rgb if k == lit else colours.scaled(rgb, 0.45))
        c.ellipse(lamp, 0, 0.63 + 0.21 * k, 0.085, 0.085)


def swing(c: canvas.Canvas):
    """A frame with two swings."""
    d = c.dice
    frame = c.paint("gantry", d.pick(("wood", "metal")), c.colour())
    for x in (-0.5, 0.5):
        c.line(frame, x - 0.12, 0, x, 0.86, 0.06)
        c.line(frame, x + 0.12, 0, x, 0.86, 0.06)
    c.line(frame, -0.56, 0.86, 0.56, 0.86, 0.08)
    rope = c.paint("rope", "fabric", (220, 200, 160))
    for x, lean in ((-0.24, d.between(-0.12, 0.12)), (0.24, d.between(-0.12, 0.12))):
        c.line(rope, x - 0.1, 0.84, x - 0.1 + lean, 0.24, 0.025)
        c.line(rope, x + 0.1, 0.84, x + 0.1 + lean, 0.24, 0.025)
        seat = c.paint("seat", "wood", c.colour())
        c.rect(seat, x + lean - 0.15, 0.18, x + lean + 0.15, 0.26)


def bench(c: canvas.Canvas):
    """A garden bench: slats for seat and back, two legs, arm rests."""
    d = c.dice
    iron = c.paint("leg", "metal", d.shade(colours.METAL))
    slat = c.paint("back rest", "wood", c.colour())
    for x in (-0.5, 0.44):
        c.rect(iron, x, 0, x + 0.06, 0.66)
    for y in (0.37, 0.525):
        c.rect(slat, -0.56, y, 0.56, y + 0.14)
    seat = c.paint("seat", "wood", c.colour())
    c.poly(seat, (-0.56, 0.32), (0.56, 0.32), (0.62, 0.22), (-0.62, 0.22))
    for x in (-0.58, 0.52):
        c.rect(iron, x, 0, x + 0.06, 0.24)
        c.rect(iron, x, 0.32, x + 0.06, 0.42)


def tent(c: canvas.Canvas):
    """A ridge tent with an open flap."""
    d = c.dice
    rgb = c.colour()
    side = c.paint("wall", "fabric", colours.scaled(rgb, 0.75))
    front = c.paint("roof", "fabric", rgb, d.texture(0.45))
    c.poly(side, (-0.1, 0.76), (0.4, 0.7), (0.68, 0), (0.3, 0))
    c.poly(front, (-0.6, 0), (-0.1, 0.78), (0.36, 0))
    c.poly(
        c.paint("opening", "fabric", (56, 48, 52)), (-0.28, 0), (-0.1, 0.52), (0.1, 0)
    )
    c.poly(
        c.paint("door", "fabric", c.colour()), (-0.28, 0), (-0.1, 0.52), (-0.4, 0.02)
    )
    c.line(c.paint("rope", "fabric", (230, 214, 180)), -0.74, 0, -0.1, 0.78, 0.018)
    c.line(c.paint("pole", "wood", d.shade(colours.WOOD)), -0.1, 0.7, -0.1, 0.86, 0.03)


_FLAME = (
    (-0.32, 0.06), (-0.36, 0.4), (-0.22, 0.36), (-0.16, 0.74), (-0.02, 0.5),
    (0.08, 0.98), (0.2, 0.48), (0.34, 0.6), (0.32, 0.06),
)  # fmt: skip


def campfire(c: canvas.Canvas):
    """Flames over crossed logs in a ring of stones."""
    d = c.dice
    for k in range(3):
        rgb = d.pick(((236, 110, 46), (250, 176, 60), (226, 70, 50), (255, 226, 130)))
        flame = c.paint("flame", "", rgb)
        s = 1 - 0.27 * k
        c.poly(flame, *((s * x, 0.1 + s * y) for x, y in _FLAME))
    log = c.paint("log", "wood", d.shade(colours.WOOD))
    c.line(log, -0.46, 0.1, 0.4, 0.28, 0.11)
    c.line(log, 0.46, 0.1, -0.4, 0.28, 0.11)
    stone = c.paint("base", "stone", d.shade(colours.STONE))
    for k in range(6):
        c.ellipse(stone, -0.5 + 0.2 * k, 0.07, 0.11, 0.07)


def windsock(c: canvas.Canvas):
    """A banded sock of cloth on a pole."""
    d = c.dice
    c.rect(c.paint("pole", "metal", d.shade(colours.METAL)), -0.45, 0, -0.38, 1.15)
    bands = (
        c.paint("band", "fabric", c.colour()),
        c.paint("sail", "fabric", c.colour()),
    )
    drop = d.between(0.0, 0.25)
    for k in range(5):
        x0, x1 = -0.38 + 0.18 * k, -0.38 + 0.18 * (k + 1)
        y0, y1 = 0.98 - drop * k / 5, 0.98 - drop * (k + 1) / 5
        h0, h1 = 0.16 - 0.017 * k, 0.16 - 0.017 * (k + 1)
        sleeve = ((x0, y0 + h0), (x1, y1 + h1), (x1, y1 - h1), (x0, y0 - h0))
        c.poly(bands[k % 2], *sleeve)


def clock(c: canvas.Canvas):
    """A station clock on a pole."""
    d = c.dice
    metal = d.shade(colours.METAL)
    pole = c.paint("pole", "metal", metal)
    c.rect(pole, -0.045, 0, 0.045, 0.7)
    c.rect(pole, -0.16, 0, 0.16, 0.07)
    c.ellipse(c.paint("band", "metal", c.colour()), 0, 0.88, 0.34, 0.34)
    c.ellipse(c.paint("dial", "glass", d.pick(_DIALS)), 0, 0.88, 0.27, 0.27)
    hand = c.paint("dial", "metal", (44, 40, 46))
    dx, dy = d.pick(((0.8, 0.6), (-0.6, 0.8), (0.0, 1.0), (-0.8, -0.6), (0.96, -0.28)))
    c.line(hand, 0, 0.88, 0.2 * dx, 0.88 + 0.2 * dy, 0.045)
    c.line(hand, 0, 0.88, -0.14 * dy, 0.88 + 0.14 * dx, 0.055)


_DIALS = ((250, 246, 232), (232, 220, 190), (200, 214, 220), (250, 226, 150))

OUTDOORS = {
    "parasol": canvas.Kind(parasol, 1.2, 1.04, 0.42),
    "sandcastle": canvas.Kind(sandcastle, 1.24, 1.22, 0.79),
    "cow": canvas.Kind(cow, 1.4, 0.93, 0.54),
    "traffic light": canvas.Kind(traffic_light, 0.44, 1.18, 0.31),
    "swing": canvas.Kind(swing, 1.28, 0.9, 0.38),
    "bench": canvas.Kind(bench, 1.24, 0.66, 0.45),
    "tent": canvas.Kind(tent, 1.44, 0.86, 0.67),
    "campfire": canvas.Kind(campfire, 1.24, 1.08, 0.54),
    "windsock": canvas.Kind(windsock, 1.0, 1.15, 0.29),
    "clock": canvas.Kind(clock, 0.68, 1.22, 0.43),
}
