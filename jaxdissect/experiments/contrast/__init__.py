"""Two dissections side by side."""

from typing import TYPE_CHECKING

from jaxdissect import lazy
from jaxdissect.experiments.contrast.settings import ContrastSettings as Settings

if TYPE_CHECKING:
    from jaxdissect.experiments.contrast.experiment import NamedResult, Result, run

__all__ = ["NamedResult", "Result", "Settings", "run"]
_HOMES = dict.fromkeys(("NamedResult", "Result", "run"), "experiment")
__getattr__ = lazy.attributes(__name__, _HOMES)
