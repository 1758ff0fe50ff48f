"""What prediction gradients at conv5_3 cost, beside backward passes and PyTorch."""

import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from os import getloadavg
from pathlib import Path
from time import process_time
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import torch_gradients
import torch_process
import tyro
from ablation import machine, markdown
from dissection import NEVER, SPREAD, spread
from jax import Array
from steps import Timed, beside_plain

from jaxdissect import caching, networks
from jaxdissect.base import Params, Tail
from jaxdissect.gradients import (
    filter_scores,
    logits,
    prediction_gradient,
    prediction_gradients,
)
from jaxdissect.networks.convolution import for_backend

LAYER, NUM_CLASSES = "conv5_3", 365
Run = Callable[[int], tuple[float, Any]]
"""Make so many calls -> (processor seconds, result)."""


@dataclass(frozen=True)
class Config:
    """Measure gradients of classes; the defaults are VGG-16 for Places365."""

    width: float = 1.0
    """Multiplies every convolution's number of units."""
    hidden: tuple[int, int] = (4096, 4096)
    """Sizes of the hidden fully connected layers."""
    image_size: int = 224
    """Height and width of the images, in pixels."""
    batch: int = 4
    """Images at a time."""
    some: int = 16
    """Classes asked about together, besides all of them; PyTorch is asked about so
    many."""
    calls: int = 3
    """Calls timed together."""
    repeats: int = 7
    """Rounds; every time and every ratio is the median of so many."""
    memory_mib: int = 512
    """What backward passes side by side may take, in MiB."""
    torch_python: Path = Path(sys.executable)
    """A Python that has torch and captum; without them their rows are left out."""


class Row(NamedTuple):
    """What is timed.

    Attributes:
        what: in words.
        run: it.
        classes: asked about in a call.
        aim: for its time over as many plain passes.
    """

    what: str
    run: Run
    classes: int = 1
    aim: tuple[float, float] = NEVER


class Subject(NamedTuple):
    """A tail, and activations it takes."""

    tail: Tail
    params: Params
    acts: Array


def main(config: Config) -> None:
    """Measure and print Markdown."""
    caching.use_compilation_cache()
    about: dict[str, Any] = machine() | {"load": f"{getloadavg()[0]:.1f}"}
    with jax.default_matmul_precision("highest"), ExitStack() as stack:
        subject = random_subject(config)
        rows = our_rows(config, subject)
        runs = {name: row.run for name, row in rows.items()}
        timed, _ = beside_plain(runs, config.calls, config.repeats)
        header = f"row|ms a class|{SPREAD}"
        print(markdown(header, cost_rows(rows, timed)), "\n", flush=True)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        save(folder, config, subject)
        given = {"folder": folder, "backend": jax.default_backend()}
        torch = stack.enter_context(
            torch_process.started(torch_gradients.__file__, config.torch_python, given)
        )
        if torch.steps:
            beside = beside_torch(config, subject, torch.steps, folder)
            print(markdown(f"{header}|differs at most", beside), "\n")
    about |= torch.about | {"load after": f"{getloadavg()[0]:.1f}"}
    about |= {"images": config.batch, "classes": NUM_CLASSES, "width": config.width}
    print(", ".join(f"{name} {value}" for name, value in about.items()))


def random_subject(config: Config) -> Subject:
    """He-initialised weights, and activations of which half are zero."""
    options = {"hidden": config.hidden, "convolve": for_backend(jax.default_backend())}
    network = networks.vgg16(NUM_CLASSES, width=config.width, **options)
    image = (config.image_size, config.image_size, 3)
    generator = np.random.default_rng(0)

    def he(leaf: jax.ShapeDtypeStruct) -> np.ndarray:
        scale = np.sqrt(2 / np.prod(leaf.shape[:-1])) if len(leaf.shape) > 1 else 0
        return generator.standard_normal(leaf.shape, np.float32) * np.float32(scale)

    init = partial(networks.init, network=network, image_shape=image)
    params = jax.tree.map(he, jax.eval_shape(init, jax.random.key(0)))
    trunk, tail = networks.split(network, LAYER)
    images = jnp.zeros((config.batch, *image))
    shape = jax.eval_shape(trunk, params, images).shape
    acts = np.maximum(generator.standard_normal(shape, np.float32), 0)
    return Subject(tail, jax.device_put(params), jax.device_put(acts))


