"""The bundled network's recipe in miniature, to see all of training in two minutes.

    python train.py configs/scenes_vgg16_quick.py
    python dissect.py --weights runs/scenes_vgg16_quick/weights.safetensors

Expected: above chance (1 in 14), far from the bundled network.
"""

from pathlib import Path

from jaxdissect.experiments import DataSettings, NetworkSettings, TrainSettings

config = TrainSettings(
    network=NetworkSettings(width=0.125, hidden=(64,)),
    data=DataSettings(num_train=2800, num_test=280),
    schedule=((48, 3), (64, 1)),
    checkpoint_every=87,
    out=Path("runs/scenes_vgg16_quick"),
)
