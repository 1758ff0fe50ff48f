"""Scaling the best and the worst units of conv5_3: outputs, weights, weights and bias.

What has been reported of VGG-16 on Places365 (balanced accuracy 76.58 %): halving the
weights of the worst unit, 76.60; dividing them by three, 76.02; without intervals, and
with units chosen on the images they were reported on. Here units are chosen on other
images, changes are paired, and random units are the control.

    python ablate.py configs/scale_conv5_3.py
"""

from jaxdissect.experiments import ScaleSettings

config = ScaleSettings(layer="conv5_3")
