"""What the classes of the scenes ask of the units of the bundled VGG-16.

    python dissect.py configs/gradients_scenes.py

Units of conv5_1 to conv5_3 are ranked together on 560 scenes and knocked out on 280
others; 56 of these are pushed towards every other class.
"""

from jaxdissect.experiments import DataSettings, GradientsSettings

config = GradientsSettings(
    data=DataSettings(name="scenes", num_train=560, num_test=280),
    layers=("conv5_1", "conv5_2", "conv5_3"),
    removed=100,
)
