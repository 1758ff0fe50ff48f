"""The Carlini-Wagner attack beside foolbox's: how fast, how often, how near."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from os import getloadavg
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import tyro
from ablation import machine, markdown
from dissection import NEVER, SPREAD, spread
from jax import Array
from steps import beside_plain

from jaxdissect import caching, model, networks
from jaxdissect.attacks import LIGHT, CarliniWagner, carlini_wagner
from jaxdissect.base import Params
from jaxdissect.data import generated
from jaxdissect.data import scene_rendering as scenes
from jaxdissect.intervals import bootstrap_mean

Attack = Callable[[np.ndarray, np.ndarray, CarliniWagner, bool], np.ndarray]
"""(images, targets, settings, whether to stop early) -> attacked images."""
FASTER = (3.0, np.inf)


@dataclass(frozen=True)
class Config:
    """Attack the bundled VGG-16 of the scenes with foolbox and with jaxdissect."""

    parts: tuple[str, ...] = ("speed", "success")
    """What to measure."""
    batches: tuple[int, ...] = (1, 4, 16)
    """Images attacked at a time, for the speed."""
    steps: int = 20
    """Steps of Adam that are timed, of one constant, without stopping early."""
    repeats: int = 5
    """Rounds; every time and every ratio is the median of so many."""
    images: int = 32
    """Images for success and distance, at the light settings: hours."""
    batch: int = 8
    """Of them at a time, a divisor."""
    light_steps: int = LIGHT.steps
    """Steps for each constant there."""
    size: int | None = None
    """Height and width of the images; by default what the network was trained on."""
    seed: int = 0
    """Of the scenes."""
    done: Path = Path("attacks.jsonl")
    """A line for each batch of those images; another run goes on after the last."""


class Subject(NamedTuple):
    """What is attacked.

    Attributes:
        tail: (params, images) -> logits.
        params: on the device.
        size: height and width of the images.
        seed: of the scenes.
    """

    tail: Callable[[Params, Array], Array]
    params: Params
    size: int
    seed: int


def main(config: Config) -> None:
    """Measure and print Markdown."""
    try:
        import foolbox
    except ImportError:
        sys.exit("foolbox is not installed: pip install foolbox==3.3.4")
    if config.images % config.batch:
        sys.exit(f"`images` is {config.images}; allowed are multiples of `batch`")
    caching.use_compilation_cache()
    trained, before = model.load_trained(None), getloadavg()[0]
    subject = Subject(
        partial(networks.apply, trained.network),
        jax.device_put(trained.weights.params),
        config.size or trained.image_size,
        config.seed,
    )
    about = machine() | {"foolbox": foolbox.__version__, "load": f"{before:.1f}"}
    print(", ".join(f"{name} {value}" for name, value in about.items()), "\n")
    with jax.default_matmul_precision("highest"):
        if "speed" in config.parts:
            header = f"images|attack|images x steps a second|{SPREAD}"
            print(markdown(header, speed_rows(config, subject)), "\n", flush=True)
        if "success" in config.parts:
            lines = list(attacked_batches(config, subject))
            print(markdown("attack|" + OUTCOME, outcome_rows(lines, config)))


def attacks(subject: Subject) -> dict[str, Attack]:
    """Ours, foolbox's of the same function, and of that function compiled."""
    plain = partial(subject.tail, subject.params)
    return {
        "plain": partial(ours, subject),
        "foolbox": partial(theirs, plain),
        "foolbox_compiled": partial(theirs, jax.jit(plain)),
    }


WHAT = {
    "plain": "jaxdissect",
    "foolbox": "foolbox, the network as a function",
    "foolbox_compiled": "foolbox, the function compiled by `jax.jit`",
}


def ours(
    subject: Subject,
    images: np.ndarray,
    targets: np.ndarray,
    settings: CarliniWagner,
    early: bool,
) -> np.ndarray:
    """Attacked images; those that failed are unchanged."""
    module = import_module("jaxdissect.attacks.carlini_wagner")
    stalled, module.STALLED = module.STALLED, module.STALLED if early else np.inf
    try:
        found = carlini_wagner(
            subject.tail, subject.params, images, targets, settings=settings
        )
    finally:
        module.STALLED = stalled
    return found.images


def theirs(
    function: Callable[[Array], Array],
    images: np.ndarray,
    targets: np.ndarray,
    settings: CarliniWagner,
    early: bool,
) -> np.ndarray:
    """Attacked images; those that failed are black."""
    import foolbox

    attack = foolbox.attacks.L2CarliniWagnerAttack(
        binary_search_steps=settings.searches,
        steps=settings.steps,
        stepsize=settings.learning_rate,
        confidence=settings.confidence,
        initial_const=settings.constant,
        abort_early=early,
    )
    criterion = foolbox.criteria.TargetedMisclassification(jnp.asarray(targets))
    model = foolbox.JAXModel(function, bounds=(0, 1))
    return np.asarray(attack.run(model, jnp.asarray(images), criterion))


