"""`train`: config -> scenes, network, optimizer -> checkpoints, metrics, weights."""

import json
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import optax

from jaxdissect import metrics, networks, weights
from jaxdissect.cli import build, outputs
from jaxdissect.cli.config import OptimConfig, TrainConfig
from jaxdissect.data import scenes
from jaxdissect.training import checkpoints, loop, state

LOG_EVERY = 5  # steps; reading a metric waits for the device


def run(config: TrainConfig) -> None:
    """Train, or go on from the latest checkpoint in `config.out`."""
    build.use_compilation_cache()
    size, num_classes = config.scenes.size, len(scenes.CLASSES)
    network = build.build_network(config.network, num_classes)
    key = jax.random.key(config.seed)
    params = networks.init(network, key, (size, size, 3))
    run_manifest = outputs.manifest(
        config, scenes=build.scenes_fingerprint(config.scenes.seed, size)
    )
    outputs.check_same_run(config.out, run_manifest)
    config.out.mkdir(parents=True, exist_ok=True)
    outputs.write_json(config.out / "run.json", run_manifest)

    num_steps = config.optim.epochs * (
        config.scenes.num_train // config.optim.batch_size
    )
    optimizer = make_optimizer(config.optim, num_steps)
    final, accuracy = train(config, network, optimizer, params, key, num_steps)
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


def make_optimizer(config: OptimConfig, num_steps: int) -> optax.GradientTransformation:
    """AdamW under a warm-up and cosine schedule."""
    schedule = optax.warmup_cosine_decay_schedule(
        0.0, config.lr, max(1, round(config.warmup * num_steps)), max(2, num_steps)
    )
    return optax.adamw(schedule, weight_decay=config.weight_decay)


def train(
    config: TrainConfig,
    network: networks.Network,
    optimizer: optax.GradientTransformation,
    params,
    key: jax.Array,
    num_steps: int,
) -> tuple[state.TrainState, float]:
    """Fit with checkpoints and metrics on disk; the final state and test accuracy."""
    images, targets = build.render_split(
        config.scenes.seed, "train", config.scenes.num_train, config.scenes.size
    )
    test = build.render_split(
        config.scenes.seed, "test", config.scenes.num_test, config.scenes.size
    )
    predict = jax.jit(
        lambda params, x: networks.apply(network, params, x / 255.0).argmax(-1)
    )

    def test_accuracy(params) -> float:
        counts = loop.evaluate(
            predict, params, *test, batch_size=100, num_classes=len(scenes.CLASSES)
        )
        return float(metrics.top1(counts))

    step = jax.jit(partial(step_on_bytes, network, optimizer, key, config.optim.shift))
    with checkpoints.manager(config.out / "checkpoints") as manager:
        start = state.init_state(params, optimizer)
        current = checkpoints.restore_latest(manager, start) or start
        log = MetricsLog(config.out / "metrics.jsonl", int(current.step))
        steps = loop.fit(
            step,
            current,
            images,
            targets,
            seed=config.seed,
            batch_size=config.optim.batch_size,
            num_steps=num_steps,
        )
        bar = outputs.progress(steps, num_steps, "training", initial=int(current.step))
        for current, measured in bar:
            number = int(current.step)
            if number % LOG_EVERY == 0:
                log.write(
                    step=number, **{k: float(v) for k, v in measured._asdict().items()}
                )
                bar.set_postfix(loss=f"{float(measured.loss):.3f}", refresh=False)
            if number % config.checkpoint_every == 0 or number == num_steps:
                accuracy = test_accuracy(current.params)
                log.write(step=number, test_top1=accuracy)
                checkpoints.save(manager, current, accuracy)
    return current, test_accuracy(current.params)


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


def _step_of(line: str) -> float:
    try:
        return json.loads(line)["step"]
    except ValueError:  # the line a kill cut short
        return float("inf")
