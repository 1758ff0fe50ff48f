"""Questions to a dissection: which images show a concept, what fires on a picture."""

from typing import TYPE_CHECKING

from jaxdissect import lazy
from jaxdissect.experiments.query.settings import QuerySettings as Settings

if TYPE_CHECKING:
    from jaxdissect.experiments.query.experiment import Result, run

__all__ = ["Result", "Settings", "run"]
__getattr__ = lazy.attributes(__name__, {"Result": "experiment", "run": "experiment"})
