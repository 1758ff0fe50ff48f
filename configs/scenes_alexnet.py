r"""A narrow AlexNet on the generated scenes, with or without BatchNorm and dropout.

What it is for: comparing the importance of single units between regimes and seeds, as
in Zhou et al., Revisiting the importance of individual units in CNNs, 2018.

    python train.py configs/scenes_alexnet.py
    for seed in 0 1 2; do for norm in batch-norm no-batch-norm; do
      for dropout in 0.0 0.3; do
        python train.py configs/scenes_alexnet.py --network.$norm \
          --network.dropout $dropout --seed $seed \
          --out runs/alexnet-$norm-$dropout-$seed
      done; done; done

Expected: 75 to 90 % top-1 on 1,200 held-out scenes after 5,000 steps, four minutes each
on two CPU cores; docs/ablation.md has what `ablate.py configs/compare_alexnet.py` then
finds.
"""

from pathlib import Path

from jaxdissect.experiments import (
    DataSettings,
    NetworkSettings,
    OptimSettings,
    TrainSettings,
)

config = TrainSettings(
    network=NetworkSettings(
        architecture="alexnet", width=0.25, batch_norm=True, grid=2, hidden=(256, 256)
    ),
    data=DataSettings(num_train=16000, num_test=1200),
    optim=OptimSettings(lr=1e-3, batch_size=32),
    schedule=((112, 10),),
    checkpoint_every=500,
    out=Path("runs/alexnet-batch-norm-0.0-0"),
)
