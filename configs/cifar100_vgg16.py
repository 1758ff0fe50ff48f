"""VGG-16 on CIFAR-100 as in the thesis whose Table 2 compares four regularisers.

What it is: VGG-16 with BatchNorm and a single linear layer as head (14,774,436
parameters), SGD with momentum .9 and weight decay 5e-4, a cosine of period 200 epochs
that training leaves after 150, crops of 32 from 40 and mirroring. An epoch has 390
whole batches; the 80 images left over wait for the next epoch's order.

    python train.py configs/cifar100_vgg16.py --data.path FOLDER

where FOLDER holds the official cifar-100-binary or cifar-100-python; without it,
tensorflow-datasets downloads CIFAR-100. For an accelerator: two CPU cores take days.

Expected: 72.3 % test accuracy in the source (one run, the best epoch).
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
        hidden=(),
        mean=(0.4914, 0.4822, 0.4465),
        std=(0.2023, 0.1994, 0.2010),
    ),
    data=DataSettings(name="cifar100"),
    augment=AugmentSettings(shift=4, border="zeros"),
    optim=OptimSettings(
        optimizer="sgd",
        lr=0.01,
        weight_decay=5e-4,
        decay="epoch_cosine",
        period=200,
        batch_size=128,
    ),
    schedule=((32, 150),),
    out=Path("runs/cifar100_vgg16"),
)
