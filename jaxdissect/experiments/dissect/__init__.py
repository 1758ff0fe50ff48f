"""What every unit of a layer looks for."""

from typing import TYPE_CHECKING

from jaxdissect import lazy
from jaxdissect.experiments.dissect.settings import DissectSettings as Settings

if TYPE_CHECKING:
    from jaxdissect.experiments.dissect.experiment import (
        LayerResult,
        Result,
        dissect,
        run,
        run_subject,
    )

__all__ = ["LayerResult", "Result", "Settings", "dissect", "run", "run_subject"]
_HOMES = ("LayerResult", "Result", "dissect", "run", "run_subject")
__getattr__ = lazy.attributes(__name__, dict.fromkeys(_HOMES, "experiment"))
