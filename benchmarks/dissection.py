"""What dissecting VGG-16 costs: beside forward passes, PyTorch's loops, in memory."""

import json
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from os import getloadavg
from pathlib import Path
from typing import Any

import dissecting
import jax
import loops
import numpy as np
import tyro
from ablation import machine, markdown
from dissecting import LAYER, Run, Subject
from dissection_memory import HEADER, memory_rows
from steps import Timed, beside_plain
from torch_process import TorchSteps

from jaxdissect import caching, networks
from jaxdissect.dissection import PNAS20

SPREAD = "ratio|q1|q3|lowest|highest|processor|aim|verdict"
NEVER = (0.0, np.inf)
COSTS = {
    "plain": ("images to conv5_3, no dissection", NEVER),
    "again": ("`plain` between two others", NEVER),
    "one": ("images to findings of conv5_3", (0.0, 1.3)),
    "all": ("images to findings of all conv layers", (0.0, 2.5)),
    "torch_plain": ("`plain` in PyTorch", NEVER),
}
FASTER = (10.0, np.inf)


@dataclass(frozen=True)
class Config:
    """Measure dissections of VGG-16 with random weights, at stride 4."""

    width: float = 1.0
    """Multiplies every convolution's number of units."""
    image_size: int = 224
    """Height and width of the images, in pixels."""
    images: int = 32
    """Images to dissect, a multiple of `batch`."""
    batch: int = 16
    """Images at a time."""
    concepts: int = 1200
    """In the vocabulary; an image has at most 16 of them."""
    repeats: int = 5
    """Rounds; every time and every ratio is the median of so many."""
    precision: str = "highest"
    """Of the network's convolutions."""
    parts: tuple[str, ...] = ("time", "torch", "memory")
    """What to measure."""
    torch_python: Path = Path(sys.executable)
    """A Python that has torch; without torch its rows are left out."""
    memory_images: tuple[int, ...] = (1000, 2000, 4000)
    """Images of streamed dissections, whose memory is measured."""
    thresholds_images: int = 63_000
    """Images of the longest streamed search for thresholds; Broden has so many."""
    units: int = 512
    """Units of streamed dissections, on maps of 14 x 14."""
    quick: bool = False
    """Take seconds: all is tiny, so that the ratios say nothing."""
    out: Path | None = None
    """JSON file to write everything measured to."""


QUICK: dict[str, Any] = {"width": 1 / 32, "image_size": 32, "images": 4, "batch": 2}
QUICK |= {"repeats": 1, "memory_images": (20,), "thresholds_images": 60, "units": 8}


def main(config: Config) -> None:
    """Measure, print Markdown, write JSON."""
    config = replace(config, **QUICK) if config.quick else config
    if config.images % config.batch:
        sys.exit(f"`images` is {config.images}; allowed are multiples of `batch`")
    caching.use_compilation_cache()
    before = getloadavg()[0]
    report: dict[str, Any] = {"about": {}}
    if "memory" in config.parts:
        options = config.units, config.concepts, config.thresholds_images
        report["memory"] = list(memory_rows(config.memory_images, *options))
    if {"time", "torch"} & set(config.parts):
        with jax.default_matmul_precision(config.precision):
            report |= timed(config)
    load = f"{before:.1f} before, {getloadavg()[0]:.1f} after"
    shown = {
        k: v for k, v in asdict(config).items() if k not in ("torch_python", "out")
    }
    report["about"] = machine() | {"load": load} | report["about"] | shown
    print("\n\n".join(text(report)))
    if config.out:
        config.out.write_text(json.dumps(report, indent=1, default=str) + "\n")


def timed(config: Config) -> dict[str, Any]:
    """Dissections beside forward passes, and PyTorch's loops beside ours."""
    steps, repeats = config.images // config.batch, config.repeats
    subject = dissecting.random_subject(
        width=config.width,
        size=config.image_size,
        batches=steps,
        batch=config.batch,
        concepts=config.concepts,
    )
    nothing = nullcontext((Path(), TorchSteps({}, {})))
    kept = dissecting.kept_batches(subject)
    beside = loops.torch_beside(config.torch_python, subject, kept, asdict(config))
    with beside if "torch" in config.parts else nothing as (folder, torch):
        runs = cost_runs(config, subject, torch)
        costs, found = beside_plain(runs, steps, repeats)
        options = {"steps": steps, "repeats": repeats}
        pairs = loops.beside_ours(subject, kept, torch, folder, **options)
    parts = {name: found[name].seconds for name in ("one", "all") if name in found}
    parts |= {f"ours beside {name}": pair.seconds for name, pair in pairs.items()}
    return {
        "about": torch.about,
        "costs": [cost_row(name, each, config.batch) for name, each in costs.items()],
        "split": [
            split_row(name, seconds, config.images) for name, seconds in parts.items()
        ],
        "loops": [
            loop_row(name, pair, costs, config.batch) for name, pair in pairs.items()
        ],
    }


