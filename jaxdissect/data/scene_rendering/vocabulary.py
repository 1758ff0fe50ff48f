"""The concepts of the generated scenes, by category, and their label numbers."""

from jaxdissect.data.concepts import Concept

CATEGORIES = ("object", "part", "material", "texture", "colour", "scene")

OBJECTS = (
    "lighthouse crane boat parasol sandcastle barn tractor cow bus car|traffic light|"
    "church well house fountain swing bench tent campfire canoe aeroplane|"
    "control tower|windsock train clock stove fridge table bed cupboard lamp sofa "
    "television bookshelf desk|swivel chair|bathtub basin tree bush cloud sun|"
    "lamp post|rock fence person crate flowers sign picture plant rug curtain ball"
)
PARTS = (
    "wall roof door window chimney spire wheel hull sail mast tail wing cabin bucket "
    "canopy pole trunk crown petals stem leg seat|back rest|arm head torso rope flag "
    "water basin flame log lantern signal dial shade base pillow blanket|"
    "bed frame|drawer oven hob handle screen stand worktop book shelf panel mirror "
    "tap jet pot leaves band plate rail opening ray lid gantry light"
)
MATERIALS = "wood brick metal glass fabric foliage stone plaster rubber"
TEXTURES = "striped dotted checkered zigzagged gridded marbled scaly"
COLOURS = "black blue brown grey green orange pink purple red white yellow"
CLASSES = (
    "harbour",
    "beach",
    "farm",
    "street",
    "village",
    "park",
    "camp",
    "airfield",
    "station",
    "kitchen",
    "bedroom",
    "living room",
    "office",
    "bathroom",
)


def _names(text: str) -> tuple[str, ...]:
    """Words separated by blanks; a field between bars is one name of two words."""
    fields = text.split("|")
    names: list[str] = []
    for i, field in enumerate(fields):
        names += [field] if i % 2 else field.split()
    return tuple(names)


NAMES = {
    "object": _names(OBJECTS),
    "part": _names(PARTS),
    "material": _names(MATERIALS),
    "texture": _names(TEXTURES),
    "colour": _names(COLOURS),
    "scene": CLASSES,
}
CONCEPTS = tuple(
    Concept(name, category) for category in CATEGORIES for name in NAMES[category]
)
NUMBER: dict[tuple[str, str], int] = {
    (concept.name, concept.category): number
    for number, concept in enumerate(CONCEPTS, start=1)
}
