"""Asking one network: scores of units, knock-outs, steps, and pictures of all that."""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdissect import ablation, attacks, gradients, model, networks
from jaxdissect.base import Params
from jaxdissect.data.images import ImageSet
from jaxdissect.experiments.gradients.answers import Answers
from jaxdissect.experiments.gradients.settings import GradientsSettings
from jaxdissect.gradients import ClassGradients
from jaxdissect.metrics import ClassCounts
from jaxdissect.model import Model
from jaxdissect.runs.progress import Progress
from jaxdissect.runs.scores import SCORES
from jaxdissect.streaming import accumulate

NORMS = {"l2": 2.0, "l1": 1.0, "max": math.inf}
MANY = 20
"""Up to so many units go one by one, more in as many steps."""


class Questioned(NamedTuple):
    """A network, the layers asked about and how.

    Attributes:
        config: the settings.
        trained: the network.
        layers: in the network's order.
        ask: (params, images, targets) -> {layer: gradients}, compiled.
        occurring: [K] numbers of the classes that have images; the network may have
            more. All results are of these K.
    """

    config: GradientsSettings
    trained: Model
    layers: tuple[str, ...]
    ask: Any
    occurring: np.ndarray


class Asked(NamedTuple):
    """What a network said.

    Attributes:
        answers: the numbers.
        scores: [n U] of every test image, for its own class.
        targets: [n] classes of the test images, as positions in those that occur.
    """

    answers: Answers
    scores: np.ndarray
    targets: np.ndarray


def questioned(
    config: GradientsSettings,
    trained: Model,
    layers: tuple[str, ...],
    occurring: np.ndarray,
) -> Questioned:
    """A network ready to be asked."""
    score = SCORES[config.score]
    ask = jax.jit(networks.layer_gradients(trained.network, layers, score=score))
    return Questioned(config, trained, layers, ask, occurring)


def ask_all(this: Questioned, images: tuple[ImageSet, ImageSet]) -> Asked:
    """Rank units on the training images, report on the test images."""
    train, test = images
    classes = tuple(this.trained.classes[k] for k in this.occurring)
    scores = class_scores(this, ranked(this, train))
    vectors, targets = image_scores(this, test)
    shapes = model.unit_shapes(this.trained, this.layers)
    answers = Answers(
        classes=classes,
        units=[(layer, u) for layer, shape in shapes.items() for u in range(shape[-1])],
        scores=scores,
        consistency=gradients.consistency(
            centred(vectors), targets, num_classes=len(classes)
        ),
        curves=knocked_out(this, scores, test),
        steps=this.config.steps,
        outcomes=pushed(this, test),
    )
    return Asked(answers, vectors, targets)


