"""A network under several regularisers."""

from typing import TYPE_CHECKING

from jaxdissect import lazy
from jaxdissect.experiments.regimes.settings import RegimesSettings as Settings

if TYPE_CHECKING:
    from jaxdissect.experiments.regimes.experiment import Measured, Result, run

__all__ = ["Measured", "Result", "Settings", "run"]
__getattr__ = lazy.attributes(
    __name__, dict.fromkeys(("Measured", "Result", "run"), "experiment")
)
