"""Memory of dissecting images that are never kept, in a process of its own.

`measured` runs this file: a case goes in and what it took comes out as JSON.
Activations and label maps are drawn batch by batch from a seed, the same in every pass;
there is no network, so what grows with the number of images is the dissection's.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
from dissecting import categories, label_maps

from jaxdissect import dissection
from jaxdissect.dissection import thresholds
from jaxdissect.dissection.layers import Layer, make_layers
from jaxdissect.quantiles import kept_bytes
from jaxdissect.streaming import NOTHING, accumulate
from jaxdissect.upsampling import Centres

SIZE, CELLS, BATCH = 224, 14, 50
BUDGET, MOST = 2**31, 4 * 2**30
"""Bytes that thresholds may take, by default, and that nothing may exceed."""
STATUS = Path("/proc/self/status")
HEADER = (
    "protocol|what|images|budget, MiB|passes|peak, MiB|thresholds at most, MiB"
    "|peak grew by|they by|ms an image|aim, MiB|verdict"
)


class Case(NamedTuple):
    """What is measured.

    Attributes:
        preset: name of a protocol.
        what: "dissection", or "thresholds" alone.
        images: how many.
        budget: bytes that thresholds may take.
        units: U.
        concepts: C.
    """

    preset: str
    what: str
    images: int
    budget: int
    units: int
    concepts: int


class Measured(NamedTuple):
    """The most bytes that the process ever held; seconds in all, if it was run."""

    peak: int
    seconds: float | None = None


def memory_rows(
    numbers: tuple[int, ...], units: int, concepts: int, most_images: int
) -> Iterator[tuple[Any, ...]]:
    """Lines of a table; none where the system does not say what a process has held."""
    if not STATUS.exists():
        return
    for preset in ("CVPR17", "PNAS20"):
        case = Case(preset, "dissection", numbers[0], BUDGET, units, concepts)
        longer, last = case, measured(case)
        first = last
        yield row(case, first)
        for images in numbers[1:]:
            longer = case._replace(images=images)
            last = measured(longer)
            yield row(longer, last, (case, first))
        # As if all that thresholds may take came on top.
        longest = case._replace(images=most_images)
        growth = for_thresholds(longest)[1] - for_thresholds(longer)[1]
        yield row(longest, Measured(last.peak + growth), (case, first))
    alone = case._replace(what="thresholds")
    longest = alone._replace(preset="CVPR17", images=most_images)
    # Too little to keep the largest values: they are counted, in more passes.
    little = alone._replace(budget=for_thresholds(alone)[1] // 8)
    for case in (longest, little):
        yield row(case, measured(case))


def row(
    case: Case, took: Measured, first: tuple[Case, Measured] | None = None
) -> tuple[Any, ...]:
    """A line of the table, with the growth since the first line of its kind."""
    passes, most = for_thresholds(case)
    growth: tuple[float | None, ...] = None, None
    if first:
        growth = took.peak - first[1].peak, most - for_thresholds(first[0])[1]
    sizes = (n if n is None else n / 2**20 for n in (took.peak, most, *growth))
    what = case.what if took.seconds else f"{case.what}, extrapolated"
    each = took.seconds and took.seconds * 1e3 / case.images
    verdict = "met" if took.peak <= MOST else "not met"
    about = case.preset, what, case.images, case.budget / 2**20, passes
    return *about, *sizes, each, f"<= {MOST >> 20}", verdict


def for_thresholds(case: Case) -> tuple[int, int]:
    """Passes over the images, and the bytes that thresholds take, as the library says.

    In one pass the largest values are kept; in more, three numbers of eight bytes for
    each unit and each of the leading bits that a pass settles.
    """
    protocol = getattr(dissection, case.preset)
    layer = laid(case)[1]
    options = {"num_images": case.images, "protocol": protocol}
    passes = thresholds.count_passes(
        {"layer": layer}, memory_bytes=case.budget, **options
    )
    if passes > 1:
        return passes, 3 * 8 * case.units * 2 ** -(-32 // passes)
    values = case.images * layer.values_per_image(protocol)
    return passes, kept_bytes(protocol.tail_mass, values, case.units)


def laid(case: Case) -> tuple[Centres, Layer]:
    """Where the maps' cells sit on the images, and on the masks."""
    protocol = getattr(dissection, case.preset)
    centres = Centres.square((SIZE / CELLS - 1) / 2, SIZE / CELLS)
    side = SIZE // protocol.stride
    acts = {"layer": np.empty((1, CELLS, CELLS, case.units))}
    labels = np.empty((1, side, side, 1))
    return centres, make_layers(acts, labels, {"layer": centres}, SIZE, protocol)[
        "layer"
    ]


def measured(case: Case) -> Measured:
    """Measure in a fresh process, on the host."""
    done = subprocess.run(
        [sys.executable, __file__],
        input=json.dumps(case),
        env={**os.environ, "JAX_PLATFORMS": "cpu"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return Measured(*json.loads(done.stdout))


def main() -> None:
    """Dissect, and say what it took."""
    case = Case(*json.load(sys.stdin))
    protocol = getattr(dissection, case.preset)
    centres, layer = laid(case)
    batches = partial(draw, case, SIZE // protocol.stride)
    options: dict[str, Any] = {"num_images": case.images, "protocol": protocol}
    options["memory_bytes"] = case.budget
    began = perf_counter()
    if case.what == "thresholds":
        thresholds.find_thresholds(
            lambda name, statistic: accumulate(statistic, batches()),
            {"layer": layer},
            NOTHING,
            levels=None,
            **options,
        )
    else:
        numbers = enumerate(categories(case.concepts))
        concepts = [(str(concept), str(category)) for concept, category in numbers]
        dissection.dissect(batches, concepts, {"layer": centres}, SIZE, **options)
    print(json.dumps(Measured(peak_bytes(), perf_counter() - began)))


def draw(case: Case, side: int) -> Iterator[tuple[dict[str, np.ndarray], np.ndarray]]:
    """Batches of activations after a ReLU, and of label maps."""
    shape = (CELLS, CELLS, case.units)
    for start in range(0, case.images, BATCH):
        count = min(BATCH, case.images - start)
        generator = np.random.default_rng(start)
        acts = generator.standard_normal((count, *shape), np.float32)
        labels = np.zeros((count, side, side, 1), np.int32)
        if case.what == "dissection":
            labels = label_maps(generator, count, side, case.concepts)
        yield {"layer": np.maximum(acts, 0)}, labels


def peak_bytes() -> int:
    """The most memory this process has held.

    Not `ru_maxrss`, which begins with what the process that started this one held.
    """
    (line,) = (s for s in STATUS.read_text().splitlines() if s.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    main()
