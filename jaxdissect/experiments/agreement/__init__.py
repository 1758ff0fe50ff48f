"""Whether the gradient predicts what removal does."""

from typing import TYPE_CHECKING

from jaxdissect import lazy
from jaxdissect.experiments.agreement.settings import AgreementSettings as Settings

if TYPE_CHECKING:
    from jaxdissect.experiments.agreement.experiment import Result, run

__all__ = ["Result", "Settings", "run"]
__getattr__ = lazy.attributes(__name__, {"Result": "experiment", "run": "experiment"})
