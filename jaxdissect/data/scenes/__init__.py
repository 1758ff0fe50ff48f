"""Generated scenes with pixel-exact concept labels in the six Broden categories."""

from jaxdissect.data.scenes.rendering import Scenes, render
from jaxdissect.data.scenes.vocabulary import CATEGORIES, CLASSES, CONCEPTS, Concept

__all__ = ["CATEGORIES", "CLASSES", "CONCEPTS", "Concept", "Scenes", "render"]
