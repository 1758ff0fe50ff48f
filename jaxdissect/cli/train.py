"""`train`: config -> data, network, objective -> checkpoints, metrics, weights."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp

from jaxdissect import metrics, networks, weights
from jaxdissect.base import BadInput, Params
from jaxdissect.cli import build, datasets, metrics_log, objectives, outputs, watching
from jaxdissect.cli.config import AugmentConfig, TrainConfig
from jaxdissect.data.images import ImageSet
from jaxdissect.reports import learning_curves
from jaxdissect.training import augmentation, checkpoints, loop, seeds, state, step

LOG_EVERY = 5  # steps; reading a metric waits for the device
EVALUATION_BATCH = 100


class Phase(NamedTuple):
    """Training on images of one size, in pixels, up to a step."""

    size: int
    last_step: int


class Plan(NamedTuple):
    """What a config comes to.

    Attributes:
        config: of the run.
        source: the images.
        network: the table of stages.
        phases: image sizes, in order.
        seeds: of the trainings that run side by side.
        folders: of each seed.
        steps_per_epoch: whole batches of training images.
    """

    config: TrainConfig
    source: datasets.Source
    network: networks.Network
    phases: tuple[Phase, ...]
    seeds: tuple[int, ...]
    folders: tuple[Path, ...]
    steps_per_epoch: int


class Trainer(NamedTuple):
    """What stays the same from phase to phase."""

    plan: Plan
    step: loop.Step
    predict: Callable[[Params, np.ndarray], jax.Array]
    manager: ocp.CheckpointManager
    logs: tuple[metrics_log.MetricsLog, ...]
    boards: tuple[metrics_log.Board, ...]


def run(config: TrainConfig) -> None:
    """Train, or go on from the latest checkpoint in `config.out`."""
    build.use_compilation_cache()
    plan = make_plan(config)
    keys = jnp.stack([jax.random.key(seed) for seed in plan.seeds])
    params = initial_params(keys, plan)
    trainer_parts = make_step(plan, keys)
    manifest = outputs.manifest(config, data=plan.source.fingerprint)
    outputs.check_same_run(config.out, manifest)
    if all((folder / "summary.json").exists() for folder in plan.folders):
        print(f"already trained: {config.out}")
        return
    for folder in plan.folders:
        folder.mkdir(parents=True, exist_ok=True)
    outputs.write_json(config.out / "run.json", manifest)
    final = train(plan, params, *trainer_parts)
    for n, (seed, folder) in enumerate(zip(plan.seeds, plan.folders, strict=True)):
        finish(plan, folder, seed, of_seed(plan, final, n), manifest)


def make_plan(config: TrainConfig) -> Plan:
    """Everything a config says, checked, before anything is written.

    Raises:
        BadInput: naming the setting.
    """
    check(config)
    sizes = tuple(size for size, _ in config.schedule)
    source = datasets.open_source(config.data, sizes)
    per_epoch = loop.steps_per_epoch(source.num_train, config.optim.batch_size)
    epochs = np.cumsum([epochs for _, epochs in config.schedule]).tolist()
    phases = (Phase(s, e * per_epoch) for s, e in zip(sizes, epochs, strict=True))
    numbers = tuple(range(config.seed, config.seed + config.num_seeds))
    several = config.num_seeds > 1
    folders = [config.out / f"seed-{n}" if several else config.out for n in numbers]
    network = build.build_network(config.network, len(source.classes))
    objectives.layers_of(network, config.watch.layers)
    build.check_positive(config.watch, "num_images")
    return Plan(
        config, source, network, tuple(phases), numbers, tuple(folders), per_epoch
    )


def check(config: TrainConfig) -> None:
    """Refuse settings that mean nothing.

    Raises:
        BadInput: naming the setting.
    """
    if not config.schedule:
        raise BadInput("`schedule` is empty; it takes an image size and epochs")
    for size, epochs in config.schedule:
        if size < 1 or epochs < 1:
            raise BadInput(f"`schedule` has ({size}, {epochs}); both must be positive")
    build.check_positive(config.optim, "batch_size", "parts")
    build.check_positive(config, "num_seeds")
    if config.checkpoint_every is not None:
        build.check_positive(config, "checkpoint_every")
    if config.optim.batch_size % config.optim.parts:
        raise BadInput(
            f"`parts` is {config.optim.parts}; it must divide `batch_size`, "
            f"{config.optim.batch_size}"
        )
    if not 0 <= config.optim.warmup < 1:
        raise BadInput(f"`warmup` is {config.optim.warmup}; it must be in [0, 1)")
    if config.augment.shift < 0:
        raise BadInput(f"`shift` is {config.augment.shift}; it must not be negative")


def initial_params(keys: jax.Array, plan: Plan) -> Params:
    """Random parameters of every seed, that fit the images of every phase.

    Raises:
        BadInput: a size the network cannot take.
    """
    size = plan.phases[-1].size

    def init(key):
        return networks.init(key, plan.network, (size, size, 3))

    params = jax.vmap(init)(keys) if len(keys) > 1 else init(keys[0])
    one = of_seed(plan, params, 0)
    for phase in plan.phases:
        images = jax.ShapeDtypeStruct((1, phase.size, phase.size, 3), jnp.float32)
        jax.eval_shape(partial(networks.train_run, keys[0], plan.network), one, images)
    return params


def of_seed(plan: Plan, tree: Any, number: int) -> Any:
    """A seed's part of a state or params; all of it where there is one seed."""
    if len(plan.seeds) == 1:
        return tree
    return jax.tree.map(lambda x: x[number], tree)