def batches(
    images: ImageSet, size: int, label: str, number: int | None = None
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Images in [0, 1] and their classes, under a progress bar; all or some, spread."""
    count = min(number or images.num_images, images.num_images)
    chosen = np.arange(count) * images.num_images // count
    firsts = range(0, count, size)
    for first in Progress().bar(firsts, len(firsts), label):
        pixels, targets = images.read(chosen[first : first + size])
        yield pixels / np.float32(255), targets


def ranked(this: Questioned, images: ImageSet) -> ClassGradients:
    """Every class's gradients at all layers."""
    occurring = jnp.asarray(this.occurring)

    def ask(params: Params, images: jax.Array, positions: jax.Array) -> Any:
        return this.ask(params, images, occurring[positions])

    statistic = gradients.class_gradients(
        ask,
        this.trained.weights.params,
        num_classes=len(occurring),
        order=NORMS[this.config.norm],
    )
    seen = batches(images, this.config.batch_size, "asking")
    return accumulate(statistic, ((x, _positions(this, t)) for x, t in seen))


def class_scores(this: Questioned, found: ClassGradients) -> np.ndarray:
    """[K U] scores of the units of all layers."""
    if this.config.average == "mean_of_norms":
        return np.concatenate([found.mean_scores[name] for name in this.layers], -1)
    return joined_scores(this, found.mean)


def joined_scores(this: Questioned, found: Any) -> np.ndarray:
    """[n U] scores of gradients {layer: [n H W U]}, layer by layer."""
    order = NORMS[this.config.norm]
    scores = [
        np.asarray(gradients.filter_scores(found[name], order=order), np.float64)
        for name in this.layers
    ]
    return np.concatenate(scores, -1)


def image_scores(this: Questioned, images: ImageSet) -> tuple[np.ndarray, np.ndarray]:
    """[n U] every image's scores for its own class, and the classes."""
    params, vectors, targets = this.trained.weights.params, [], []
    for pixels, classes in batches(images, this.config.batch_size, "single images"):
        vectors.append(joined_scores(this, this.ask(params, pixels, classes)))
        targets.append(_positions(this, classes))
    return np.concatenate(vectors), np.concatenate(targets)


def centred(vectors: np.ndarray) -> np.ndarray:
    """Vectors of length 1, less their mean: norms, being positive, are all alike."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    direction = vectors / np.where(length > 0, length, 1)
    return direction - direction.mean(0)


def removal_counts(removed: int) -> list[int]:
    """How many units go: each number up to `MANY`, then about as many steps."""
    spaced = np.rint(np.linspace(0, removed, min(removed, MANY) + 1))
    return np.unique(spaced).astype(int).tolist()


def knocked_out(
    this: Questioned, scores: np.ndarray, images: ImageSet
) -> ablation.RemovalCurves:
    """Answers as units go: strongest first, weakest first, at random."""
    trained, config = this.trained, this.config
    counts = removal_counts(config.removed)
    controls = ablation.random_orders(
        jax.random.key(config.seed), config.random_draws, scores.shape[1]
    )
    orders = ablation.removal_orders(ablation.rank_units(scores.T), controls)
    keeps = np.concatenate([ablation.removal_keeps(order, counts) for order in orders])
    shapes = model.unit_shapes(trained, this.layers)
    units = {layer: shape[-1] for layer, shape in shapes.items()}
    # What comes before the first layer asked about is the same for all edits.
    first = networks.stage_index(trained.network, this.layers[0])
    before, after = trained.network[:first], trained.network[first:]
    params = trained.weights.params
    prepare = jax.jit(lambda params, x: networks.apply(before, params, x))
    statistic = ablation.knockout_counts(
        networks.without_units(after, this.layers),
        params,
        ablation.split_keeps(keeps, units),
        num_classes=len(trained.classes),
    )
    seen = batches(images, config.batch_size, "knocking units out")
    prepared = ((prepare(params, pixels), targets) for pixels, targets in seen)
    answered = accumulate(statistic, prepared)
    of_classes = ClassCounts(*(np.take(c, this.occurring, axis=1) for c in answered))
    return ablation.removal_curves(of_classes, counts)


def pushed(this: Questioned, images: ImageSet) -> attacks.StepOutcomes:
    """What steps along the input gradient come to."""
    trained, config = this.trained, this.config
    # Classes that occur come first, so that only they are aimed at.
    others = np.setdiff1d(np.arange(len(trained.classes)), this.occurring)
    order = np.concatenate([this.occurring, others])
    statistic = attacks.step_outcomes(
        lambda params, x: networks.apply(trained.network, params, x)[:, order],
        trained.weights.params,
        num_classes=len(this.occurring),
        steps=config.steps,
        scaling=config.scaling,
    )
    seen = batches(images, config.batch_size, "pushing images", config.num_pushed)
    return accumulate(
        statistic, ((jnp.asarray(x), _positions(this, t)) for x, t in seen)
    )


def _positions(this: Questioned, targets: np.ndarray) -> np.ndarray:
    """Classes of the network as positions among those that occur."""
    return np.searchsorted(this.occurring, targets)
