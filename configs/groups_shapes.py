"""Block norm and receptive-field losses on coloured shapes: is there a square?

What it is: the synthetic experiment of Varshneya et al., Learning interpretable concept
groups in CNNs, IJCAI 2021: a network of two convolutions is told whether there is a
square, and its units are matched with 15 concepts: 3 colours, 3 shapes, 9 coloured
shapes (docs/shapes.md).

    python train.py configs/groups_shapes.py --quick
    python train.py configs/groups_shapes.py --together

Expected: docs/training.md has what was measured; the paper has 9 or 10 unique labels
in conv2 with weight decay, 12 with block norm, 14 with all three terms.
"""

import dataclasses

from jaxdissect.experiments import (
    AugmentSettings,
    DataSettings,
    GroupsSettings,
    NetworkSettings,
    OptimSettings,
    ProtocolSettings,
    TrainSettings,
)

base = TrainSettings(
    network=NetworkSettings(architecture="shapesnet", width=1.0, batch_norm=False),
    data=DataSettings(name="squares"),
    augment=AugmentSettings(mirror=0.5, shift=0),
    optim=OptimSettings(optimizer="sgd", lr=0.05, weight_decay=5e-4, batch_size=64),
    schedule=((64, 30),),
)
small = dataclasses.replace(
    base,
    network=dataclasses.replace(base.network, width=0.25),
    data=dataclasses.replace(base.data, num_train=2880, num_test=720),
    optim=dataclasses.replace(base.optim, batch_size=32),
    schedule=((32, 12),),
)
config = GroupsSettings(
    base=base,
    small=small,
    batch_norm=(False,),
    protocol=ProtocolSettings(preset="cvpr17", min_iou=0.08),
)
