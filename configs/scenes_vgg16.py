"""The bundled network: a narrow VGG-16 with BatchNorm on the generated scenes.

What it is for: object detectors emerge in a network that is only ever told the class of
a scene, as in Bau et al., Understanding the role of individual units in a deep neural
network, PNAS 2020 (there: VGG-16 on Places365).

    python train.py configs/scenes_vgg16.py

Expected: see docs/bundled_network.md.
"""

from jaxdissect.cli.config import TrainConfig

config = TrainConfig()
