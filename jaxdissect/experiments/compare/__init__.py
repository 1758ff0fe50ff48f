"""Single units in several trainings, rotated and not."""

from jaxdissect.experiments.compare.settings import CompareSettings as Settings

__all__ = ["Settings"]
