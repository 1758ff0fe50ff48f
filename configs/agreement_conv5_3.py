"""Does the gradient predict what removing a unit of conv5_3 does?

Every unit's prediction gradients, times its activations and by themselves, and what
else is known of it without removing it, ranked against what its removal costs each
class on other images.

    python ablate.py configs/agreement_conv5_3.py
"""

from jaxdissect.experiments import AgreementSettings

config = AgreementSettings(layer="conv5_3")
