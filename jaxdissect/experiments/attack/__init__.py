"""What an attack does to the units of a layer."""

from jaxdissect.experiments.attack.settings import AttackSettings as Settings

__all__ = ["Settings"]
