"""Fitting a plan: steps, checkpoints, metrics on disk; of one seed or of several."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp

from jaxdissect import metrics, networks
from jaxdissect.base import Params
from jaxdissect.data.images import ImageSet
from jaxdissect.experiments.train import dissecting, metrics_log
from jaxdissect.experiments.train.planning import Phase, Plan
from jaxdissect.experiments.train.settings import AugmentSettings
from jaxdissect.training import augmentation, checkpoints, loop, seeds, step
from jaxdissect.training import step as state

LOG_EVERY = 5  # steps; reading a metric waits for the device
EVALUATION_BATCH = 100


class Trainer(NamedTuple):
    """What stays the same from phase to phase."""

    plan: Plan
    step: loop.Step
    predict: Callable[[Params, np.ndarray], jax.Array]
    manager: ocp.CheckpointManager
    logs: tuple[metrics_log.MetricsLog, ...]
    boards: tuple[metrics_log.Board, ...]


def fit_plan(plan: Plan) -> state.TrainState:
    """Fit phase by phase with checkpoints and metrics on disk; the final state."""
    settings = plan.settings
    keys = jnp.stack([jax.random.key(seed) for seed in plan.seeds])
    params = initial_params(plan, keys)
    predict = jax.jit(
        lambda params, x: networks.apply(plan.network, params, x / 255.0).argmax(-1)
    )
    several = len(plan.seeds) > 1
    init = partial(state.init_state, optimizer=plan.optimizer)
    start = (jax.vmap(init) if several else init)(params)
    # Checkpoints come after their metrics, so a log that ends before one is damaged.
    logged = min(metrics_log.last_sound_step(f / "metrics.jsonl") for f in plan.folders)
    folder = settings.out / "checkpoints"
    with checkpoints.manager(folder, tell=plan.tell) as manager:
        current = checkpoints.restore_latest(
            manager, start, last_step=logged, tell=plan.tell
        )
        current = start if current is None else current
        done = steps_taken(current)
        logs = tuple(
            metrics_log.MetricsLog(f / "metrics.jsonl", done) for f in plan.folders
        )
        boards = tuple(
            metrics_log.open_board(f / "tensorboard", done)
            if settings.tensorboard
            else metrics_log.NO_BOARD
            for f in plan.folders
        )
        trainer = Trainer(plan, make_step(plan, keys), predict, manager, logs, boards)
        for phase in plan.phases:
            if steps_taken(current) < phase.last_step:
                current = train_phase(trainer, current, phase)
        for board in boards:
            board.close()
    return current


def steps_taken(current: state.TrainState) -> int:
    """Steps a state, or all states of several seeds, have behind them."""
    return int(jnp.ravel(current.step)[0])


def train_phase(
    trainer: Trainer, current: state.TrainState, phase: Phase
) -> state.TrainState:
    """Train on images of one size up to the phase's last step."""
    plan = trainer.plan
    every = plan.settings.checkpoint_every or plan.steps_per_epoch
    start = steps_taken(current)
    train_set, test_set = plan.source.at(phase.size)
    watch = dissecting.make_watch(plan.settings, plan.network, phase.size)
    steps = fit(trainer, current, train_set, start, phase.last_step)
    bar = plan.progress.bar(
        steps, phase.last_step, f"training at {phase.size} px", start
    )
    since_log: list[state.StepMetrics] = []
    since_checkpoint: list[state.StepMetrics] = []
    for number, (current, measured) in enumerate(bar, start + 1):
        since_log.append(measured)
        at_checkpoint = (
            number % every == 0 or number == phase.last_step or number in watched(plan)
        )
        if number % LOG_EVERY == 0 or at_checkpoint:
            fetched = jax.device_get(since_log)
            metrics_log.check_finite(number + 1 - len(fetched), fetched)
            since_checkpoint += fetched
            since_log = []
            if number % LOG_EVERY == 0:
                log_step(trainer, number, fetched[-1])
                bar.set_postfix(loss=f"{fetched[-1].loss.mean():.3f}", refresh=False)
        if at_checkpoint:
            metrics_log.check_finite_params(number, current.params)
            accuracy = log_checkpoint(
                trainer, current, number, phase, since_checkpoint, test_set, watch
            )
            since_checkpoint = []
            checkpoints.save(trainer.manager, current, number, accuracy)
    return current


def watched(plan: Plan) -> list[int]:
    """The steps at which the network is dissected."""
    return [epoch * plan.steps_per_epoch for epoch in plan.settings.watch.epochs]


