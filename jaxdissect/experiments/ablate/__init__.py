"""What removing units does to the classes; and what others need of an ablation."""

from typing import TYPE_CHECKING

from jaxdissect import lazy
from jaxdissect.experiments.ablate.settings import AblateSettings as Settings

if TYPE_CHECKING:
    from jaxdissect.experiments.ablate.command import (
        default_out,
        expected_record,
        find_or_make,
    )
    from jaxdissect.experiments.ablate.experiment import (
        Dissected,
        LayerResult,
        Result,
        ablate,
        run,
    )

_HOMES = {
    **dict.fromkeys(("default_out", "expected_record", "find_or_make"), "command"),
    **dict.fromkeys(
        ("Dissected", "LayerResult", "Result", "ablate", "run"), "experiment"
    ),
}
__all__ = [
    "Dissected",
    "LayerResult",
    "Result",
    "Settings",
    "ablate",
    "default_out",
    "expected_record",
    "find_or_make",
    "run",
]
__getattr__ = lazy.attributes(__name__, _HOMES)
