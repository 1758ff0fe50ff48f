"""Training: what a step is, the loop over a data set, checkpoints."""

from jaxdissect.training.loop import epoch_order, evaluate, fit, flip_and_shift
from jaxdissect.training.state import (
    StepMetrics,
    TrainState,
    init_state,
    train_step,
    trainable,
    with_trainable,
)

__all__ = [
    "StepMetrics",
    "TrainState",
    "epoch_order",
    "evaluate",
    "fit",
    "flip_and_shift",
    "init_state",
    "train_step",
    "trainable",
    "with_trainable",
]
