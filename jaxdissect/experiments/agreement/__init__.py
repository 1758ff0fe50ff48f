"""Whether the gradient predicts what removal does."""

from jaxdissect.experiments.agreement.settings import AgreementSettings as Settings

__all__ = ["Settings"]
