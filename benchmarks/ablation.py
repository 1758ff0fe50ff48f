"""What ablating all units of VGG-16's conv5_3 costs, against plain forward passes."""

import json
import platform
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import jaxlib
import numpy as np
import timing
import tyro
from timing import Batch, Subject
from torch_ablation import num_cores, torch_seconds

from jaxdissect import ablation, networks
from jaxdissect.networks.convolution import for_backend

LAYER, NUM_CLASSES, SILENT = "conv5_3", 365, 0.5
HEADER = "row|seconds|each image|GMAC/s|extrapolated from|over|ratio|arithmetic|aim"


class Row(NamedTuple):
    """What is timed, what its time is divided by, and what we aim at.

    Attributes:
        what: in words.
        runs: (units, share evaluated) -> times trunk, fc6 and the rest see an image.
        over: name of another row.
        aim: for the ratio of the two.
    """

    what: str
    runs: Callable[[int, float], tuple[float, float, float]]
    over: str = ""
    aim: str = ""


ROWS = {
    "plain": Row("images to logits", lambda u, e: (1, 1, 1)),
    "factored": Row(
        "all pairs evaluated", lambda u, e: (1, 2, 1 + u), "plain", "<= 1.7"
    ),
    "skipping": Row("silent pairs skipped", lambda u, e: (1, 2, 1 + u * e), "plain"),
    "full": Row("a full pass per unit", lambda u, e: (u, u, u), "factored", ">= 250"),
    "cached": Row("`factored` less the trunk", lambda u, e: (0, 2, 1 + u)),
    "replayed": Row("the tail for each unit", lambda u, e: (0, u, u), "cached", ">= 5"),
    "torch_plain": Row("PyTorch, images to logits", lambda u, e: (1, 1, 1), "plain"),
    "torch_full": Row("PyTorch, a pass per unit", lambda u, e: (u, u, u), "factored"),
}


@dataclass(frozen=True)
class Config:
    """Measure unit ablation; the defaults are VGG-16 for Places365 at full size."""

    image_size: int = 224
    """Height and width of the images, in pixels."""
    width: float = 1.0
    """Multiplies every convolution's number of units."""
    hidden: tuple[int, ...] = (4096, 4096)
    """Sizes of the hidden fully connected layers."""
    images: int = 16
    """Images to measure on, a multiple of `batch` and at least 4."""
    batch: int = 16
    """Images at a time."""
    units_extrapolated: int = 3
    """Units given a full pass; the time is multiplied up to all units."""
    units_replayed: int = 16
    """Units replayed, if so many fit into the budget at a time; likewise."""
    memory_mib: int = 512
    """Memory budget of sweeps and of replaying, in MiB."""
    precision: str = "highest"
    """Of matrix products and convolutions, everywhere; the library's own default."""
    repeats: int = 3
    """Every time is the median of so many."""
    torch_python: Path = Path(sys.executable)
    """A Python that has torch; without torch its rows are left out."""
    out: Path | None = None
    """JSON file to write everything measured to."""


def main(config: Config) -> None:
    """Measure, print Markdown, write JSON."""
    if config.images % config.batch or config.images < 4:
        sys.exit(f"`images` is {config.images}; allowed are multiples of `batch` >= 4")
    with jax.default_matmul_precision(config.precision):
        report = measured(config, random_subject(config))
    given = {"num_classes": NUM_CLASSES, "backend": jax.default_backend()}
    report["torch"] = torch_seconds(config.torch_python, asdict(config) | given)
    report["rows"] = list(rows(report))
    print("\n\n".join(text(report)))
    if config.out:
        config.out.write_text(json.dumps(report, indent=1, default=str) + "\n")


def random_subject(config: Config) -> Subject:
    """He-initialised weights, drawn on the host so that the device holds only them."""
    options = {"hidden": config.hidden, "convolve": for_backend(jax.default_backend())}
    network = networks.vgg16(NUM_CLASSES, width=config.width, **options)
    shape = (config.batch, config.image_size, config.image_size, 3)
    generator = np.random.default_rng(0)

    def he(leaf: jax.ShapeDtypeStruct) -> np.ndarray:
        scale = np.sqrt(2 / np.prod(leaf.shape[:-1])) if len(leaf.shape) > 1 else 0
        return generator.standard_normal(leaf.shape, np.float32) * np.float32(scale)

    init = partial(networks.init, network=network, image_shape=shape[1:])
    params = jax.tree.map(he, jax.eval_shape(init, jax.random.key(0)))
    params, trunk = jax.device_put(params), networks.split(network, LAYER).trunk
    acts = jax.eval_shape(trunk, params, jnp.zeros(shape))
    options = {"num_classes": NUM_CLASSES, "precision": config.precision}
    budget = {"memory_bytes": config.memory_mib * 2**20}

    def sweep(tail: ablation.EditedTail) -> Any:
        return ablation.unit_effects(tail, params, acts.shape[-1], **options, **budget)

    return Subject(network, LAYER, params, shape, acts.shape, sweep, **budget)


