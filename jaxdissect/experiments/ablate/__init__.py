"""What removing units does to the classes."""

from jaxdissect.experiments.ablate.settings import AblateSettings as Settings

__all__ = ["Settings"]
