"""What every unit of a layer looks for."""

from jaxdissect.experiments.dissect.settings import DissectSettings as Settings

__all__ = ["Settings"]
