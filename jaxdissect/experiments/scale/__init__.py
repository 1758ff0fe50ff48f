"""The best and the worst units, scaled."""

from typing import TYPE_CHECKING

from jaxdissect import lazy
from jaxdissect.experiments.scale.settings import ScaleSettings as Settings

if TYPE_CHECKING:
    from jaxdissect.experiments.scale.experiment import Result, run

__all__ = ["Result", "Settings", "run"]
__getattr__ = lazy.attributes(__name__, {"Result": "experiment", "run": "experiment"})
