"""Training: objective, step, optimizers, the loop over a data set, checkpoints.

In reading order: `objective` (what a step minimises), `step` (and its state),
`optimizers`, `loop` (order of the data, reading ahead), `seeds` (several at once),
`augmentation`, `checkpoints`.
"""

from jaxdissect.training.loop import epoch_order, evaluate, fit, steps_per_epoch
from jaxdissect.training.objective import (
    Objective,
    StepEdits,
    draw_focused,
    evaluate_objective,
    no_edits,
)
from jaxdissect.training.step import (
    StepMetrics,
    TrainState,
    init_state,
    train_step,
    trainable,
    with_trainable,
)

__all__ = [
    "Objective",
    "StepEdits",
    "StepMetrics",
    "TrainState",
    "draw_focused",
    "epoch_order",
    "evaluate",
    "evaluate_objective",
    "fit",
    "init_state",
    "no_edits",
    "steps_per_epoch",
    "train_step",
    "trainable",
    "with_trainable",
]
