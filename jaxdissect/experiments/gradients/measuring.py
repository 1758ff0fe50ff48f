"""Scores of units, knock-outs, steps towards other classes, and single images."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, UInt8

from jaxdissect import ablation, attacks, gradients, model, networks
from jaxdissect.base import Statistic
from jaxdissect.data.images import ImageSet
from jaxdissect.experiments.gradients.settings import GradientsSettings
from jaxdissect.metrics import ClassCounts
from jaxdissect.model import Model
from jaxdissect.pages.pictures import short
from jaxdissect.runs.progress import Progress

NORMS = {"l2": 2.0, "l1": 1.0, "max": math.inf}
MANY = 20
"""Up to so many units go one by one, more in as many steps."""


class Scope(NamedTuple):
    """A network, the layers asked about and how.

    Attributes:
        settings: of the experiment.
        model: the network.
        layers: in the network's order.
        ask: (params, images, targets) -> {layer: gradients [B H W U]}, compiled.
        occurring: [K] numbers of the classes that have images; the network may have
            more. All results are of these K.
        progress: of the run.
    """

    settings: GradientsSettings
    model: Model
    layers: tuple[str, ...]
    ask: Callable[..., Mapping[str, jax.Array]]
    occurring: np.ndarray
    progress: Progress


class Seen(NamedTuple):
    """An image, what units do on it and what classes ask of them there.

    Attributes:
        image: RGB.
        title: such as "subject03, taken for subject03 (p .98)".
        acts: {layer: [H W U]}.
        gradients: {name of the class asked: {layer: [H W U]}}.
    """

    image: UInt8[np.ndarray, "S S 3"]
    title: str
    acts: Mapping[str, Float[np.ndarray, "H W U"]]
    gradients: Mapping[str, Mapping[str, Float[np.ndarray, "H W U"]]]


class Strip(NamedTuple):
    """An image pushed towards a class by larger and larger steps.

    Attributes:
        images: RGB, the unchanged one first.
        captions: one for each.
    """

    images: UInt8[np.ndarray, "n S S 3"]
    captions: Sequence[str]


class Examples(NamedTuple):
    """Single test images, those of a class together.

    Attributes:
        scores: [n U] of each image, for its own class.
        names: [n] of their classes.
        layer: whose maps are compared.
        seen: the first image of each class.
        strips: the same images, pushed towards the class of the next.
    """

    scores: Float[np.ndarray, "n U"]
    names: list[str]
    layer: str
    seen: list[Seen]
    strips: list[Strip]


def units_of(scope: Scope) -> list[tuple[str, int]]:
    """(layer, number) of every unit, layer by layer."""
    shapes = model.unit_shapes(scope.model, scope.layers)
    return [(layer, u) for layer, shape in shapes.items() for u in range(shape[-1])]


def class_scores(scope: Scope, images: ImageSet) -> Float[np.ndarray, "K U"]:
    """What every class asks of the units of all layers."""
    occurring = jnp.asarray(scope.occurring)
    statistic = gradients.class_gradients(
        lambda params, images, k: scope.ask(params, images, occurring[k]),
        scope.model.params,
        num_classes=len(occurring),
        order=NORMS[scope.settings.norm],
    )

    def batch(pixels: np.ndarray, targets: np.ndarray) -> tuple[Any, ...]:
        return pixels, _positions(scope, targets)

    measured = _accumulate(scope, statistic, images, batch, "asking")
    if scope.settings.average == "mean_of_norms":
        return np.concatenate([measured.mean_scores[name] for name in scope.layers], -1)
    return joined_scores(scope, measured.mean)


def joined_scores(scope: Scope, maps: Mapping[str, Any]) -> Float[np.ndarray, "n U"]:
    """Scores of gradients {layer: [n H W U]}, layer by layer."""
    order = NORMS[scope.settings.norm]
    scores = [
        np.asarray(gradients.filter_scores(maps[name], order=order), np.float64)
        for name in scope.layers
    ]
    return np.concatenate(scores, -1)


def image_scores(scope: Scope, images: ImageSet) -> tuple[np.ndarray, np.ndarray]:
    """[n U] every image's scores for its own class, and the classes."""
    vectors, targets = [], []
    for pixels, classes in _batches(scope, images, "single images"):
        maps = scope.ask(scope.model.params, pixels, classes)
        vectors.append(joined_scores(scope, maps))
        targets.append(_positions(scope, classes))
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
    scope: Scope, scores: np.ndarray, images: ImageSet
) -> ablation.RemovalCurves:
    """Answers as units go: strongest first, weakest first, at random."""
    network, params, settings = scope.model.network, scope.model.params, scope.settings
    counts = removal_counts(settings.removed)
    controls = ablation.random_orders(
        jax.random.key(settings.seed), settings.random_draws, scores.shape[1]
    )
    orders = ablation.removal_orders(ablation.rank_units(scores.T), controls)
    keeps = np.concatenate([ablation.removal_keeps(order, counts) for order in orders])
    shapes = model.unit_shapes(scope.model, scope.layers)
    # What comes before the first layer asked about is the same for all edits.
    first = networks.stage_index(network, scope.layers[0])
    before, after = network[:first], network[first:]
    prepare = jax.jit(lambda params, x: networks.apply(before, params, x))
    statistic = ablation.knockout_counts(
        networks.without_units(after, scope.layers),
        params,
        ablation.split_keeps(keeps, {name: s[-1] for name, s in shapes.items()}),
        num_classes=len(scope.model.classes),
    )

    def batch(pixels: np.ndarray, targets: np.ndarray) -> tuple[Any, ...]:
        return prepare(params, pixels), targets

    counted = _accumulate(scope, statistic, images, batch, "knocking units out")
    of_classes = ClassCounts(*(np.take(c, scope.occurring, axis=1) for c in counted))
    return ablation.removal_curves(of_classes, counts)


