"""The bundled network: a narrow VGG-16 with BatchNorm on the generated scenes.

What it is for: object detectors emerge in a network that is only ever told the class of
a scene, as in Bau et al., Understanding the role of individual units in a deep neural
network, PNAS 2020 (there: VGG-16 on Places365).

    python train.py configs/scenes_vgg16.py

Expected: 99.2 % top-1 on 1,200 held-out scenes after 6,000 steps, about 40 minutes on
two CPU cores; docs/bundled_network.md has the provenance and what the units look for.
"""

from pathlib import Path

from jaxdissect.experiments import (
    AugmentSettings,
    DataSettings,
    NetworkSettings,
    OptimSettings,
    TrainSettings,
)

config = TrainSettings(
    network=NetworkSettings(
        architecture="vgg16",
        width=0.25,
        batch_norm=True,
        grid=1,
        hidden=(256, 256),
        dropout=0.0,
    ),
    data=DataSettings(seed=0, num_train=16000, num_test=1200),
    optim=OptimSettings(lr=1.5e-3, weight_decay=1e-2, batch_size=32, warmup=0.1),
    augment=AugmentSettings(shift=6),
    schedule=((64, 8), (112, 4)),
    seed=0,
    checkpoint_every=250,
    out=Path("runs/scenes_vgg16"),
)
