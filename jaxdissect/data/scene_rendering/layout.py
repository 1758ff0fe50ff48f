"""What stands where: the background and the objects of a scene of a class."""

from math import sqrt
from typing import NamedTuple

from jaxdissect.data.scene_rendering import (
    backgrounds,
    buildings,
    canvas,
    colours,
    interiors,
    outdoors,
)
from jaxdissect.data.scene_rendering import backgrounds as clutter
from jaxdissect.data.scene_rendering import outdoors as vehicles

KINDS = (
    buildings.KINDS
    | vehicles.VEHICLES
    | outdoors.OUTDOORS
    | clutter.KINDS
    | interiors.FURNITURE
    | interiors.FITTINGS
    | interiors.HANGINGS
)


class Place(NamedTuple):
    """Where an object stands; places sort from the far to the near."""

    y: colours.Real
    x: colours.Real
    scale: colours.Real
    name: str


class Cast(NamedTuple):
    """The characteristic objects of a class; one of `own` is always present."""

    own: tuple[str, ...]
    shared: tuple[str, ...]


CASTS = {
    "harbour": Cast(("lighthouse", "crane"), ("boat", "canoe")),
    "beach": Cast(("parasol", "sandcastle"), ("boat",)),
    "farm": Cast(("barn", "tractor", "cow"), ("house",)),
    "street": Cast(("bus", "traffic light"), ("car", "house")),
    "village": Cast(("church", "well"), ("house", "car")),
    "park": Cast(("fountain", "swing"), ("bench",)),
    "camp": Cast(("tent", "campfire"), ("canoe",)),
    "airfield": Cast(("aeroplane", "control tower", "windsock"), ()),
    "station": Cast(("train", "clock"), ("bench",)),
    "kitchen": Cast(("stove", "fridge"), ("table",)),
    "bedroom": Cast(("bed",), ("cupboard", "lamp")),
    "living room": Cast(("sofa", "television"), ("lamp", "table", "bookshelf")),
    "office": Cast(("desk", "swivel chair"), ("bookshelf",)),
    "bathroom": Cast(("bathtub", "basin"), ("cupboard",)),
}
INDOORS = ("kitchen", "bedroom", "living room", "office", "bathroom")
AFLOAT = ("boat", "canoe")

# Areas, in images, of one, two or three characteristic objects.
_AREAS = ((0.13, 0.2), (0.09, 0.15), (0.065, 0.1))
_BACK = ("tree", "tree", "bush", "rock", "lamp post", "fence", "sign")
_FRONT = (
    "bush",
    "rock",
    "person",
    "crate",
    "flowers",
    "sign",
    "ball",
    "fence",
    "person",
)
_WALL = ("picture", "picture", "picture", "curtain")
_FLOOR = ("plant", "crate", "ball", "person", "plant")


def compose(c: canvas.Canvas, name: str):
    """Paints a scene of the class `name`."""
    cast = _members(c, name)
    if name in INDOORS:
        _room(c, cast)
    else:
        _landscape(c, name, cast)


def _members(c: canvas.Canvas, name: str) -> list[str]:
    """One to three different characteristic objects, at least one the class's own."""
    d = c.dice
    own = d.shuffled(CASTS[name].own)
    rest = d.shuffled(own[1:] + list(CASTS[name].shared))
    more = 0 if d.chance(0.18) else 1 if d.chance(0.72) else 2
    return [own[0], *rest[:more]]


def _scale(
    name: str, area: colours.Real, width: colours.Real, height: colours.Real
) -> float:
    """Scale at which the object covers about `area`, inside width and height."""
    kind = KINDS[name]
    # Between equal areas (a lamp as large as a house) and equal scales.
    standard = 0.25 + 0.55 * kind.area
    return min(sqrt(area / standard), width / kind.width, height / kind.height)


def _draw(c: canvas.Canvas, place: Place, *, shadow: bool = True):
    """Draws the object of a place, moved sideways into the frame."""
    y, x, scale, name = place
    half = 0.5 * scale * KINDS[name].width
    x = min(max(x, half + 0.01), 0.99 - half) if half < 0.49 else 0.5
    if shadow:
        backgrounds.shadow(c, x, y, half)
    c.stand(name, x, y, scale, c.dice.chance(0.5))
    KINDS[name].draw(c)


