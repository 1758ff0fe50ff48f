"""x"""

from pathlib import Path

from jaxdissect.cli.config import CompareConfig

config = CompareConfig(
    trainings=tuple(
        Path(f"runs/scenes_alexnet-{norm}-{dropout}-{seed}/weights.safetensors")
        for norm in ("bn", "plain")
        for dropout in ("0.0", "0.3")
        for seed in (0, 1, 2)
    ),
    layer="conv5",
    num_rank=2800,
    num_report=2800,
    batch_size=200,
)
