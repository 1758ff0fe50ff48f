"""VGG-16 on CIFAR-100 with the recipe of the widely used pytorch-cifar100 repository.

What it is: VGG-16 with BatchNorm and the head 4096-4096 with dropout .5 (34.0 million
parameters), SGD with Nesterov's momentum, learning rate .1 divided by 5 at epochs 60,
120 and 160 of 200, one epoch of warm-up, crops, mirroring, rotation up to 15 degrees.

    python train.py configs/cifar100_vgg16_strong.py --data.path FOLDER

where FOLDER holds the official cifar-100-binary or cifar-100-python; without it,
tensorflow-datasets downloads CIFAR-100. For an accelerator: two CPU cores take days.

Expected: 72.9 % test accuracy in that repository's table.
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
        width=1.0,
        hidden=(4096, 4096),
        dropout=0.5,
        mean=(0.5071, 0.4865, 0.4409),
        std=(0.2673, 0.2564, 0.2762),
    ),
    data=DataSettings(name="cifar100"),
    augment=AugmentSettings(shift=4, border="zeros", rotation=15.0),
    optim=OptimSettings(
        optimizer="sgd",
        lr=0.1,
        weight_decay=5e-4,
        nesterov=True,
        decay="epoch_drops",
        drop_at=(60, 120, 160),
        drop_by=5.0,
        warmup=1 / 200,
        batch_size=128,
    ),
    schedule=((32, 200),),
    out=Path("runs/cifar100_vgg16_strong"),
)
