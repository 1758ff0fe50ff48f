"""Which units of conv5_3 does an attack move? Asked of the bundled network.

Bau et al., PNAS 2020: an attack moves the units that matter to the class
aimed at and to the class predicted before. Fewer steps than the preset's, so that it
takes minutes; see docs/attacks.md for what that costs.

    python dissect.py configs/attack_scenes.py
"""

from jaxdissect.experiments import AttackSettings

config = AttackSettings(num_images=20, steps=100)