def fit(
    trainer: Trainer, current: state.TrainState, images: ImageSet, start: int, stop: int
) -> Iterator[tuple[state.TrainState, state.StepMetrics]]:
    """`loop.fit` of one seed or of several."""
    plan = trainer.plan
    shape = (images.num_images, plan.settings.optim.batch_size)
    if len(plan.seeds) == 1:
        order = loop.batch_order(plan.seeds[0], *shape, start=start, stop=stop)
        return loop.fit(trainer.step, current, order, images.read)
    orders = seeds.orders_of_each(plan.seeds, *shape, start=start, stop=stop)
    return loop.fit(trainer.step, current, orders, seeds.read_of_each(images.read))


def log_step(trainer: Trainer, number: int, measured: state.StepMetrics) -> None:
    """Write a step's metrics, of every seed."""
    for n, (log, board) in enumerate(zip(trainer.logs, trainer.boards, strict=True)):
        loss, accuracy, terms = of_seed(trainer.plan, measured, n)
        values = {"loss": float(loss), "accuracy": float(accuracy)}
        if len(terms) > 1:
            values |= {name: float(term) for name, term in terms.items()}
        log.write(step=number, **values)
        for name, value in values.items():
            board.add(f"train/{name}", value, number)


def log_checkpoint(
    trainer: Trainer,
    current: state.TrainState,
    number: int,
    phase: Phase,
    since: Sequence[state.StepMetrics],
    test_set: ImageSet,
    watch: dissecting.Watch,
) -> float:
    """Write accuracies, and what the units look for where asked; the mean accuracy."""
    plan, tops = trainer.plan, []
    epoch = number / plan.steps_per_epoch
    for n, (log, board) in enumerate(zip(trainer.logs, trainer.boards, strict=True)):
        params = of_seed(plan, current.params, n)
        accuracies = [float(of_seed(plan, each.accuracy, n)) for each in since]
        values = {
            "size": phase.size,
            "epoch": round(epoch, 4),
            "train_top1": float(np.mean(accuracies)),
            "test_top1": test_accuracy(trainer.predict, params, test_set),
        }
        if number in watched(plan):
            values |= watch(params)
        log.write(step=number, **values)
        for name in values.keys() - {"size", "epoch"}:
            board.add(f"checkpoint/{name}", values[name], number)
        tops.append(values["test_top1"])
    return float(np.mean(tops))


def test_accuracy(predict, params: Params, images: ImageSet) -> float:
    """Top-1 on held-out images, with running statistics."""
    counts = loop.evaluate(
        predict,
        params,
        images.read,
        num_images=images.num_images,
        batch_size=EVALUATION_BATCH,
        num_classes=len(images.classes),
    )
    return metrics.top1(counts).item()


def initial_params(plan: Plan, keys: jax.Array) -> Params:
    """Parameters of every seed, random but for those the plan starts from."""
    size = plan.phases[-1].size

    def init(key):
        fresh = networks.init(key, plan.network, (size, size, 3))
        return {**fresh, **plan.start}

    return jax.vmap(init)(keys) if len(keys) > 1 else init(keys[0])


def of_seed(plan: Plan, tree: Any, number: int) -> Any:
    """A seed's part of a state or params; all of it where there is one seed."""
    if len(plan.seeds) == 1:
        return tree
    return jax.tree.map(lambda x: x[number], tree)


def make_step(plan: Plan, keys: jax.Array) -> loop.Step:
    """A compiled step of one seed or of several side by side."""
    settings = plan.settings

    def one(key, current, images, targets):
        key_step, key_augment = jax.random.split(key)
        key_augment = jax.random.fold_in(key_augment, current.step)
        images = augmented(key_augment, images / 255.0, settings.augment)
        return step.train_step(
            key_step,
            plan.objective,
            plan.optimizer,
            current,
            images,
            targets,
            num_parts=settings.optim.parts,
        )

    # The key is an argument, not a constant, so that all seeds share one program.
    if len(keys) == 1:
        return partial(jax.jit(one), keys[0])
    return partial(jax.jit(jax.vmap(one)), keys)


def augmented(
    key: jax.Array, images: jax.Array, settings: AugmentSettings
) -> jax.Array:
    """Images as a training step sees them."""
    return augmentation.augment(
        key,
        images,
        mirror=settings.mirror,
        distance=settings.shift,
        border=settings.border,
        degrees=settings.rotation,
        side_light=settings.side_light,
        shadow=settings.shadow,
    )
