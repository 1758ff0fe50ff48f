"""Generated scenes with pixel-exact concept labels in the six Broden categories."""

from jaxdissect.data.scene_rendering.rendering import MIN_SIZE, Scenes, render
from jaxdissect.data.scene_rendering.vocabulary import CATEGORIES, CLASSES, CONCEPTS

__all__ = [
    "CATEGORIES",
    "CLASSES",
    "CONCEPTS",
    "MIN_SIZE",
    "Scenes",
    "render",
]
