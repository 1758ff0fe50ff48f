"""Importance of single units in twelve AlexNets: BatchNorm, dropout, rotated axes.

The claims of Zhou et al., Revisiting the importance of individual units in CNNs, 2018,
and of Morcos et al., On the importance of single directions for generalization, ICLR
2018, each found or not found over four regimes and three seeds. Train the networks
first: configs/scenes_alexnet.py says how.

    python ablate.py configs/compare_alexnet.py
"""

from pathlib import Path

from jaxdissect.experiments import CompareSettings

config = CompareSettings(
    trainings=tuple(
        Path(f"runs/alexnet-{norm}-{dropout}-{seed}/weights.safetensors")
        for norm in ("batch-norm", "no-batch-norm")
        for dropout in ("0.0", "0.3")
        for seed in (0, 1, 2)
    ),
    layer="conv5",
    num_rank=2800,
    num_report=2800,
    batch_size=200,
)
