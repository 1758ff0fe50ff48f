"""From settings to a training: checked, before anything is written."""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxdissect import model, networks, weights
from jaxdissect.base import Params
from jaxdissect.data import scene_rendering as scenes
from jaxdissect.errors import BadInput
from jaxdissect.experiments.train import dissecting, metrics_log, objectives
from jaxdissect.experiments.train.settings import TrainSettings
from jaxdissect.networks import architectures
from jaxdissect.runs import datasets, outputs, subjects
from jaxdissect.runs.progress import Progress
from jaxdissect.settings import NetworkSettings, SubjectSettings
from jaxdissect.training import Objective, evaluate_objective, loop

Tell = Callable[[str], None]
"""What is done with a sentence for who watches: printed, or nothing."""


def untold(sentence: str) -> None:
    """For runs without prints."""
    del sentence


class Phase(NamedTuple):
    """Training on images of one size, in pixels, up to a step."""

    size: int
    last_step: int


class Plan(NamedTuple):
    """What settings come to.

    Attributes:
        settings: of the run, with the network it starts from.
        source: the images.
        network: the table of stages.
        objective: what its steps minimise.
        optimizer: how they change the weights.
        phases: image sizes, in order.
        seeds: of the trainings that run side by side.
        folders: of each seed.
        steps_per_epoch: whole batches of training images.
        start: parameters that do not start at random, {stage: variables}.
        progress: for bars.
        tell: what is done with sentences.
    """

    settings: TrainSettings
    source: datasets.Source
    network: networks.Network
    objective: Objective
    optimizer: optax.GradientTransformation
    phases: tuple[Phase, ...]
    seeds: tuple[int, ...]
    folders: tuple[Path, ...]
    steps_per_epoch: int
    start: Params
    progress: Progress
    tell: Tell

    @property
    def record(self) -> dict[str, Any]:
        """What makes it the same training."""
        return outputs.manifest(
            self.settings,
            data=self.source.fingerprint,
            left_out=dict(self.source.left_out),
            **({"start": weights.digest(self.start)} if self.start else {}),
        )


def make_plan(
    settings: TrainSettings,
    images: datasets.Source | None = None,
    *,
    progress: Progress | None = None,
    tell: Tell = print,
) -> Plan:
    """Everything settings say, checked, before anything is written.

    Raises:
        BadInput: naming the setting.
    """
    check(settings)
    begun = started(settings, tell)
    settings = begun.settings
    sizes = tuple(size for size, _ in settings.schedule)
    progress = Progress() if progress is None else progress
    source = images or datasets.open_source(settings.data, sizes, progress)
    per_epoch = loop.steps_per_epoch(source.num_train, settings.optim.batch_size)
    last_steps = per_epoch * np.cumsum([epochs for _, epochs in settings.schedule])
    numbers = tuple(range(settings.seed, settings.seed + settings.num_seeds))
    network = architectures.build_network(settings.network, len(source.classes))
    start = start_params(begun, network, sizes[-1], tell)
    dissecting.make_watch(settings, network, sizes[-1])
    plan = Plan(
        settings,
        source,
        network,
        objective=objectives.make_objective(
            network, settings.network, settings.regularize, settings.optim.precision
        ),
        optimizer=objectives.make_optimizer(
            settings.optim, num_steps=int(last_steps[-1]), steps_per_epoch=per_epoch
        ),
        phases=tuple(map(Phase, sizes, last_steps.tolist())),
        seeds=numbers,
        folders=tuple(folder_of(settings, seed) for seed in numbers),
        steps_per_epoch=per_epoch,
        start=start,
        progress=progress,
        tell=tell,
    )
    check_fits(plan)
    return plan


def folder_of(settings: TrainSettings, seed: int) -> Path:
    """Where a seed's files are: in a folder of its own where there are several."""
    return settings.out / f"seed-{seed}" if settings.num_seeds > 1 else settings.out