def pushed(scope: Scope, images: ImageSet) -> attacks.StepOutcomes:
    """What steps along the input gradient come to."""
    # Classes that occur come first, so that only they are aimed at.
    others = np.setdiff1d(np.arange(len(scope.model.classes)), scope.occurring)
    order = np.concatenate([scope.occurring, others])
    statistic = attacks.step_outcomes(
        lambda params, x: networks.apply(scope.model.network, params, x)[:, order],
        scope.model.params,
        num_classes=len(scope.occurring),
        steps=scope.settings.steps,
        scaling=scope.settings.scaling,
    )

    def batch(pixels: np.ndarray, targets: np.ndarray) -> tuple[Any, ...]:
        return jnp.asarray(pixels), _positions(scope, targets)

    number = min(scope.settings.num_pushed, images.num_images)
    return _accumulate(scope, statistic, images, batch, "pushing images", number)


def examples(
    scope: Scope, images: ImageSet, scores: np.ndarray, targets: np.ndarray
) -> Examples:
    """Images of some classes, those with the most images.

    Args:
        scope: who is asked.
        images: the test images.
        scores: [n U] of each of them.
        targets: [n] their classes, as positions in those that occur.
    """
    number = scope.settings.num_shown
    counts = np.bincount(targets, minlength=len(scope.occurring))
    shown = np.sort(np.argsort(-counts, kind="stable")[:number])
    chosen = np.concatenate([np.flatnonzero(targets == k)[:number] for k in shown])
    names = [scope.model.classes[scope.occurring[targets[n]]] for n in chosen]
    firsts = [_read(images, int(n)) for n in chosen[::number]]
    seen = [_seen(scope, *image) for image in firsts]
    strips = _strips(scope, firsts)
    return Examples(scores[chosen], names, scope.layers[0], seen, strips)


