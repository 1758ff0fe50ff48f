"""`train`: config -> scenes, network, optimizer -> checkpoints, metrics, weights."""

import functools
import json
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


class Phase(NamedTuple):
    """Training on images of one size, in pixels, up to a step."""

    size: int
    last_step: int


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
    size, num_classes = config.schedule[-1][0], len(scenes.CLASSES)
    network = build.build_network(config.network, num_classes)
    key = jax.random.key(config.seed)
    params = networks.init(network, key, (size, size, 3))
    run_manifest = outputs.manifest(
        config, scenes=build.scenes_fingerprint(config.scenes.seed, size)
    )
    phases = make_phases(config)
    outputs.check_same_run(config.out, run_manifest)
    config.out.mkdir(parents=True, exist_ok=True)
    outputs.write_json(config.out / "run.json", run_manifest)

    final, accuracy = train(config, network, params, key, phases)
    summary = {
        "test_top1": accuracy,
        "num_test": config.scenes.num_test,
        "steps": int(final.step),
        "parameters": sum(x.size for x in jax.tree.leaves(state.trainable(params))),
        "sha256": weights.digest(final.params),
    }
    provenance = {**run_manifest, "classes": scenes.CLASSES, "summary": summary}
    weights.save(config.out / "weights.safetensors", final.params, provenance)
    outputs.write_json(config.out / "summary.json", summary)
    print(f"top-1 on {config.scenes.num_test} held-out scenes: {accuracy:.1%}")
    print(f"weights: {config.out / 'weights.safetensors'}")


def make_phases(config: TrainConfig) -> list[Phase]:
    """Image sizes and the steps at which they end.

    Raises:
        BadInput: a phase without epochs, or fewer images than a batch.
    """
    per_epoch = loop.steps_per_epoch(config.scenes.num_train, config.optim.batch_size)
    phases, last_step = [], 0
    for size, epochs in config.schedule:
        if epochs < 1:
            raise BadInput(f"`schedule` has {epochs} epochs at size {size}; at least 1")
        last_step += epochs * per_epoch
        phases.append(Phase(size, last_step))
    return phases


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
    with checkpoints.manager(config.out / "checkpoints") as manager:
        start = state.init_state(params, optimizer)
        current = checkpoints.restore_latest(manager, start) or start
        log = MetricsLog(config.out / "metrics.jsonl", int(current.step))
        step = jax.jit(
            partial(step_on_bytes, network, optimizer, key, config.optim.shift)
        )
        for phase in phases:
            if int(current.step) < phase.last_step:
                current = train_phase(
                    config, network, step, current, phase, manager, log
                )
    test = build.render_split(
        config.scenes.seed, "test", config.scenes.num_test, phases[-1].size
    )
    return current, test_accuracy(network, current.params, *test)


def train_phase(
    config: TrainConfig,
    network: networks.Network,
    step: loop.Step,
    current: state.TrainState,
    phase: Phase,
    manager: ocp.CheckpointManager,
    log: MetricsLog,
) -> state.TrainState:
    """Train on images of one size up to the phase's last step."""
    seed, size = config.scenes.seed, phase.size
    images, targets = build.render_split(seed, "train", config.scenes.num_train, size)
    test = build.render_split(seed, "test", config.scenes.num_test, size)
    steps = loop.fit(
        step,
        current,
        images,
        targets,
        seed=config.seed,
        batch_size=config.optim.batch_size,
        num_steps=phase.last_step,
    )
    bar = outputs.progress(
        steps, phase.last_step, f"training at {size} px", initial=int(current.step)
    )
    for current, measured in bar:
        number = int(current.step)
        if number % LOG_EVERY == 0:
            loss, accuracy = float(measured.loss), float(measured.accuracy)
            log.write(step=number, loss=loss, accuracy=accuracy)
            bar.set_postfix(loss=f"{loss:.3f}", refresh=False)
        if number % config.checkpoint_every == 0 or number == phase.last_step:
            top1 = test_accuracy(network, current.params, *test)
            log.write(step=number, size=size, test_top1=top1)
            checkpoints.save(manager, current, top1)
    return current


def test_accuracy(
    network: networks.Network, params: Params, images: np.ndarray, targets: np.ndarray
) -> float:
    """Top-1 on held-out images, with running statistics."""
    predict = _predictor(network)
    counts = loop.evaluate(
        predict,
        params,
        images,
        targets,
        batch_size=100,
        num_classes=len(scenes.CLASSES),
    )
    return metrics.top1(counts).item()


@functools.cache
def _predictor(network: networks.Network):
    # Cached, so that every evaluation of a run shares one compilation.
    return jax.jit(
        lambda params, x: networks.apply(network, params, x / 255.0).argmax(-1)
    )


def step_on_bytes(network, optimizer, key, shift, train_state, images, targets):
    """One training step on uint8 images, augmented on the device."""
    key_step, key_augment = jax.random.split(key)
    key_augment = jax.random.fold_in(key_augment, train_state.step)
    augmented = loop.flip_and_shift(key_augment, images / 255.0, shift=shift)
    return state.train_step(
        partial(networks.train_run, network),
        optimizer,
        train_state,
        key_step,
        augmented,
        jnp.asarray(targets),
    )


def _step_of(line: str) -> float:
    try:
        return json.loads(line)["step"]
    except ValueError:  # the line a kill cut short
        return float("inf")
