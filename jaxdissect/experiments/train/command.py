"""`train`: config -> data, network, objective -> checkpoints, metrics, weights."""

import os
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdissect import caching, networks, weights
from jaxdissect.data import scene_rendering as scenes
from jaxdissect.errors import BadInput
from jaxdissect.experiments.train import figures as learning_curves
from jaxdissect.experiments.train import (
    metrics_log,
    objectives,
    optimizing,
    starting,
    watching,
)
from jaxdissect.experiments.train.fitting import Phase, Plan, fit_plan, of_seed
from jaxdissect.experiments.train.settings import TrainSettings
from jaxdissect.networks import architectures
from jaxdissect.runs import datasets, locking, outputs, publishing, records, saved_files
from jaxdissect.training import checkpoints, evaluate_objective, loop
from jaxdissect.training import step as state


def run(config: TrainSettings) -> None:
    """Train, or go on from the latest checkpoint in `config.out`."""
    caching.use_compilation_cache()
    plan = make_plan(config)
    if config.data.name == "yale":
        print(f"training and test faces: the split of seed {config.data.seed}")
    manifest = outputs.manifest(
        plan.config,
        data=plan.source.fingerprint,
        left_out=dict(plan.source.left_out),
        **({"start": weights.digest(plan.start)} if plan.start else {}),
    )
    records.check_same_run(config.out, manifest)
    if plan.source.said:
        print(plan.source.said)
    if all(is_finished(folder) for folder in plan.folders):
        print(f"already trained: {config.out}")
        return
    with locking.locked(config.out):
        records.check_no_other_run(config.out, manifest)
        if all(is_finished(folder) for folder in plan.folders):
            print(f"already trained: {config.out}")
        else:
            train(plan, manifest)


def train(plan: Plan, manifest: dict[str, Any]) -> None:
    """Carry a plan out in its folder, from the latest checkpoint there."""
    config = plan.config
    outputs.write_json(config.out / records.NAME, manifest)
    for folder in plan.folders:
        folder.mkdir(exist_ok=True)
    try:
        final = fit_plan(plan)
    except KeyboardInterrupt:
        raise publishing.Interrupted(
            "the same command goes on from the latest checkpoint there is"
        ) from None
    for n, (seed, folder) in enumerate(zip(plan.seeds, plan.folders, strict=True)):
        finish(plan, folder, seed, of_seed(plan, final, n), manifest)
    shutil.rmtree(config.out / "checkpoints" / checkpoints.DAMAGED, ignore_errors=True)


def is_finished(folder: Path) -> bool:
    """Whether a training left everything it leaves.

    Raises:
        BadInput: its weights are damaged.
    """
    file = folder / "weights.safetensors"
    if not (file.exists() and (folder / "summary.json").exists()):
        return False
    with saved_files.advising("delete it, and the same command makes it anew"):
        weights.load(file)
    return True


def make_plan(config: TrainSettings) -> Plan:
    """Everything a config says, checked, before anything is written.

    Raises:
        BadInput: naming the setting.
    """
    check(config)
    started = starting.started(config)
    config = started.config
    sizes = tuple(size for size, _ in config.schedule)
    source = datasets.open_source(config.data, sizes)
    per_epoch = loop.steps_per_epoch(source.num_train, config.optim.batch_size)
    epochs = np.cumsum([epochs for _, epochs in config.schedule]).tolist()
    phases = (Phase(s, e * per_epoch) for s, e in zip(sizes, epochs, strict=True))
    numbers = tuple(range(config.seed, config.seed + config.num_seeds))
    several = config.num_seeds > 1
    folders = [config.out / f"seed-{n}" if several else config.out for n in numbers]
    network = architectures.build_network(config.network, len(source.classes))
    start = starting.fitting(started, network, sizes[-1])
    watching.make_watch(config, network, sizes[-1])
    objective = objectives.make_objective(
        network, config.network, config.regularize, config.optim.precision
    )
    optimizer = optimizing.make_optimizer(
        config.optim, num_steps=epochs[-1] * per_epoch, steps_per_epoch=per_epoch
    )
    plan = Plan(
        config,
        source,
        network,
        objective,
        optimizer,
        tuple(phases),
        numbers,
        tuple(folders),
        per_epoch,
        start,
    )
    check_fits(plan)
    return plan


def check_fits(plan: Plan) -> None:
    """Refuse images too small for the network, and regularisers that do not fit it.

    Raises:
        BadInput: naming what does not fit.
    """

    def measured(key, params, images):
        edits = plan.objective.draw_edits(key, len(images)).edits
        targets = jnp.zeros(len(images), jnp.int32)
        return evaluate_objective(
            key, plan.objective, params, images, targets, edits=edits
        )

    key = jax.random.key(0)
    size = plan.phases[-1].size
    init = partial(networks.init, network=plan.network, image_shape=(size, size, 3))
    params = jax.eval_shape(init, key)
    check_memory(sum(leaf.size for leaf in jax.tree.leaves(params)))
    for phase in plan.phases:
        images = jax.ShapeDtypeStruct((2, phase.size, phase.size, 3), jnp.float32)
        jax.eval_shape(measured, key, params, images)


def check_memory(num_parameters: int) -> None:
    """Refuse a network whose parameters and gradients this machine cannot hold.

    Raises:
        BadInput: with what there is.
    """
    needed = 8 * num_parameters
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > there:
        raise BadInput(
            f"`network` has {num_parameters:.2g} parameters, which take "
            f"{needed / 2**30:.0f} GiB with their gradients; this machine has "
            f"{there / 2**30:.0f} GiB"
        )


def check(config: TrainSettings) -> None:
    """Refuse settings that mean nothing.

    Raises:
        BadInput: naming the setting.
    """
    focused = config.regularize.focused_dropout
    if config.optim.parts > 1 and focused.rate and focused.mode == "per_element":
        raise BadInput(
            f"`parts` is {config.optim.parts}; focused_dropout's mode per_element acts "
            "on a share of every batch, which must come in one part"
        )
    if config.optim.batch_size % config.optim.parts:
        raise BadInput(
            f"`parts` is {config.optim.parts}; it must divide `batch_size`, "
            f"{config.optim.batch_size}"
        )
    if config.tensorboard:
        metrics_log.summary_writer()
    check_watch(config)


def check_watch(config: TrainSettings) -> None:
    """Refuse epochs there are not, and images too small for generated ones.

    Raises:
        BadInput: naming the setting.
    """
    last = sum(epochs for _, epochs in config.schedule)
    for epoch in config.watch.epochs:
        if not 1 <= epoch <= last:
            raise BadInput(f"`watch.epochs` has {epoch}; there are epochs 1 to {last}")
    smallest = min(size for size, _ in config.schedule)
    if config.watch.epochs and smallest < scenes.MIN_SIZE:
        raise BadInput(
            f"`watch.epochs` needs images of at least {scenes.MIN_SIZE} pixels; "
            f"`schedule` has {smallest}"
        )


def finish(
    plan: Plan,
    folder: Path,
    seed: int,
    final: state.TrainState,
    manifest: dict[str, Any],
) -> None:
    """Write weights, summary, table and learning curve of one seed."""
    file = folder / "metrics.jsonl"
    lines = metrics_log.read_metrics(file)
    tested = metrics_log.tested(lines, file)
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
        **({"images": plan.source.said} if plan.source.said else {}),
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
