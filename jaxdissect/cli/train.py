"""`train`: config -> scenes, network, optimizer -> checkpoints, metrics, weights."""

import json
import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import orbax.checkpoint as ocp

from jaxdissect import metrics, networks, weights
from jaxdissect.base import BadInput, Params
from jaxdissect.cli import build, outputs
from jaxdissect.cli.config import OptimConfig, TrainConfig
from jaxdissect.data import scenes
from jaxdissect.training import checkpoints, loop, state

LOG_EVERY = 5  # steps; reading a metric waits for the device
NUM_CLASSES = len(scenes.CLASSES)


class Phase(NamedTuple):
    """Training on images of one size, in pixels, up to a step."""

    size: int
    last_step: int


class Trainer(NamedTuple):
    """What stays the same from phase to phase."""

    config: TrainConfig
    step: loop.Step
    predict: Callable[[Params, np.ndarray], jax.Array]
    manager: ocp.CheckpointManager
    log: "MetricsLog"


class MetricsLog:
    """A JSONL file of metrics that a resumed run continues without repeats."""

    def __init__(self, path: Path, step: int):
        lines = path.read_text().splitlines() if path.exists() else []
        kept = [line for line in lines if _step_of(line) <= step]
        path.write_text("".join(line + "\n" for line in kept))
        self.path = path

    def write(self, **values) -> None:
        """Append one line."""
        with self.path.open("a") as file:
            file.write(json.dumps(values) + "\n")


def run(config: TrainConfig) -> None:
    """Train, or go on from the latest checkpoint in `config.out`."""
    build.use_compilation_cache()
    check(config)
    phases = make_phases(config)
    network = build.build_network(config.network, NUM_CLASSES)
    key = jax.random.key(config.seed)
    params = initial_params(key, network, phases)
    manifest = outputs.manifest(
        config, scenes=build.scenes_fingerprint(config.scenes.seed, phases[-1].size)
    )
    outputs.check_same_run(config.out, manifest)
    config.out.mkdir(parents=True, exist_ok=True)
    outputs.write_json(config.out / "run.json", manifest)

    final, accuracy = train(config, network, params, key, phases)
    summary = {
        "test_top1": accuracy,
        "num_test": config.scenes.num_test,
        "steps": int(final.step),
        "parameters": sum(x.size for x in jax.tree.leaves(state.trainable(params))),
        "sha256": weights.digest(final.params),
    }
    provenance = {**manifest, "classes": scenes.CLASSES, "summary": summary}
    weights.save(config.out / "weights.safetensors", final.params, provenance)
    outputs.write_json(config.out / "summary.json", summary)
    print(f"top-1 on {config.scenes.num_test} held-out scenes: {accuracy:.1%}")
    print(f"weights: {config.out / 'weights.safetensors'}")


def check(config: TrainConfig) -> None:
    """Refuse settings that mean nothing, before anything is written.

    Raises:
        BadInput: naming the setting.
    """
    if not config.schedule:
        raise BadInput("`schedule` is empty; it takes an image size and epochs")
    for size, epochs in config.schedule:
        if size < 1 or epochs < 1:
            raise BadInput(f"`schedule` has ({size}, {epochs}); both must be positive")
    build.check_positive(config.scenes, "num_train", "num_test")
    build.split_indices("train", config.scenes.num_train)
    build.split_indices("test", config.scenes.num_test)
    build.check_positive(config.optim, "batch_size")
    build.check_positive(config, "checkpoint_every")
    if not 0 <= config.optim.warmup < 1:
        raise BadInput(f"`warmup` is {config.optim.warmup}; it must be in [0, 1)")
    if config.optim.shift < 0:
        raise BadInput(f"`shift` is {config.optim.shift}; it must not be negative")


def make_phases(config: TrainConfig) -> list[Phase]:
    """Image sizes and the steps at which they end."""
    per_epoch = loop.steps_per_epoch(config.scenes.num_train, config.optim.batch_size)
    phases, last_step = [], 0
    for size, epochs in config.schedule:
        last_step += epochs * per_epoch
        phases.append(Phase(size, last_step))
    return phases


def initial_params(
    key: jax.Array, network: networks.Network, phases: list[Phase]
) -> Params:
    """Random parameters that fit the images of every phase.

    Raises:
        BadInput: a size the network cannot take.
    """
    size = phases[-1].size
    params = networks.init(key, network, (size, size, 3))
    for phase in phases:
        images = jax.ShapeDtypeStruct((1, phase.size, phase.size, 3), jnp.float32)
        jax.eval_shape(partial(networks.train_run, key, network), params, images)
    return params


