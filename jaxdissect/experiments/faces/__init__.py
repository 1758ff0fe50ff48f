"""A small network for each split of the faces, each asked with gradients."""

from jaxdissect.experiments.faces.settings import FacesSettings as Settings

__all__ = ["Settings"]
