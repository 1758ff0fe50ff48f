"""What is timed, and how: passes and sweeps of one network, taking turns."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from statistics import median
from time import perf_counter
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from tqdm import tqdm

from jaxdissect import ablation, networks
from jaxdissect.ablation import EditedTail, Effects, Examples
from jaxdissect.ablation.sweep import CHUNKS
from jaxdissect.streaming import accumulate

FORMATS = (
    ("float32", "highest", jnp.float32),
    ("float32 as TF32", "tensorfloat32", jnp.float32),
    ("bfloat16", "default", jnp.bfloat16),
)
"""(name, matmul precision, dtype) of what a GPU multiplies."""


class Subject(NamedTuple):
    """A network, where it is cut, and how its units are swept.

    Attributes:
        network: the table of stages.
        layer: where it is cut.
        params: on the device.
        images_shape: (B, H, W, 3) of a batch.
        acts_shape: (B, H, W, U) of the layer on a batch.
        sweep: (tail) -> statistic over `Examples`, as `ablation.unit_effects`.
        memory_bytes: budget of a sweep, and of replaying.
    """

    network: networks.Network
    layer: str
    params: Any
    images_shape: tuple[int, ...]
    acts_shape: tuple[int, ...]
    sweep: Callable[[EditedTail], Any]
    memory_bytes: int


class Batch(NamedTuple):
    """Images, their classes, the layer on them, which units stay [B 1 1 U]."""

    images: Array
    targets: np.ndarray
    acts: Array
    stays: Array


class Task(NamedTuple):
    """Something to time: `run(items)`; the first item alone is its warm-up."""

    run: Callable[[Sequence[Any]], Any]
    items: Sequence[Any]


def interleaved(
    tasks: Mapping[Any, Task], repeats: int
) -> tuple[dict[Any, list[float]], dict[Any, Any]]:
    """Seconds of every task, `repeats` times after a warm-up, and what it returned.

    The tasks take turns, so that what slows the machine down for a while slows all of
    them and their ratios stay.
    """
    for run, items in tqdm(tasks.values(), desc="compiling"):
        jax.block_until_ready(run(items[:1]))
    times: dict[Any, list[float]] = {name: [] for name in tasks}
    results = {}
    for name in tqdm([*tasks] * repeats, desc="timing"):
        run, items = tasks[name]
        start = perf_counter()
        results[name] = jax.block_until_ready(run(items))
        times[name].append(perf_counter() - start)
    return times, results


def tasks(subject: Subject, batches: list[Batch]) -> dict[str, Task]:
    """The plain forward pass, and the factored sweep in its three forms."""
    params = subject.params
    plain = jax.jit(partial(networks.apply, subject.network))
    trunk = jax.jit(networks.split(subject.network, subject.layer).trunk)
    every = swept(subject, evaluating(subject, subject.acts_shape[-1]))
    skipping = swept(subject, _tail(subject))

    def acts(batch):
        return trunk(params, batch.images), batch.targets

    def silenced(batch):
        return trunk(params, batch.images) * batch.stays, batch.targets

    return {
        "plain": Task(lambda of: [plain(params, b.images) for b in of], batches),
        "factored": Task(lambda of: every(map(acts, of)), batches),
        "skipping": Task(lambda of: skipping(map(silenced, of)), batches),
        "cached": Task(lambda of: every(map(_cached, of)), batches),
    }


def rivals(
    subject: Subject, batches: list[Batch], *, passes: int, replays: int
) -> dict[str, Task]:
    """Full passes, and the replayed tail, for so many units."""
    trunk, tail = networks.split(subject.network, subject.layer)
    params, keeps = subject.params, 1 - jnp.eye(subject.acts_shape[-1])
    replayed = jax.jit(partial(ablation.edited_outputs, ablation.by_replaying(tail)))

    @jax.jit
    def removed(params, images, keep):
        return tail(params, trunk(params, images) * keep)

    def replay(batches):
        return [replayed(params, b.acts, keeps[:replays]) for b in batches]

    each = [(batch.images, keep) for keep in keeps[:passes] for batch in batches]
    return {
        "full": Task(lambda of: [removed(params, *one) for one in of], each),
        "replayed": Task(replay, batches),
    }


def parts(subject: Subject, batches: list[Batch]) -> dict[tuple[int, int], Task]:
    """The factored sweep after the trunk, of fewer units or images: {(U, B): task}."""
    all_units, all_images = subject.acts_shape[-1], sum(len(b.acts) for b in batches)
    found = {}
    for units, images in (
        *((all_units // part, all_images) for part in (8, 4, 2)),
        *((all_units, all_images // part) for part in (4, 2)),
    ):
        some = swept(subject, evaluating(subject, units))
        task = Task(
            lambda of, s=some: s(map(_cached, of)), list(_first(batches, images))
        )
        found[units, images] = task
    return found


def swept(
    subject: Subject, tail: EditedTail
) -> Callable[[Iterable[tuple[Array, np.ndarray]]], Effects]:
    """Ablate every unit of batches of (activations, classes)."""
    # The value itself would refuse: few images leave most classes without any.
    sweep = subject.sweep(tail)._replace(value=lambda partial: partial)
    return lambda pairs: accumulate(sweep, (Examples(*pair) for pair in pairs))


def evaluating(subject: Subject, units: int) -> EditedTail:
    """The factored tail, made to evaluate the first units on every image."""
    tail = _tail(subject)

    def changed(prepared):
        shape = tail.changed(prepared).shape
        return jnp.broadcast_to(jnp.arange(shape[-1]) < units, shape)

    return tail._replace(changed=changed)


def at_once(subject: Subject) -> tuple[int, int]:
    """(unit, image) pairs in a chunk of a sweep, and units replayed at a time.

    Pairs are 0 where the budget has batches cut first; one unit is always replayed.
    """
    given = subject.params, subject.acts_shape
    budget, (count, *_, units) = (
        {"memory_bytes": subject.memory_bytes},
        subject.acts_shape,
    )
    whole = ablation.by_replaying(networks.split(subject.network, subject.layer).tail)
    pairs = ablation.pairs_that_fit(_tail(subject), *given, **budget)
    sets = ablation.sets_that_fit(whole, *given, **budget)
    return min(pairs, -(-count * units // CHUNKS)), max(1, min(sets, units))


def sweep_memory(subject: Subject) -> int | None:
    """Bytes by which a sweep of one batch raises what the device has ever held.

    To be called first, because the peak cannot be reset; what compiling tries out
    counts too. None where the device does not say, as on a CPU.
    """
    acts = jax.block_until_ready(jnp.ones(subject.acts_shape))
    before = jax.devices()[0].memory_stats() or {}
    if not {"bytes_in_use", "peak_bytes_in_use"} <= before.keys():
        return None
    every = swept(subject, evaluating(subject, subject.acts_shape[-1]))
    every([(acts, np.zeros(len(acts), np.int32))])
    return jax.devices()[0].memory_stats()["peak_bytes_in_use"] - before["bytes_in_use"]


def product_rates(
    subject: Subject, rows: int, per_row: int
) -> list[tuple[str, float, float]]:
    """(format, TFLOP/s of what follows the next linear map, of one matrix product).

    Both run on as many rows; `per_row` are multiply-accumulates of what follows. On a
    GPU only; empty elsewhere.
    """
    if jax.default_backend() != "gpu":
        return []
    tail, found = networks.factored(subject.network, subject.layer), []
    z = jax.eval_shape(
        lambda p, acts: tail.linear(p, tail.unitwise(p, acts)),
        subject.params,
        jax.ShapeDtypeStruct(subject.acts_shape, jnp.float32),
    )
    rest, product = jax.jit(tail.rest), jax.jit(jnp.matmul)
    for name, precision, dtype in FORMATS:
        params = jax.tree.map(lambda leaf, to=dtype: leaf.astype(to), subject.params)
        x = jnp.ones((rows, z.shape[-1]), dtype)
        square = jnp.ones((z.shape[-1], z.shape[-1]), dtype)
        with jax.default_matmul_precision(precision):
            rest_rate = rate(
                partial(rest, params, x[:, None, None]), 2 * per_row * rows
            )
            product_rate = rate(partial(product, x, square), 2 * square.size * rows)
        found.append((name, rest_rate / 1e12, product_rate / 1e12))
    return found


def rate(run: Callable[[], Any], operations: int, *, calls: int = 20) -> float:
    """Operations per second, the median of five rounds.

    The calls of a round are queued at once, which hides the host's part in each.
    """
    task = Task(lambda rounds: [run() for _ in range(calls)], [None])
    times, _ = interleaved({"": task}, 5)
    return calls * operations / median(times[""])


def _tail(subject: Subject) -> EditedTail:
    return ablation.by_factoring(networks.factored(subject.network, subject.layer))


def _cached(batch: Batch) -> tuple[Array, np.ndarray]:
    return batch.acts, batch.targets


def _first(batches: list[Batch], images: int) -> Iterator[Batch]:
    for batch in batches:
        if images > 0:
            yield Batch(*(array[:images] for array in batch))
        images -= len(batch.images)
