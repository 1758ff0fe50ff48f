"""Which units speak for a prediction, and where."""

from jaxdissect.experiments.explain.settings import ExplainSettings as Settings

__all__ = ["Settings"]
