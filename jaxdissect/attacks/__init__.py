"""Images changed a little so that a network errs, and what that does to its units.

In reading order: `steps` (one step along a gradient, and its bounds), `outcomes` (what
such steps come to, counted), `carlini_wagner`, `peaks` (what an attack does to units).
"""

from jaxdissect.attacks.carlini_wagner import (
    LIGHT,
    ORIGINAL,
    Attacked,
    CarliniWagner,
    carlini_wagner,
)
from jaxdissect.attacks.outcomes import StepOutcomes, step_outcomes
from jaxdissect.attacks.peaks import RoleChanges, peak_changes, role_changes
from jaxdissect.attacks.steps import Bounds, away_from, fgsm, gradient_step, towards

__all__ = [
    "LIGHT",
    "ORIGINAL",
    "Attacked",
    "Bounds",
    "CarliniWagner",
    "RoleChanges",
    "StepOutcomes",
    "away_from",
    "carlini_wagner",
    "fgsm",
    "gradient_step",
    "peak_changes",
    "role_changes",
    "step_outcomes",
    "towards",
]