def cost_runs(config: Config, subject: Subject, torch: TorchSteps) -> dict[str, Run]:
    """The forward passes, and what is divided by them."""
    runs = {"plain": dissecting.plain(subject)}
    if "time" in config.parts:
        runs["again"] = runs["plain"]
        runs["one"] = dissecting.dissected(subject, (LAYER,), PNAS20)
        convs = (n for n in networks.conv_layers(subject.network) if "conv" in n)
        runs["all"] = dissecting.dissected(subject, tuple(convs), PNAS20)
    if torch.steps:
        runs["torch_plain"] = loops.of_torch(torch, "torch_plain")
    return runs


def cost_row(name: str, found: Timed, batch: int) -> tuple[Any, ...]:
    """A line of the first table."""
    what, aim = COSTS[name]
    return f"{name}: {what}", milliseconds(found, batch), *spread(found, aim)


def split_row(
    name: str, seconds: dict[str, float], images: int
) -> tuple[str | float | None, ...]:
    """A line of the table of parts."""
    parts = (seconds.get(part) for part in ("forward", "thresholds", "overlap"))
    return name, *(part and part * 1e3 / images for part in parts)


def loop_row(
    name: str, pair: loops.Beside, costs: dict[str, Timed], batch: int
) -> tuple[Any, ...]:
    """A line of the table of published loops: ratios are theirs to ours."""
    loop = loops.LOOPS[name]
    ours, theirs, network, torch_network = (
        milliseconds(each, batch)
        for each in (pair.ours, pair.theirs, costs["plain"], costs["torch_plain"])
    )
    whole = [
        (theirs + passes * torch_network) / (ours + network)
        for passes in (1, loop.passes)
    ]
    return (
        f"{name}: {loop.what}",
        *(ours, theirs, *spread(pair.theirs, FASTER), *whole, pair.differs),
    )


def milliseconds(found: Timed, batch: int) -> float:
    """Of an image, median over the rounds."""
    return float(np.median(found.seconds)) * 1e3 / batch


def spread(found: Timed, aim: tuple[float, float]) -> tuple[Any, ...]:
    """SPREAD: judged by the median ratio; in doubt if a quartile disagrees."""
    numbers = np.quantile(found.ratios, (0.5, 0.25, 0.75, 0, 1)).tolist()
    processor = None
    if found.processor_ratios is not None:
        processor = float(np.median(found.processor_ratios))
    if aim == NEVER:
        return *numbers, processor, "", ""
    low, high = aim
    met, *others = (low <= number <= high for number in numbers[:3])
    doubt = ", within the noise" if others != [met, met] else ""
    aimed = f">= {low:g}" if low else f"<= {high:g}"
    return *numbers, processor, aimed, ("met" if met else "not met") + doubt


def text(report: dict[str, Any]) -> Iterator[str]:
    """The report in Markdown; what the columns mean is in README.md."""
    yield ", ".join(f"{name} {value}" for name, value in report["about"].items())
    if "costs" in report:
        yield markdown(f"row|ms an image|{SPREAD}", report["costs"])
    if report.get("split"):
        header = "row|forward|thresholds, top images|masks, counts, histograms"
        yield markdown(f"{header} (ms an image, last round)", report["split"])
    if report.get("loops"):
        whole = "network once|network as published|IoU differs"
        header = f"row|ours, ms an image|theirs|{SPREAD}|{whole}"
        yield markdown(header, report["loops"])
    if "memory" in report:
        yield (
            markdown(HEADER, report["memory"])
            if report["memory"]
            else ("Memory left out: the system does not say what a process has held.")
        )


if __name__ == "__main__":
    main(tyro.cli(Config))
