"""Every unit of conv5_3 removed, one at a time and in sets.

Bau et al., PNAS 2020, figure 2: removing the few units most important to a class
(ranked on other images) takes that class away and leaves the rest nearly as they were.

    python ablate.py configs/ablate_conv5_3.py
"""

from jaxdissect.experiments import AblateSettings

config = AblateSettings(layers=("conv5_3",))
