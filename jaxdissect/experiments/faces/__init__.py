"""A small network for each split of the faces, each asked with gradients."""

from typing import TYPE_CHECKING

from jaxdissect import lazy
from jaxdissect.experiments.faces.settings import FacesSettings as Settings

if TYPE_CHECKING:
    from jaxdissect.experiments.faces.experiment import Result, run

__all__ = ["Result", "Settings", "run"]
__getattr__ = lazy.attributes(__name__, {"Result": "experiment", "run": "experiment"})
