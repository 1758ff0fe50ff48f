"""What regularisers add to a step of training, PyTorch's step, waiting for data."""

import csv
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from os import getloadavg
from pathlib import Path
from typing import Literal, NamedTuple

import jax
import numpy as np
import torch_process
import torch_training
import tyro
from ablation import machine, markdown
from steps import Timed, beside_plain, prepared, random_subject, train, waiting

from jaxdissect import caching
from jaxdissect.experiments.train.settings import (
    BlockNormSettings,
    FieldsSettings,
    FocusedDropoutSettings,
    InputGradientSettings,
    RegularizeSettings,
)


class Row(NamedTuple):
    """What is timed; the largest ratio aimed at; settings, of our own steps."""

    what: str
    aim: float | None
    settings: RegularizeSettings = RegularizeSettings()


EXACT, FOCUS = InputGradientSettings(weight=0.1), FocusedDropoutSettings(rate=0.1)
FORWARD = InputGradientSettings(weight=0.1, estimator="forward")
CENTRAL = InputGradientSettings(weight=0.1, estimator="central")
ALWAYS = FocusedDropoutSettings(rate=1.0)
BLOCKS, FIELDS = BlockNormSettings(weight=1e-4), FieldsSettings(group=0.1, spatial=0.1)

ROWS = {
    "plain": Row("cross-entropy", None),
    "again": Row("`plain` between two others", None),
    "double_backprop": Row(
        "input gradient, exact", 2.3, RegularizeSettings(input_gradient=EXACT)
    ),
    "forward": Row(
        "input gradient, one-sided", None, RegularizeSettings(input_gradient=FORWARD)
    ),
    "central": Row(
        "input gradient, two-sided", None, RegularizeSettings(input_gradient=CENTRAL)
    ),
    "focused": Row("FocusedDropout at rate 0.1", 1.05, RegularizeSettings(FOCUS)),
    "focused_always": Row("FocusedDropout at rate 1", 1.05, RegularizeSettings(ALWAYS)),
    "block_norm": Row("block norm", 1.02, RegularizeSettings(block_norm=BLOCKS)),
    "fields": Row("group and spatial losses", 1.3, RegularizeSettings(fields=FIELDS)),
    "all": Row(
        "exact, rate 0.1, both others",
        None,
        RegularizeSettings(
            FOCUS, input_gradient=EXACT, block_norm=BLOCKS, fields=FIELDS
        ),
    ),
}
OTHERS = {
    "torch": Row("`plain` in PyTorch", None),
    "torch_last": Row("PyTorch, channels last", None),
    "torch_compiled": Row("PyTorch, compiled", None),
    "torch_compiled_last": Row("PyTorch, compiled, channels last", None),
    "wait": Row("share of a step that waits for data", 0.05),
}


@dataclass(frozen=True)
class Config:
    """Measure steps of training the CIFAR VGG-16 with BatchNorm."""

    width: float = 0.5
    """Multiplies every convolution's number of units; 1 is VGG-16 itself."""
    batch: int = 64
    """Images in a step."""
    steps: int = 1
    """Steps timed together; give an accelerator 20."""
    repeats: int = 7
    """Rounds; every time and every ratio is the median of so many."""
    precision: Literal["float32", "tensorfloat32", "bfloat16"] = "float32"
    """Of matrix products; with bfloat16, of activations too (PyTorch: autocast)."""
    rows: tuple[str, ...] = tuple(ROWS)
    """Which steps of ours to time beside `plain`, by name."""
    images: int = 50_000
    """Images in memory, from which batches are drawn for the data wait."""
    torch_python: Path = Path(sys.executable)
    """A Python that has torch; without torch its rows are left out."""
    out: Path | None = None
    """CSV file to write the table to."""


