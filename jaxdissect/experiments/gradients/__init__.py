"""What classes ask of units; knocking those out."""

from jaxdissect.experiments.gradients.settings import GradientsSettings as Settings

__all__ = ["Settings"]
