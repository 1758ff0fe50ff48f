"""Training a network."""

from jaxdissect.experiments.train.settings import TrainSettings as Settings

__all__ = ["Settings"]
