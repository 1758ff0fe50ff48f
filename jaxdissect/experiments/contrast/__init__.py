"""Two dissections side by side."""

from jaxdissect.experiments.contrast.settings import ContrastSettings as Settings

__all__ = ["Settings"]
