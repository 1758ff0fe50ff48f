"""What classes ask of units; knocking those out."""

from typing import TYPE_CHECKING

from jaxdissect import lazy
from jaxdissect.experiments.gradients.settings import GradientsSettings as Settings

if TYPE_CHECKING:
    from jaxdissect.experiments.gradients.experiment import (
        Result,
        check,
        facts,
        open_images,
        run,
    )
    from jaxdissect.experiments.gradients.figures import knockout_figure, steps_figure
    from jaxdissect.experiments.gradients.tables import (
        ORDERS,
        SIZES,
        Areas,
        areas,
        errors,
        shares,
    )

_HOMES = {
    **dict.fromkeys(("Result", "check", "facts", "open_images", "run"), "experiment"),
    **dict.fromkeys(("knockout_figure", "steps_figure"), "figures"),
    **dict.fromkeys(
        ("ORDERS", "SIZES", "Areas", "areas", "errors", "shares"), "tables"
    ),
}
__all__ = [
    "ORDERS",
    "SIZES",
    "Areas",
    "Result",
    "Settings",
    "areas",
    "check",
    "errors",
    "facts",
    "knockout_figure",
    "open_images",
    "run",
    "shares",
    "steps_figure",
]
__getattr__ = lazy.attributes(__name__, _HOMES)
