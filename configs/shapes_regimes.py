"""Regularisers side by side where two CPU cores suffice: coloured shapes in 45 classes.

What it is: the experiment of cifar100_regimes.py on data that a network of two
convolutions learns in a minute, so that the trends of robustness can be seen without an
accelerator. Its accuracies say nothing about CIFAR-100.

    python train.py configs/shapes_regimes.py
    python train.py configs/shapes_regimes.py --quick

Expected: docs/training.md has what was measured.
"""

import dataclasses

from jaxdissect.experiments import (
    AugmentSettings,
    DataSettings,
    NetworkSettings,
    OptimSettings,
    RegimesSettings,
    TrainSettings,
)

base = TrainSettings(
    network=NetworkSettings(architecture="shapesnet", width=0.25, batch_norm=False),
    data=DataSettings(name="shapes", num_train=5760, num_test=1440),
    augment=AugmentSettings(mirror=0.5, shift=0),
    optim=OptimSettings(optimizer="sgd", lr=0.1, weight_decay=5e-4, batch_size=32),
    schedule=((32, 10),),
)
small = dataclasses.replace(
    base,
    data=dataclasses.replace(base.data, num_train=2880, num_test=720),
    schedule=((32, 6),),
)
config = RegimesSettings(
    base=base,
    small=small,
    steps=(2 / 255, 4 / 255, 8 / 255, 16 / 255, 32 / 255),
)