def _read(images: ImageSet, number: int) -> tuple[np.ndarray, int]:
    pixels, targets = images.read(np.array([number]))
    return pixels, int(targets[0])


def _seen(scope: Scope, pixels: np.ndarray, target: int) -> Seen:
    """An image with what its own class and the runner-up ask for."""
    x = jnp.asarray(pixels / np.float32(255))
    params, classes = scope.model.params, scope.model.classes
    (probability,) = _probabilities(scope, x)
    runner_up = next(k for k in np.argsort(-probability).tolist() if k != target)
    asked = {
        classes[k]: {
            layer: np.asarray(maps[0])
            for layer, maps in scope.ask(params, x, np.array([k])).items()
        }
        for k in (target, runner_up)
    }
    acts = scope.model.taps(scope.layers)(params, x)
    return Seen(
        image=pixels[0],
        title=f"{classes[target]} (p {probability[target]:.2g})",
        acts={layer: np.asarray(a[0]) for layer, a in acts.items()},
        gradients=asked,
    )


def _strips(scope: Scope, images: Sequence[tuple[np.ndarray, int]]) -> list[Strip]:
    """Images pushed towards the class of the next one."""
    targets = [target for _, target in images]
    aims = [*targets[1:], targets[0]]
    if len(targets) == 1:
        aims = [(targets[0] + 1) % len(scope.model.classes)]
    pairs = zip(images, aims, strict=True)
    return [_strip(scope, pixels, target, aim) for (pixels, target), aim in pairs]


def _strip(scope: Scope, pixels: np.ndarray, target: int, aim: int) -> Strip:
    settings, classes = scope.settings, scope.model.classes
    x = jnp.asarray(pixels / np.float32(255))
    direction = gradients.prediction_gradient(
        lambda params, x: networks.apply(scope.model.network, params, x),
        scope.model.params,
        x,
        np.array([aim]),
    )
    changed = [x] + [
        attacks.gradient_step(x, direction, step=step, scaling=settings.scaling)
        for step in settings.steps
    ]
    sizes = ["unchanged", *(f"step {s:g}" for s in settings.steps)]
    probabilities = _probabilities(scope, jnp.concatenate(changed))
    captions = [
        "\n".join([size, *(f"{short(classes[k])} {p[k]:.2f}" for k in (target, aim))])
        for size, p in zip(sizes, probabilities, strict=True)
    ]
    pictures = [np.asarray(jnp.rint(255 * c[0]), np.uint8) for c in changed]
    return Strip(np.stack(pictures), captions)


def _probabilities(scope: Scope, images: jax.Array) -> np.ndarray:
    return np.asarray(jax.nn.softmax(scope.model.apply(images)))


def _positions(scope: Scope, targets: np.ndarray) -> np.ndarray:
    """Classes of the network as positions among those that occur."""
    return np.searchsorted(scope.occurring, targets)


def _accumulate(
    scope: Scope,
    statistic: Statistic,
    images: ImageSet,
    batch: Callable[[np.ndarray, np.ndarray], tuple[Any, ...]],
    label: str,
    number: int | None = None,
) -> Any:
    """A statistic of all images, or of some, spread."""
    number = images.num_images if number is None else number
    chosen = np.arange(number) * images.num_images // number
    size = scope.settings.batch_size

    def read(n: int) -> tuple[Any, ...]:
        pixels, targets = images.read(chosen[n * size : (n + 1) * size])
        return batch(pixels / np.float32(255), targets)

    return scope.progress.accumulate(statistic, read, -(-number // size), label)


def _batches(
    scope: Scope, images: ImageSet, label: str
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """All images in [0, 1] and their classes, under a progress bar."""
    size = scope.settings.batch_size
    firsts = range(0, images.num_images, size)
    for first in scope.progress.bar(firsts, len(firsts), label):
        numbers = np.arange(first, min(first + size, images.num_images))
        pixels, targets = images.read(numbers)
        yield pixels / np.float32(255), targets
