"""Pictures of what classes ask for on single images, and of images pushed elsewhere."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxdissect import attacks, gradients, networks
from jaxdissect.data.images import ImageSet
from jaxdissect.experiments.gradients import maps
from jaxdissect.experiments.gradients.unit_questions import Asked, Questioned
from jaxdissect.pages.pictures import short
from jaxdissect.plots.figure import Figure


def draw(this: Questioned, asked: Asked, images: ImageSet) -> dict[str, Figure]:
    """All figures of single test images, by name."""
    answers, vectors, targets = asked
    number = this.config.num_shown
    # Classes that have so many images, those with the most first.
    found = np.bincount(targets, minlength=len(answers.classes))
    shown = np.sort(np.argsort(-found, kind="stable")[:number])
    chosen = np.concatenate([np.flatnonzero(targets == k)[:number] for k in shown])
    names = [answers.classes[targets[n]] for n in chosen]
    seen = [_seen(this, images, int(n)) for n in chosen[::number]]
    own = next(iter(seen[0].gradients))
    return {
        "scores": maps.score_heat(vectors[chosen], names, answers.units),
        "activations": maps.activation_grid(seen[0], own),
        "features": maps.features_figure(seen, this.layers[0]),
        "strips": _strips(this, images, chosen[::number]),
    }


def _read(images: ImageSet, number: int) -> tuple[np.ndarray, int]:
    pixels, targets = images.read(np.array([number]))
    return pixels, int(targets[0])


def _probabilities(this: Questioned, images: jax.Array) -> np.ndarray:
    outputs = networks.apply(this.trained.network, this.trained.weights.params, images)
    return np.asarray(jax.nn.softmax(outputs))


def _seen(this: Questioned, images: ImageSet, number: int) -> maps.Seen:
    """An image with what its own class and the runner-up ask for."""
    pixels, target = _read(images, number)
    x = jnp.asarray(pixels / np.float32(255))
    params, classes = this.trained.weights.params, this.trained.classes
    (probability,) = _probabilities(this, x)
    runner_up = next(k for k in np.argsort(-probability).tolist() if k != target)
    asked = {
        classes[k]: {
            layer: np.asarray(found[0])
            for layer, found in this.ask(params, x, np.array([k])).items()
        }
        for k in (target, runner_up)
    }
    acts = networks.taps(this.trained.network, this.layers)(params, x)
    return maps.Seen(
        image=pixels[0],
        title=f"{classes[target]} (p {probability[target]:.2g})",
        acts={layer: np.asarray(a[0]) for layer, a in acts.items()},
        gradients=asked,
    )


def _strips(this: Questioned, images: ImageSet, chosen: np.ndarray) -> Figure:
    """Images pushed towards the class of the next one shown."""
    config, classes = this.config, this.trained.classes
    read = [_read(images, int(n)) for n in chosen]
    targets = [target for _, target in read]
    aims = [*targets[1:], targets[0]]
    if len(targets) == 1:
        aims = [(targets[0] + 1) % len(classes)]
    strips = []
    for (pixels, target), aim in zip(read, aims, strict=True):
        x = jnp.asarray(pixels / np.float32(255))
        direction = gradients.prediction_gradient(
            lambda params, x: networks.apply(this.trained.network, params, x),
            this.trained.weights.params,
            x,
            np.array([aim]),
        )
        changed = [x] + [
            attacks.gradient_step(x, direction, step=step, scaling=config.scaling)
            for step in config.steps
        ]
        seen = _probabilities(this, jnp.concatenate(changed))
        captions = [
            "\n".join(
                [size, *(f"{short(classes[k])} {p[k]:.2f}" for k in (target, aim))]
            )
            for size, p in zip(
                ["unchanged", *(f"step {s:g}" for s in config.steps)], seen, strict=True
            )
        ]
        pictures = [np.asarray(jnp.rint(255 * c[0]), np.uint8) for c in changed]
        strips.append(maps.Strip(np.stack(pictures), captions))
    return maps.strips_figure(
        strips, "Pushed along the input gradient of another class's probability"
    )
