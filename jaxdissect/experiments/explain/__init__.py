"""Which units are for a prediction and which against, and where."""

from typing import TYPE_CHECKING

from jaxdissect import lazy
from jaxdissect.experiments.explain.settings import ExplainSettings as Settings

if TYPE_CHECKING:
    from jaxdissect.experiments.explain.experiment import Result, run

__all__ = ["Result", "Settings", "run"]
__getattr__ = lazy.attributes(__name__, {"Result": "experiment", "run": "experiment"})
