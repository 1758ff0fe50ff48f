"""Images changed a little so that a network errs, and what that does to its units.

In reading order: `steps` (one step along a gradient, and its bounds), `outcomes` (what
such steps come to, counted), `carlini_wagner`, `peaks` (what an attack does to units),
`effects` (means over attacks, with intervals and tests).
"""

from jaxdissect.attacks.carlini_wagner import (
    LIGHT,
    ORIGINAL,
    Attacked,
    CarliniWagner,
    carlini_wagner,
)
from jaxdissect.attacks.effects import (
    ALL_TARGETS,
    AttackEffects,
    Attacks,
    RoleEffect,
    StepEffect,
    UnitEffects,
    attack_effects,
    role_effects,
    shares_of_scale,
    signed_role_changes,
    step_effects,
    unit_effects,
)
from jaxdissect.attacks.outcomes import StepOutcomes, step_outcomes
from jaxdissect.attacks.peaks import RoleChanges, peak_changes, role_changes
from jaxdissect.attacks.steps import Bounds, away_from, fgsm, gradient_step, towards

__all__ = [
    "ALL_TARGETS",
    "LIGHT",
    "ORIGINAL",
    "AttackEffects",
    "Attacked",
    "Attacks",
    "Bounds",
    "CarliniWagner",
    "RoleChanges",
    "RoleEffect",
    "StepEffect",
    "StepOutcomes",
    "UnitEffects",
    "attack_effects",
    "away_from",
    "carlini_wagner",
    "fgsm",
    "gradient_step",
    "peak_changes",
    "role_changes",
    "role_effects",
    "shares_of_scale",
    "signed_role_changes",
    "step_effects",
    "step_outcomes",
    "towards",
    "unit_effects",
]