def speed_rows(config: Config, subject: Subject) -> Iterator[tuple[Any, ...]]:
    """Every step is taken, on every image: neither side stops early."""
    for number in config.batches:
        images, targets = asked(subject, range(number))
        settings = LIGHT._replace(steps=config.steps, searches=1)

        def run(attack: Attack, _: int, given=(images, targets, settings)):
            began = process_time()
            attack(*given, False)
            return process_time() - began, None

        runs = {name: partial(run, each) for name, each in attacks(subject).items()}
        timed, _ = beside_plain(runs, 1, config.repeats)
        for name, found in timed.items():
            rate = number * config.steps / float(np.median(found.seconds))
            aim = NEVER if name == "plain" else FASTER
            yield (number, WHAT[name], rate, *spread(found, aim))


def asked(subject: Subject, numbers: range) -> tuple[np.ndarray, np.ndarray]:
    """Scenes of the report split, and targets that they are not taken for.

    Targets go through the other classes in turns.
    """
    indices = generated.split_indices("report", numbers.stop)[numbers.start :]
    rendered = scenes.render(subject.seed, indices, size=subject.size)
    images = rendered.images / np.float32(255)
    taken = np.asarray(subject.tail(subject.params, images).argmax(1))
    classes, true = len(scenes.CLASSES), np.asarray(rendered.targets)
    steps = 1 + np.array(numbers) % (classes - 1)
    targets = (true + steps) % classes
    # Past the class predicted, and once more past the true one.
    targets = np.where(targets == taken, (targets + 1) % classes, targets)
    return images, np.where(targets == true, (targets + 1) % classes, targets)


def attacked_batches(config: Config, subject: Subject) -> Iterator[dict[str, Any]]:
    """Batch after batch, ours and theirs; those in the file are not run again."""
    settings = LIGHT._replace(steps=config.light_steps)
    run = {"seed": config.seed, "size": subject.size, "settings": list(settings)}
    lines = config.done.read_text().splitlines() if config.done.exists() else []
    known = [json.loads(line) for line in lines]
    if any(line["run"] != run | {"batch": config.batch} for line in known):
        sys.exit(f"{config.done} is of other settings: remove it, or give another")
    yield from known[: config.images // config.batch]
    for start in range(len(known) * config.batch, config.images, config.batch):
        images, targets = asked(subject, range(start, start + config.batch))
        line: dict[str, Any] = {"run": run | {"batch": config.batch}}
        for name, attack in attacks(subject).items():
            if name != "foolbox":
                line[name] = outcome(subject, attack, images, targets, settings)
        with config.done.open("a") as file:
            file.write(json.dumps(line) + "\n")
        yield line


def outcome(
    subject: Subject,
    attack: Attack,
    images: np.ndarray,
    targets: np.ndarray,
    settings: CarliniWagner,
) -> dict[str, Any]:
    """What an attack reached, judged by the network, and what it took."""
    began, processor = perf_counter(), process_time()
    found = attack(images, targets, settings, True)
    seconds, processor = perf_counter() - began, process_time() - processor
    answers = np.asarray(subject.tail(subject.params, found).argmax(1))
    changes = (found - images).reshape(len(images), -1)
    return {
        "success": (answers == targets).tolist(),
        "distance": np.linalg.norm(changes, axis=1).tolist(),
        "seconds": seconds,
        "processor": processor,
    }


OUTCOME = (
    "images|success|mean L2|95 % interval|median L2|over foolbox's|"
    "nominal images x steps a second|of the processor|aim|verdict"
)


def outcome_rows(
    lines: Sequence[Mapping[str, Any]], config: Config
) -> Iterator[tuple[Any, ...]]:
    """All batches together; means are over the images on which both succeed."""
    names = ("plain", "foolbox_compiled")
    joined = {
        name: {
            key: np.concatenate([line[name][key] for line in lines])
            for key in ("success", "distance")
        }
        for name in names
    }
    both = np.logical_and(*(joined[name]["success"] for name in names))
    reference = joined["foolbox_compiled"]["distance"][both].mean()
    nominal = len(both) * config.light_steps * LIGHT.searches
    for name in names:
        success, distance = joined[name]["success"], joined[name]["distance"][both]
        seconds = (
            sum(line[name][key] for line in lines) for key in ("seconds", "processor")
        )
        ratio, rates = distance.mean() / reference, [nominal / s for s in seconds]
        met = success.all() and ratio <= 1.05
        judged = ("all, <= 1.05", "met" if met else "not met")
        yield (
            WHAT[name],
            len(success),
            f"{success.mean():.1%}",
            float(distance.mean()),
            "{:.3g} to {:.3g}".format(*bootstrap_mean(jax.random.key(0), distance)),
            float(np.median(distance)),
            float(ratio),
            *rates,
            *(judged if name == "plain" else ("", "")),
        )


if __name__ == "__main__":
    main(tyro.cli(Config))
