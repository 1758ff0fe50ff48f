"""Choosing images and attacking them, batch by batch, in a way that can be killed."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jax import Array
from jaxtyping import Bool, Int

from jaxdissect import attacks, gradients, model, networks
from jaxdissect.attacks.carlini_wagner import CarliniWagner
from jaxdissect.base import Statistic
from jaxdissect.data import generated
from jaxdissect.data import scene_rendering as scenes
from jaxdissect.errors import BadInput
from jaxdissect.experiments.attack.results import Attacks
from jaxdissect.experiments.attack.settings import AttackSettings
from jaxdissect.model import Model
from jaxdissect.runs.progress import Progress

LOOKED_AT = 10
"""Scenes looked at for each image wanted, at most."""


class Pairs(NamedTuple):
    """Which image is attacked towards which class.

    Attributes:
        scenes: [P] numbers of the images.
        true: [P] their classes.
        sources: [P] what they are taken for.
        targets: [P] what they are to be taken for.
        is_shown: [P] whether a picture of it is drawn.
    """

    scenes: Int[np.ndarray, "P"]
    true: Int[np.ndarray, "P"]
    sources: Int[np.ndarray, "P"]
    targets: Int[np.ndarray, "P"]
    is_shown: Bool[np.ndarray, "P"]


def choose(
    config: AttackSettings, trained: Model, split: str, targets: Sequence[int]
) -> Pairs:
    """For every target the first images that neither are nor are taken for it.

    Args:
        config: how many.
        trained: the network.
        split: scenes to choose from, other than those units were ranked on.
        targets: classes aimed at.

    Raises:
        BadInput: too few of the scenes looked at will do, or the layer's activations
            are not finite.
    """
    aims = np.array(targets)
    indices, true, taken = _looked_at(config, trained, split, aims)
    will_do = _will_do(true, taken, aims)
    if will_do.sum(0).min() < config.num_images:
        few = int(will_do.sum(0).argmin())
        raise BadInput(
            f"`num_images` is {config.num_images}; of the first {len(true)} scenes "
            f"only {will_do.sum(0)[few]} neither are nor are taken for "
            f"{trained.classes[aims[few]]!r}"
        )
    chosen = [np.flatnonzero(column)[: config.num_images] for column in will_do.T]
    rows = np.concatenate(chosen)
    # One image of every target, each another one, then further ones.
    order = np.arange(config.num_images) - np.arange(len(aims))[:, None]
    turns = (order % config.num_images).ravel()
    shown = np.argsort(turns, kind="stable")[: config.num_shown]
    return Pairs(
        scenes=indices[rows],
        true=true[rows],
        sources=taken[rows],
        targets=aims.repeat(config.num_images),
        is_shown=np.isin(np.arange(len(rows)), shown),
    )


def _looked_at(
    config: AttackSettings, trained: Model, split: str, aims: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scenes, their classes, and what they are taken for, until enough will do."""
    num_scenes = LOOKED_AT * config.num_images
    indices = generated.split_indices(split, num_scenes)
    forward = model.forward_to(trained.network, (config.layer, "logits"))
    true, taken = np.zeros(0, int), np.zeros(0, int)
    for start in range(0, num_scenes, config.batch_size):
        part = indices[start : start + config.batch_size]
        batch = scenes.render(config.seed, part, size=trained.image_size)
        logits = forward(trained.weights.params, batch.images)["logits"]
        true = np.concatenate([true, batch.targets])
        taken = np.concatenate([taken, np.asarray(logits.argmax(-1))])
        if _will_do(true, taken, aims).sum(0).min() >= config.num_images:
            break
    return np.array(indices), true, taken


def _will_do(true: np.ndarray, taken: np.ndarray, aims: np.ndarray) -> np.ndarray:
    return (true[:, None] != aims) & (taken[:, None] != aims)


def settings_of(config: AttackSettings) -> CarliniWagner:
    """The preset, with what replaces its parts."""
    preset = {"light": attacks.LIGHT, "original": attacks.ORIGINAL}[config.preset]
    given = {"steps": config.steps, "searches": config.searches}
    return preset._replace(
        confidence=config.confidence,
        **{name: value for name, value in given.items() if value is not None},
    )


def attack(
    config: AttackSettings, trained: Model, pairs: Pairs, progress: Progress
) -> Attacks:
    """Attack every pair; what is done is written down after each batch.

    Args:
        config: of the attack.
        trained: the network.
        pairs: what to attack.
        progress: how far it is.
    """
    size = config.batch_size
    starts = range(0, len(pairs.scenes), size)

    def batch(number: int) -> tuple[Any, ...]:
        chosen = slice(starts[number], starts[number] + size)
        part = Pairs(*(field[chosen] for field in pairs))
        return rendered(config, trained, part), part

    found = progress.accumulate(
        _together(measurement(config, trained)),
        batch,
        len(starts),
        "attacking",
        seconds=0.0,
    )
    known = pairs._asdict()
    return Attacks(**{name: found.get(name, known.get(name)) for name in _FIELDS})


_FIELDS = Attacks._fields


def rendered(config: AttackSettings, trained: Model, pairs: Pairs) -> np.ndarray:
    """The images of pairs, in [0, 1]."""
    numbers = pairs.scenes.tolist()
    drawn = scenes.render(config.seed, numbers, size=trained.image_size)
    return drawn.images / np.float32(255)


def measurement(
    config: AttackSettings, trained: Model
) -> Callable[[np.ndarray, Pairs], dict[str, np.ndarray]]:
    """(images, pairs) -> what attacking them gives, by name of `Attacks`."""
    network, params, settings = (
        trained.network,
        trained.weights.params,
        settings_of(config),
    )

    def tail(params, images) -> Array:
        return networks.apply(network, params, images)

    seen = jax.jit(networks.taps(network, (config.layer, "logits")))

    @jax.jit
    def log_gradients(params, images, classes) -> Array:
        # Of the logarithm, whose sign is the probability's and does not underflow.
        score = gradients.log_probabilities
        return gradients.prediction_gradient(tail, params, images, classes, score=score)

    def stepped(images, classes, sign: int) -> list[np.ndarray]:
        uphill = sign * log_gradients(params, images, classes)
        moved = [
            attacks.gradient_step(images, uphill, step=step, scaling="sign")
            for step in config.pixel_steps
        ]
        return [np.asarray(seen(params, x)["logits"].argmax(-1)) for x in moved]

    def measure(images: np.ndarray, pairs: Pairs) -> dict[str, np.ndarray]:
        with jax.default_matmul_precision("highest"):
            found = attacks.carlini_wagner(
                tail, params, images, pairs.targets, settings=settings
            )
            before, after = seen(params, images), seen(params, found.images)
            coarse = np.rint(255 * found.images) / np.float32(255)
            steps = [
                stepped(images, pairs.sources, -1),
                stepped(images, pairs.targets, 1),
            ]
            changes = attacks.peak_changes(before[config.layer], after[config.layer])
            answers = seen(params, coarse)["logits"].argmax(-1)
        return {
            "success": found.success,
            "distance": found.distance,
            "largest": np.abs(found.images - images).max((1, 2, 3)),
            "rounded": np.asarray(answers) == pairs.targets,
            "changes": np.asarray(changes),
            "stepped": np.array(steps).transpose(2, 0, 1),
            "images": found.images[pairs.is_shown],
        }

    return measure


def _together(measure: Callable[..., dict[str, np.ndarray]]) -> Statistic:
    def merge(first, second):
        return jax.tree.map(lambda a, b: np.concatenate([a, b]), first, second)

    return Statistic(measure, merge, lambda found: found)