def make_optimizer(config: OptimConfig, num_steps: int) -> optax.GradientTransformation:
    """AdamW under a warm-up and cosine schedule."""
    schedule = optax.warmup_cosine_decay_schedule(
        0.0, config.lr, max(1, round(config.warmup * num_steps)), max(2, num_steps)
    )
    return optax.adamw(schedule, weight_decay=config.weight_decay)


def train(
    config: TrainConfig,
    network: networks.Network,
    params: Params,
    key: jax.Array,
    phases: list[Phase],
) -> tuple[state.TrainState, float]:
    """Fit phase by phase with checkpoints and metrics on disk.

    Returns:
        The final state and its test accuracy at the last phase's image size.
    """
    optimizer = make_optimizer(config.optim, phases[-1].last_step)
    step = partial(step_on_bytes, network, optimizer, key, config.optim.shift)
    predict = jax.jit(
        lambda params, x: networks.apply(network, params, x / 255.0).argmax(-1)
    )
    with checkpoints.manager(config.out / "checkpoints") as manager:
        start = state.init_state(params, optimizer)
        current = checkpoints.restore_latest(manager, start) or start
        log = MetricsLog(config.out / "metrics.jsonl", int(current.step))
        trainer = Trainer(config, jax.jit(step), predict, manager, log)
        for phase in phases:
            if int(current.step) < phase.last_step:
                current = train_phase(trainer, current, phase)
    test = build.render_split(
        config.scenes.seed, "test", config.scenes.num_test, phases[-1].size
    )
    return current, test_accuracy(predict, current.params, *test)


def train_phase(
    trainer: Trainer, current: state.TrainState, phase: Phase
) -> state.TrainState:
    """Train on images of one size up to the phase's last step."""
    config = trainer.config
    seed, size, start = config.scenes.seed, phase.size, int(current.step)
    train_set = build.render_split(seed, "train", config.scenes.num_train, size)
    test_set = build.render_split(seed, "test", config.scenes.num_test, size)
    steps = loop.fit(
        trainer.step,
        current,
        *train_set,
        seed=config.seed,
        batch_size=config.optim.batch_size,
        num_steps=phase.last_step,
    )
    bar = outputs.progress(steps, phase.last_step, f"training at {size} px", start)
    for number, (current, measured) in enumerate(bar, start + 1):
        if number % LOG_EVERY == 0:
            loss = log_step(trainer.log, number, measured)
            bar.set_postfix(loss=f"{loss:.3f}", refresh=False)
        if number % config.checkpoint_every == 0 or number == phase.last_step:
            top1 = test_accuracy(trainer.predict, current.params, *test_set)
            trainer.log.write(step=number, size=size, test_top1=top1)
            checkpoints.save(trainer.manager, current, top1)
    return current


def log_step(log: MetricsLog, number: int, measured: state.StepMetrics) -> float:
    """Write a step's metrics; its loss.

    Raises:
        BadInput: the loss is not finite.
    """
    loss, accuracy = float(measured.loss), float(measured.accuracy)
    if not math.isfinite(loss):
        raise BadInput(
            f"the loss is {loss} at step {number}; a lower `optim.lr` may help"
        )
    log.write(step=number, loss=loss, accuracy=accuracy)
    return loss


def test_accuracy(predict, params: Params, images, targets) -> float:
    """Top-1 on held-out images, with running statistics."""
    counts = loop.evaluate(
        predict, params, images, targets, batch_size=100, num_classes=NUM_CLASSES
    )
    return metrics.top1(counts).item()


def step_on_bytes(network, optimizer, key, shift, train_state, images, targets):
    """One training step on uint8 images, augmented on the device."""
    key_step, key_augment = jax.random.split(key)
    key_augment = jax.random.fold_in(key_augment, train_state.step)
    augmented = loop.flip_and_shift(key_augment, images / 255.0, shift=shift)

    def apply(key, params, x):
        return networks.train_run(key, network, params, x)

    return state.train_step(
        key_step, apply, optimizer, train_state, augmented, jnp.asarray(targets)
    )


def _step_of(line: str) -> float:
    try:
        return json.loads(line)["step"]
    except ValueError:  # the line a kill cut short
        return float("inf")