def make_step(plan: Plan, keys: jax.Array) -> tuple[Any, loop.Step]:
    """The optimizer, and a compiled step of one seed or of several side by side."""
    config = plan.config
    optimizer = objectives.make_optimizer(
        config.optim,
        num_steps=plan.phases[-1].last_step,
        steps_per_epoch=plan.steps_per_epoch,
    )
    objective = objectives.make_objective(
        plan.network, config.network, config.regularize, config.optim.precision
    )

    def one(key, current, images, targets):
        key_step, key_augment = jax.random.split(key)
        key_augment = jax.random.fold_in(key_augment, current.step)
        images = augmented(key_augment, images / 255.0, config.augment)
        return step.train_step(
            key_step,
            objective,
            optimizer,
            current,
            images,
            targets,
            num_parts=config.optim.parts,
        )

    if len(keys) == 1:
        return optimizer, jax.jit(partial(one, keys[0]))
    return optimizer, jax.jit(partial(jax.vmap(one), keys))


def augmented(key: jax.Array, images: jax.Array, config: AugmentConfig) -> jax.Array:
    """Images as a training step sees them."""
    return augmentation.augment(
        key,
        images,
        mirror=config.mirror,
        distance=config.shift,
        border=config.border,
        degrees=config.rotation,
    )


def train(plan: Plan, params: Params, optimizer, train_step: loop.Step):
    """Fit phase by phase with checkpoints and metrics on disk; the final state."""
    config = plan.config
    predict = jax.jit(
        lambda params, x: networks.apply(plan.network, params, x / 255.0).argmax(-1)
    )
    several = len(plan.seeds) > 1
    init = partial(state.init_state, optimizer=optimizer)
    start = (jax.vmap(init) if several else init)(params)
    with checkpoints.manager(config.out / "checkpoints") as manager:
        current = checkpoints.restore_latest(manager, start) or start
        done = steps_taken(current)
        logs = tuple(
            metrics_log.MetricsLog(f / "metrics.jsonl", done) for f in plan.folders
        )
        boards = tuple(
            metrics_log.open_board(f / "tensorboard", done)
            if config.tensorboard
            else metrics_log.NO_BOARD
            for f in plan.folders
        )
        trainer = Trainer(plan, train_step, predict, manager, logs, boards)
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
    every = plan.config.checkpoint_every or plan.steps_per_epoch
    start = steps_taken(current)
    train_set, test_set = plan.source.at(phase.size)
    watch = watching.make_watch(plan.config, plan.network, phase.size)
    steps = fit(trainer, current, train_set, start, phase.last_step)
    bar = outputs.progress(
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
            accuracy = log_checkpoint(
                trainer, current, number, phase, since_checkpoint, test_set, watch
            )
            since_checkpoint = []
            checkpoints.save(trainer.manager, current, number, accuracy)
    return current


def watched(plan: Plan) -> list[int]:
    """The steps at which the network is dissected."""
    return [epoch * plan.steps_per_epoch for epoch in plan.config.watch.epochs]


def fit(
    trainer: Trainer, current: state.TrainState, images: ImageSet, start: int, stop: int
) -> Iterator[tuple[state.TrainState, state.StepMetrics]]:
    """`loop.fit` of one seed or of several."""
    plan = trainer.plan
    shape = (images.num_images, plan.config.optim.batch_size)
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
    watch: watching.Watch,
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
        board.add("test/top1", values["test_top1"], number)
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


def finish(
    plan: Plan,
    folder: Path,
    seed: int,
    final: state.TrainState,
    manifest: dict[str, Any],
) -> None:
    """Write weights, summary, table and learning curve of one seed."""
    lines = metrics_log.read_metrics(folder / "metrics.jsonl")
    tested = [line for line in lines if "test_top1" in line]
    best = max(tested, key=lambda line: line["test_top1"])
    summary = {
        "test_top1": tested[-1]["test_top1"],
        "best_test_top1": best["test_top1"],
        "best_step": best["step"],
        "train_top1": tested[-1]["train_top1"],
        "steps": int(final.step),
        "parameters": sum(
            x.size for x in jax.tree.leaves(state.trainable(final.params))
        ),
        "sha256": weights.digest(final.params),
    }
    provenance = {
        **manifest,
        "config": {**manifest["config"], "seed": seed, "num_seeds": 1},
        "classes": plan.source.classes,
        "summary": summary,
    }
    weights.save(folder / "weights.safetensors", final.params, provenance)
    metrics_log.write_csv(folder / "metrics.csv", lines)
    learning_curves.save_figure(folder / "learning_curve.png", lines)
    outputs.write_json(folder / "summary.json", summary)
    print(f"top-1 on held-out images: {summary['test_top1']:.1%}")
    print(f"weights: {folder / 'weights.safetensors'}")