def _spread(
    c: canvas.Canvas, names: list[str], low: colours.Real, high: colours.Real
) -> list[Place]:
    """Places for the characteristic objects, side by side with random gaps."""
    d = c.dice
    area = _AREAS[len(names) - 1]
    feet = [d.between(low, high) for _ in names]
    scales, total = [], 0.0
    for name, y in zip(names, feet, strict=True):
        scales.append(_scale(name, d.between(*area), 0.86, y - 0.03))
        total += scales[-1] * KINDS[name].width
    shrink = min(1.0, 1.02 / total)
    room = 1.02 - shrink * total
    gaps = d.shuffled([room * d.unit(), *[0.5 * room * d.unit() for _ in names]])
    places, left = [], -0.01
    for y, scale, gap, name in zip(feet, scales, gaps[1:], names, strict=True):
        width = shrink * scale * KINDS[name].width
        gap = min(gap, room)
        places.append(Place(y, left + gap + 0.5 * width, shrink * scale, name))
        left += gap + width
        room -= gap
    return places


def _strew(
    c: canvas.Canvas,
    names: tuple[str, ...],
    count: tuple[int, int],
    y: tuple[colours.Real, colours.Real],
    area: tuple[colours.Real, colours.Real],
) -> list[Place]:
    """Places for clutter, anywhere across the image, in ranges of y and of area."""
    d = c.dice
    places = []
    for _ in range(d.count(*count)):
        name, foot = d.pick(names), d.between(*y)
        scale = _scale(name, d.between(*area), 0.5, foot - 0.03)
        places.append(Place(foot, d.between(0.02, 0.98), scale, name))
    return places


def _landscape(c: canvas.Canvas, name: str, cast: list[str]):
    """Paints a scene in the open air."""
    d = c.dice
    afloat = [member for member in cast if member in AFLOAT]
    if "canoe" in afloat and d.chance(0.5):
        afloat = []
    water = bool(afloat) or name in ("harbour", "beach") or d.chance(0.3)
    horizon, shore = backgrounds.landscape(c, water)
    aloft = _strew(c, ("cloud",), (0, 3), (0.1, horizon - 0.02), (0.006, 0.035))
    aloft += _strew(c, ("sun",), (0, 1), (0.15, horizon), (0.004, 0.016))
    for place in aloft:
        _draw(c, place, shadow=False)
    backgrounds.skyline(c, horizon)
    backgrounds.ground(c, name, horizon, shore)
    places = []
    for place in _spread(c, d.shuffled(cast), shore + 0.3 * (1 - shore), 0.94):
        if place.name in afloat:
            y = d.between(horizon + 0.4 * (shore - horizon), shore)
            place = place._replace(y=y, scale=0.9 * place.scale)
        places.append(place)
    places += _strew(c, _BACK, (0, 3), (shore + 0.01, shore + 0.12), (0.008, 0.045))
    places += _strew(c, _FRONT, (0, 3), (0.8, 0.98), (0.004, 0.016))
    for place in sorted(places):
        _draw(c, place, shadow=place.name not in afloat)


def _room(c: canvas.Canvas, cast: list[str]):
    """Paints a scene indoors."""
    d = c.dice
    skirting = backgrounds.room(c)
    hung = _strew(c, _WALL, (1, 3), (0.28, skirting - 0.06), (0.012, 0.06))
    hung += _strew(c, ("rug",), (0, 1), (0.95, 0.99), (0.05, 0.13))
    for place in hung:
        _draw(c, place, shadow=False)
    places = _spread(c, d.shuffled(cast), skirting + 0.06, 0.95)
    places += _strew(
        c, _FLOOR, (0, 2), (skirting + 0.02, skirting + 0.1), (0.01, 0.035)
    )
    places += _strew(c, _FLOOR, (0, 2), (0.86, 0.99), (0.005, 0.018))
    for place in sorted(places):
        _draw(c, place)