def check(settings: TrainSettings) -> None:
    """Refuse settings that mean nothing.

    Raises:
        BadInput: naming the setting.
    """
    focused, optim = settings.regularize.focused_dropout, settings.optim
    if optim.parts > 1 and focused.rate and focused.mode == "per_element":
        raise BadInput(
            f"`parts` is {optim.parts}; focused_dropout's mode per_element acts "
            "on a share of every batch, which must come in one part"
        )
    if optim.batch_size % optim.parts:
        raise BadInput(
            f"`parts` is {optim.parts}; it must divide `batch_size`, {optim.batch_size}"
        )
    if settings.tensorboard:
        metrics_log.summary_writer()
    last = sum(epochs for _, epochs in settings.schedule)
    for epoch in settings.watch.epochs:
        if not 1 <= epoch <= last:
            raise BadInput(f"`watch.epochs` has {epoch}; there are epochs 1 to {last}")
    smallest = min(size for size, _ in settings.schedule)
    if settings.watch.epochs and smallest < scenes.MIN_SIZE:
        raise BadInput(
            f"`watch.epochs` needs images of at least {scenes.MIN_SIZE} pixels; "
            f"`schedule` has {smallest}"
        )


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

    key, size = jax.random.key(0), plan.phases[-1].size
    init = partial(networks.init, network=plan.network, image_shape=(size, size, 3))
    params = jax.eval_shape(init, key)
    check_memory(sum(leaf.size for leaf in jax.tree.leaves(params)))
    for phase in plan.phases:
        images = jax.ShapeDtypeStruct((2, phase.size, phase.size, 3), jnp.float32)
        jax.eval_shape(measured, key, params, images)


def check_memory(num_parameters: int) -> None:
    """Refuse a network whose parameters and gradients this machine cannot hold."""
    needed = 8 * num_parameters
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > there:
        raise BadInput(
            f"`network` has {num_parameters:.2g} parameters, which take "
            f"{needed / 2**30:.0f} GiB with their gradients; this machine has "
            f"{there / 2**30:.0f} GiB"
        )


class Started(NamedTuple):
    """Settings with the network a training starts from, and its parameters."""

    settings: TrainSettings
    params: Params


def started(settings: TrainSettings, tell: Tell = print) -> Started:
    """The settings with the network of their `weights`; without any, as they are.

    Raises:
        BadInput: weights that cannot be read, or settings of another network.
    """
    given = settings.preprocessing
    if settings.weights is None:
        model.refuse_preprocessing(given, "there are no `weights` it could be of")
        return Started(settings, {})
    subject = SubjectSettings(settings.weights, None, given)
    trained = subjects.load(subject, tell=tell)
    network = architectures.network_config(trained.weights.metadata)
    if settings.network not in (NetworkSettings(), network):
        raise BadInput(
            f"`network` is given as well as `weights`, which are of a network with "
            f"other settings, {network}"
        )
    return Started(replace(settings, network=network), trained.params)


def start_params(
    begun: Started, network: networks.Network, size: int, tell: Tell = print
) -> Params:
    """The parameters that the network starts from, {stage: variables}.

    Those of the last layer are left out if it has other classes.

    Args:
        begun: from `started`.
        network: built from its settings, for the classes of the data.
        size: of the images, in pixels.
        tell: that the last layer is left out.

    Raises:
        BadInput: any other layer has another shape, as when images are too large for
            what is fully connected.
    """
    if not begun.params:
        return {}
    expected = jax.eval_shape(
        lambda key: networks.init(key, network, (size, size, 3)), jax.random.key(0)
    )
    *_, last, _ = networks.layer_names(network)
    kept = dict(begun.params)
    for name, have, want in _mismatches(begun.params, expected):
        if not name.startswith(f"[{last!r}]"):
            raise BadInput(f"`weights` have {name} of shape {have}, not {want}")
        kept.pop(last, None)
    if last not in kept:
        tell(f"{last} starts at random: the weights are for other classes")
    return kept


def _mismatches(params: Any, expected: Any) -> Iterator[tuple[str, Any, Any]]:
    """(name, shape here, shape expected) of what differs; None where it is absent."""
    have, want = (
        {jax.tree_util.keystr(path): leaf.shape for path, leaf in leaves}
        for leaves in map(jax.tree_util.tree_leaves_with_path, (params, expected))
    )
    for name in sorted(have.keys() | want.keys()):
        if have.get(name) != want.get(name):
            yield name, have.get(name), want.get(name)