def our_rows(config: Config, subject: Subject) -> dict[str, Row]:
    """A plain backward pass, and what is divided by it."""
    one = np.arange(config.batch) % NUM_CLASSES

    @jax.jit
    def plain(params: Params, acts: Array) -> Array:
        outputs, pull = jax.vjp(partial(subject.tail, params), acts)
        return pull(jnp.ones_like(outputs))[0]

    def asked(score: Callable[[Array], Array]) -> Callable[..., Array]:
        compiled = jax.jit(partial(prediction_gradient, subject.tail, score=score))
        return lambda params, acts: compiled(params, acts, one)

    backward = calling(subject, plain)
    near, below = (0.0, 1.1), (0.0, 1.0)
    every, some = np.arange(NUM_CLASSES), np.arange(config.some)
    return {
        "plain": Row("logits, and one pull of all", backward),
        "again": Row("`plain` between two others", backward),
        "probability": Row(
            "one class of each image", calling(subject, asked(jax.nn.softmax)), aim=near
        ),
        "logit": Row(
            "the same of the logit", calling(subject, asked(logits)), aim=near
        ),
        "some": Row(
            f"{config.some} classes, whole maps",
            calling(subject, of_classes(config, subject, some)),
            config.some,
            below,
        ),
        "all": Row(
            f"{NUM_CLASSES} classes, reduced to filter scores",
            calling(subject, of_classes(config, subject, every, reduce=filter_scores)),
            NUM_CLASSES,
            below,
        ),
    }


def of_classes(
    config: Config, subject: Subject, classes: np.ndarray, **options: Any
) -> Callable[[Params, Array], Array]:
    """One linearisation, and the classes' backward passes."""
    budget = config.memory_mib * 2**20
    return lambda params, acts: prediction_gradients(
        subject.tail, params, acts, classes, memory_bytes=budget, **options
    )


def calling(subject: Subject, function: Callable[[Params, Array], Array]) -> Run:
    """Call it one after another, and wait."""

    def run(calls: int) -> tuple[float, Array]:
        began = process_time()
        for _ in range(calls):
            found = jax.block_until_ready(function(subject.params, subject.acts))
        return process_time() - began, found

    return run


def cost_rows(
    rows: Mapping[str, Row], timed: Mapping[str, Timed]
) -> Iterator[tuple[Any, ...]]:
    """Each row over as many plain passes as it has classes."""
    for name, row in rows.items():
        found = timed[name]
        ratios, processor = found.ratios, found.processor_ratios
        each = found._replace(
            ratios=ratios / row.classes, processor_ratios=processor / row.classes
        )
        time = float(np.median(found.seconds)) * 1e3 / row.classes
        yield f"{name}: {row.what}", time, *spread(each, row.aim)


def save(folder: Path, config: Config, subject: Subject) -> None:
    """What PyTorch needs to ask the same of the same tail."""
    for stage in ("fc6.dense", "fc7.dense", "fc8"):
        for name, leaf in subject.params[stage]["params"].items():
            np.save(folder / f"{stage}.{name}.npy", np.asarray(leaf))
    np.save(folder / "acts.npy", np.asarray(subject.acts))
    np.save(folder / "classes.npy", np.arange(config.some))


THEIRS = {
    "torch": "one forward pass, autograd class by class",
    "captum": "LayerGradientXActivation without the activations, class by class",
}


def beside_torch(
    config: Config,
    subject: Subject,
    theirs: Mapping[str, Callable[[int], float]],
    folder: Path,
) -> Iterator[tuple[Any, ...]]:
    """The same classes' whole maps, in turns with ours; ratios are theirs to ours."""
    classes = np.arange(config.some)
    runs = {"plain": calling(subject, of_classes(config, subject, classes))}
    for name, ask in theirs.items():
        runs[name] = lambda calls, ask=ask: (ask(calls), None)
    timed, last = beside_plain(runs, config.calls, config.repeats)
    ours = np.moveaxis(np.asarray(last["plain"]), -1, 2)
    for name, found in timed.items():
        what, differs = "jaxdissect", 0.0
        if name != "plain":
            what = THEIRS[name]
            gap = np.abs(np.load(folder / f"{name}.npy") - ours).max()
            differs = float(gap / np.abs(ours).max())
        time = float(np.median(found.seconds)) * 1e3 / config.some
        yield f"{name}: {what}", time, *spread(found, NEVER), differs


if __name__ == "__main__":
    main(tyro.cli(Config))
