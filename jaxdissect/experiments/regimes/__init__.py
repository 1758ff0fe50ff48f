"""Regularisers side by side: accuracy, robustness, what units look for."""

from jaxdissect.experiments.regimes.settings import RegimesSettings as Settings

__all__ = ["Settings"]
