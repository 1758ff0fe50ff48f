"""What an attack does to the units of a layer."""

from typing import TYPE_CHECKING

from jaxdissect import lazy
from jaxdissect.experiments.attack.settings import AttackSettings as Settings

if TYPE_CHECKING:
    from jaxdissect.experiments.attack.experiment import Result, run

__all__ = ["Result", "Settings", "run"]
__getattr__ = lazy.attributes(__name__, {"Result": "experiment", "run": "experiment"})
