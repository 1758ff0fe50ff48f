"""Single units in several trainings, rotated and not."""

from typing import TYPE_CHECKING

from jaxdissect import lazy
from jaxdissect.experiments.compare.settings import CompareSettings as Settings

if TYPE_CHECKING:
    from jaxdissect.experiments.compare.experiment import Result, run

__all__ = ["Result", "Settings", "run"]
__getattr__ = lazy.attributes(__name__, {"Result": "experiment", "run": "experiment"})
