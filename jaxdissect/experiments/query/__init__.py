"""Questions to a dissection: which images show a concept, what fires on a picture."""

from jaxdissect.experiments.query.settings import QuerySettings as Settings

__all__ = ["Settings"]
