"""Images changed a little so that a network errs, and what that does to its units.

White-box where the network is the one under attack; where the gradients are those of
another network, the attack is one by transfer.
"""

from jaxdissect.attacks.bounds import Bounds
from jaxdissect.attacks.carlini_wagner import (
    LIGHT,
    ORIGINAL,
    Attacked,
    CarliniWagner,
    carlini_wagner,
)
from jaxdissect.attacks.goals import away_from, towards
from jaxdissect.attacks.outcomes import StepOutcomes, step_outcomes
from jaxdissect.attacks.peaks import RoleChanges, peak_changes, role_changes
from jaxdissect.attacks.steps import fgsm, gradient_step

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