class Line(NamedTuple):
    """A line of the table.

    Attributes:
        row: name and what it is.
        seconds: of a step, median.
        fastest: the same, minimum.
        ratio: of seconds, to those of `plain`; median over the rounds.
        q1: lower quartile of the ratio.
        q3: upper quartile.
        lowest: ratio of any round.
        highest: likewise.
        processor: ratio of processor time, of all threads; median.
        GFLOP: operations of a step.
        arithmetic: ratio of operations.
        aim: for the ratio.
        verdict: whether the median is what was aimed at.
    """

    row: str
    seconds: float
    fastest: float
    ratio: float
    q1: float
    q3: float
    lowest: float
    highest: float
    processor: float | None
    GFLOP: float | None = None
    arithmetic: float | None = None
    aim: str = ""
    verdict: str = ""


def main(config: Config) -> None:
    """Measure, print Markdown, write CSV."""
    if unknown := sorted(set(config.rows) - set(ROWS)):
        sys.exit(f"`rows` has {', '.join(unknown)}; allowed are {', '.join(ROWS)}")
    caching.use_compilation_cache()
    busy, *_ = getloadavg()
    settings = {**asdict(config), "backend": jax.default_backend()}
    with (
        jax.default_matmul_precision(config.precision),
        torch_process.started(
            torch_training.__file__, config.torch_python, settings
        ) as torch,
    ):
        table = list(measured(config, torch.steps))
    load = f"{busy:.1f} before, {getloadavg()[0]:.1f} after"
    shown = {k: v for k, v in asdict(config).items() if k not in ("rows", "out")}
    about = machine() | {"load": load} | torch.about | shown
    print(", ".join(f"{name} {value}" for name, value in about.items()), end="\n\n")
    print(markdown("|".join(Line._fields), table))
    if config.out:
        with config.out.open("w", newline="") as file:
            csv.writer(file).writerows([Line._fields, *table])


def measured(
    config: Config, torch: dict[str, Callable[[int], float]]
) -> Iterator[Line]:
    """The table: steps of ours and of PyTorch in turns, then waiting for data."""
    precision = "bfloat16" if config.precision == "bfloat16" else "float32"
    subject = random_subject(config.width, config.batch, precision)
    runs, operations = {}, {}
    for name in dict.fromkeys(("plain", *config.rows)):
        if name == "again":
            runs[name], operations[name] = runs["plain"], operations["plain"]
            continue
        program, operations[name] = prepared(subject, ROWS[name].settings)
        runs[name] = partial(train, program, subject)
    for name, take in torch.items():
        runs[name] = lambda steps, take=take: (take(steps), None)
    timed, metrics = beside_plain(runs, config.steps, config.repeats)
    for name in operations:
        if not np.isfinite(metrics[name].loss):
            sys.exit(f"the loss of {name} is {metrics[name].loss}")
    timed["wait"] = waiting(subject, config.images, config.steps, config.repeats)
    for name, found in timed.items():
        yield line(name, found, operations.get(name), operations["plain"])


def line(
    name: str, found: Timed, operations: float | None, of_plain: float | None
) -> Line:
    """A line of the table, judged by the median; in doubt if a quartile disagrees."""
    what, aim, _ = (ROWS | OTHERS)[name]
    spread = np.quantile(found.ratios, (0.5, 0.25, 0.75, 0, 1)).tolist()
    ratio, low, high, *_ = spread
    processor = found.processor_ratios
    counts = (None, None)
    if operations and of_plain:
        counts = operations / 1e9, operations / of_plain
    verdict = ""
    if aim is not None:
        doubt = ", within the noise" if low <= aim <= high else ""
        verdict = ("met" if ratio <= aim else "not met") + doubt
    return Line(
        f"{name}: {what}",
        float(np.median(found.seconds)),
        float(found.seconds.min()),
        *spread,
        None if processor is None else float(np.median(processor)),
        *counts,
        "" if aim is None else f"<= {aim}",
        verdict,
    )


if __name__ == "__main__":
    main(tyro.cli(Config))
