"""Block norm against weight decay in AlexNet, with and without BatchNorm, on scenes.

What it is: Table 1 of Varshneya et al., Learning interpretable concept groups in CNNs,
IJCAI 2021, in miniature: generated scenes for Places365, a narrow AlexNet, and scores
on the scenes' own concepts under the conventions of CVPR 2017.

    python train.py configs/groups_alexnet.py --quick
    python train.py configs/groups_alexnet.py --together
    python train.py configs/groups_alexnet.py --base.data.name places365_small \
      --base.data.path FOLDER --base.data.num-train None --base.data.num-test None \
      --base.network.width 1.0 --base.network.grid 6 --base.network.hidden 4096 4096 \
      --base.network.dropout 0.5 --base.optim.batch-size 256 --base.schedule 224 90 \
      --base.optim.decay epoch_drops --base.optim.drop-at 30 60 \
      --base.optim.drop-by 10 --base.optim.warmup 0

The last one is close to the paper's own, for those who have Places365 prepared by
tensorflow-datasets in FOLDER; how the paper augmented its images is not known to us.

Expected: docs/training.md has what was measured.
"""

import dataclasses

from jaxdissect.experiments import (
    DataSettings,
    GroupsSettings,
    NetworkSettings,
    OptimSettings,
    TrainSettings,
)

base = TrainSettings(
    network=NetworkSettings(architecture="alexnet", width=0.25, grid=2, hidden=(256,)),
    data=DataSettings(name="scenes", num_train=16000, num_test=1200),
    optim=OptimSettings(optimizer="sgd", lr=0.01, weight_decay=5e-4, batch_size=64),
    schedule=((112, 20),),
)
small = dataclasses.replace(
    base,
    data=dataclasses.replace(base.data, num_train=2800, num_test=560),
    optim=dataclasses.replace(base.optim, batch_size=32),
    schedule=((112, 5),),
)
config = GroupsSettings(base=base, small=small)