def random_batches(config: Config, subject: Subject) -> Iterator[Batch]:
    """Images, and what is computed from them before any timing starts."""
    generator = np.random.default_rng(1)
    trunk = jax.jit(networks.split(subject.network, LAYER).trunk)
    for _ in range(config.images // config.batch):
        images = jnp.asarray(generator.random(subject.images_shape, np.float32))
        stays = generator.random((config.batch, 1, 1, subject.acts_shape[-1])) >= SILENT
        targets = generator.integers(0, NUM_CLASSES, config.batch)
        yield Batch(images, targets, trunk(subject.params, images), jnp.float32(stays))


def measured(config: Config, subject: Subject) -> dict[str, Any]:
    """Everything about JAX, as one tree of plain values."""
    memory = timing.sweep_memory(subject)  # before anything else has used any
    pairs, sets = timing.at_once(subject)
    passes, replays = config.units_extrapolated, min(config.units_replayed, sets)
    batches = list(random_batches(config, subject))
    tasks = timing.tasks(subject, batches)
    tasks |= timing.rivals(subject, batches, passes=passes, replays=replays)
    parts = timing.parts(subject, batches)
    times, results = timing.interleaved({**tasks, **parts}, config.repeats)
    units, products = subject.acts_shape[-1], multiply_accumulates(subject)
    shown = {k: v for k, v in asdict(config).items() if not isinstance(v, Path)}
    return {
        "machine": machine(),
        "settings": {**shown, "units": units, "pairs in a chunk": pairs},
        "extrapolated": {"full": passes, "torch_full": passes, "replayed": replays},
        "products": products,
        "seconds": {name: times[name] for name in tasks},
        "parts": [(*part, median(times[part])) for part in parts],
        "evaluated": int(results["skipping"].evaluated) / (units * config.images),
        "sweep_bytes": memory,
        "rates": timing.product_rates(subject, pairs or 1, products[2]),
    }


def multiply_accumulates(subject: Subject) -> tuple[int, int, int]:
    """Of the trunk, of the next linear map and of the rest of the tail, per image.

    A kernel is used once for every position of what it makes.
    """
    x, counts, after = jnp.zeros(subject.images_shape), ([], []), 0
    for stage in subject.network:
        variables = subject.params.get(stage.name, {})
        x = jax.eval_shape(stage.apply, variables, x)
        if stage.contributions is not None:
            kernel = variables["params"]["kernel"]
            counts[after].append(kernel.size * x.shape[1] * x.shape[2])
        after = after or int(stage.name == LAYER)
    trunk, (linear, *rest) = counts
    return sum(trunk), linear, sum(rest)


def machine() -> dict[str, Any]:
    """What the numbers were measured on, with what, and when."""
    info = Path("/proc/cpuinfo")  # on Linux
    name = info.exists() and re.search(r"model name\s*: (.+)", info.read_text())
    return {
        "device": jax.devices()[0].device_kind,
        "processor": name[1] if name else platform.processor(),
        "cores": num_cores(),
        "jax": jax.__version__,
        "jaxlib": jaxlib.__version__,
        "date": datetime.now(UTC).isoformat(timespec="minutes"),
    }


def rows(report: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
    """What was timed of ROWS, each beside the one it is compared with."""
    units, images = report["settings"]["units"], report["settings"]["images"]
    times, work, measured_on = {}, {}, report["extrapolated"]
    for name, values in (report["seconds"] | report["torch"]["seconds"]).items():
        times[name] = median(values) * units / measured_on.get(name, units)
        runs = ROWS[name].runs(units, report["evaluated"])
        work[name] = images * float(np.dot(runs, report["products"])) / 1e9
    for name, time in times.items():
        what, _, over, aim = ROWS[name]
        ratios = [of[name] / of[over] if over else None for of in (times, work)]
        some = f"{measured_on[name]} of {units}" if name in measured_on else ""
        found = time, time / images, work[name] / time, some
        yield (f"{name}: {what}", *found, over, *ratios, aim)


def text(report: dict[str, Any]) -> Iterator[str]:
    """The report in Markdown; what the columns mean is in README.md."""
    units, images = report["settings"]["units"], report["settings"]["images"]
    about = report["machine"] | report["torch"]["about"] | report["settings"]
    yield ", ".join(f"{name} {value}" for name, value in about.items())
    yield "Random weights and images; medians; compilation is not in the times."
    yield markdown(HEADER, report["rows"])
    yield f"`skipping` left out {1 - report['evaluated']:.1%} of the pairs."
    every = units, images, median(report["seconds"]["cached"])
    pairs = ((u, i, t, 1e6 * t / (u * i)) for u, i, t in [*report["parts"], every])
    yield markdown("units|images|seconds|microseconds per pair", pairs)
    if report["rates"]:
        rates = ((*r, r[1] / r[2]) for r in report["rates"])
        yield markdown("format|TFLOP/s after fc6|of a matrix product|share", rates)
    else:
        yield "Left out for want of a GPU: rates of matrix products."
    taken = report["sweep_bytes"]
    peak = f"{taken / 2**20:.0f} MiB" if taken else "left out, the device does not say"
    yield f"Peak memory of a sweep: {peak}."


def markdown(header: str, rows: Iterable[Sequence[Any]]) -> str:
    """A Markdown table; floats to three digits."""
    names = header.split("|")
    lines = [names, ["---"] * len(names), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return "" if value is None else str(value)


if __name__ == "__main__":
    main(tyro.cli(Config))
