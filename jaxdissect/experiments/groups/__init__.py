"""Block norms and losses of receptive fields: how interpretable units become."""

from typing import TYPE_CHECKING

from jaxdissect import lazy
from jaxdissect.experiments.groups.settings import GroupsSettings as Settings

if TYPE_CHECKING:
    from jaxdissect.experiments.groups.experiment import Measured, Result, run

__all__ = ["Measured", "Result", "Settings", "run"]
__getattr__ = lazy.attributes(
    __name__, dict.fromkeys(("Measured", "Result", "run"), "experiment")
)
