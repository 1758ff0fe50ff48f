"""From config to how a training step changes the weights."""

import optax

from jaxdissect.experiments.train.settings import OptimSettings
from jaxdissect.training import optimizers


def make_optimizer(
    config: OptimSettings, *, num_steps: int, steps_per_epoch: int
) -> optax.GradientTransformation:
    """The optimizer with its learning-rate schedule.

    Raises:
        BadInput: naming the setting that is not allowed.
    """
    warmup_steps = round(config.warmup * num_steps)
    if config.decay == "cosine":
        schedule = optimizers.warmup_cosine(
            config.lr, warmup_steps=warmup_steps, num_steps=num_steps
        )
    elif config.decay == "epoch_cosine":
        schedule = optimizers.epoch_cosine(
            config.lr, period=config.period, steps_per_epoch=steps_per_epoch
        )
    else:
        schedule = optimizers.epoch_drops(
            config.lr,
            drop_at=config.drop_at,
            drop_by=config.drop_by,
            warmup_steps=warmup_steps,
            steps_per_epoch=steps_per_epoch,
        )
    if config.optimizer == "adamw":
        return optimizers.adamw(schedule, weight_decay=config.weight_decay)
    return optimizers.sgd(
        schedule,
        momentum=config.momentum,
        nesterov=config.nesterov,
        weight_decay=config.weight_decay,
    )
