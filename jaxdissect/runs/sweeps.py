"""One pass of a network over images, with every statistic of every layer at once."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxdissect import ablation, model, networks
from jaxdissect.base import AnyArray, Statistic
from jaxdissect.errors import BadInput
from jaxdissect.model import Model
from jaxdissect.runs.halves import Halves
from jaxdissect.runs.progress import Progress
from jaxdissect.settings import SweepSettings
from jaxdissect.streaming import combine

Parts = Mapping[str, Mapping[str, Statistic]]
"""{layer: {name: statistic of (acts, targets, logits, key)}}."""

Replacement = Callable[[Array, Array], AnyArray]
"""(acts [B H W U], key) -> what edited units become."""


class Pass(NamedTuple):
    """What a pass over a split needs beside the statistics.

    Attributes:
        trained: the network.
        config: of the experiment.
        progress: how far it is.
        images: to rank units on, and others to judge them on.
    """

    trained: Model
    config: SweepSettings
    progress: Progress
    images: Halves


def zero(acts: Array, key: Array) -> np.ndarray:
    """The replacement that removes units."""
    return ablation.ZERO


def on_acts(statistic: Statistic, replacement: Replacement = zero) -> Statistic:
    """A sweep as a part."""

    def measure(acts, targets, logits, key):
        return statistic.measure(acts, targets, replacement(acts, key))

    return statistic._replace(measure=measure)


def on_logits(statistic: Statistic) -> Statistic:
    """A statistic of (acts, targets, logits), such as attributes, as a part."""

    def measure(acts, targets, logits, key):
        return statistic.measure(acts, targets, logits)

    return statistic._replace(measure=measure)


def seen_rotated(part: Statistic, rotation: Array) -> Statistic:
    """A part that sees the layer's units rotated."""

    def measure(acts, targets, logits, key):
        turned = jnp.matmul(acts, rotation.T, precision="highest")
        return part.measure(turned, targets, logits, key)

    return part._replace(measure=measure)


def measure_split(
    this: Pass, parts: Parts, split: str, *, label: str
) -> dict[str, dict[str, Any]]:
    """Every part's value over the ranking or the reporting images.

    Args:
        this: the network, the images, and how to run it.
        parts: what to measure.
        split: "rank" or "report".
        label: of the progress bar, and of the file that holds the progress.
    """
    images, first = {"rank": this.images.rank, "report": this.images.report}[split]
    size = this.config.batch_size
    starts, key = range(0, images.num_images, size), jax.random.key(this.config.seed)

    def batch(number: int) -> tuple[Any, ...]:
        start = starts[number]
        chosen = np.arange(start, min(start + size, images.num_images))
        return *images.read(chosen), jax.random.fold_in(key, first + start)

    statistic = _network_statistic(this.trained, parts)
    return this.progress.accumulate(statistic, batch, len(starts), label)


class Sweeps(NamedTuple):
    """The two kinds of sweep of one layer, for given parameters and budget.

    Attributes:
        units: () -> statistic of every single unit.
        sets: (keeps [N U]) -> statistic of sets of units.
    """

    units: Callable[[], Statistic]
    sets: Callable[[np.ndarray], Statistic]


def sweeps(this: Pass, layer: str) -> Sweeps:
    """Sweeps of one layer, by the cheaper way that fits."""
    memory_bytes = this.config.memory_mib * 2**20
    return sweeps_of(this, this.trained.edited_tail(layer, memory_bytes=memory_bytes))


def rotated_sweeps(this: Pass, layer: str, rotation: Array) -> Sweeps:
    """Sweeps of a layer's rotated units, for parts `seen_rotated`."""
    split = networks.split(this.trained.network, layer)
    turned = ablation.rotated(split, rotation)
    return sweeps_of(this, ablation.by_replaying(turned.tail))


def sweeps_of(this: Pass, edited: ablation.EditedTail) -> Sweeps:
    """Sweeps of an edited tail, that count the classes that occur."""
    params, classes = this.trained.weights.params, this.images.numbers
    settings: dict[str, Any] = {
        "num_classes": len(this.trained.classes),
        "memory_bytes": this.config.memory_mib * 2**20,
    }

    def units() -> Statistic:
        swept = ablation.unit_effects(edited, params, **settings)
        return _counting(swept, classes)

    def sets(keeps: np.ndarray) -> Statistic:
        swept = ablation.set_effects(edited, params, keeps, **settings)
        return _counting(swept, classes)

    return Sweeps(units, sets)


def attributes(this: Pass) -> Statistic:
    """Attributes of units, as a part, for the classes that occur."""
    num_classes, numbers = len(this.trained.classes), this.images.numbers.tolist()
    return on_logits(ablation.unit_attributes(num_classes, classes=numbers))


def num_units(trained: Model, layer: str) -> int:
    """How many units a layer has.

    Raises:
        BadInput: unknown layer, one without units or weights, or fewer than three
            units, too few to rank.
    """
    (*_, units) = model.unit_shapes(trained, (layer,))[layer]
    before = trained.network[: networks.layer_index(trained.network, layer) + 1]
    params = trained.weights.params
    if not any(jax.tree.leaves(params.get(stage.name)) for stage in before):
        raise BadInput(f"`layer` is {layer!r}, which no weights lead to")
    if units < 3:
        raise BadInput(f"`layer` is {layer!r}, which has {units} units; 3 are needed")
    return units


def incoming_norm(trained: Model, layer: str) -> np.ndarray:
    """L1 norm of every unit's incoming weights, [U]."""
    linear = networks.incoming_layer(trained.network, layer)
    kernel = np.asarray(trained.weights.params[linear]["params"]["kernel"])
    return np.abs(kernel).sum(tuple(range(kernel.ndim - 1)))


def known_norm(trained: Model, layer: str) -> dict[str, np.ndarray]:
    """{its name: `incoming_norm`}; nothing where no single linear map makes the units.

    Such are sums, as of residual blocks, and layers of networks from elsewhere.
    """
    try:
        return {"L1 norm of weights": incoming_norm(trained, layer)}
    except BadInput:
        return {}


def share_of_units(share: float, num_units: int) -> int:
    """How many units a share is, at least one.

    Raises:
        BadInput: not a share.
    """
    if not 0 < share < 1:
        raise BadInput(f"`share` is {share}; it must be in (0, 1)")
    return max(1, round(share * num_units))


def _counting(statistic: Statistic, classes: np.ndarray) -> Statistic:
    """A sweep whose counts are of some classes only."""

    def measure(*batch):
        return ablation.of_classes(statistic.measure(*batch), classes)

    return statistic._replace(measure=measure)


def _network_statistic(trained: Model, parts: Parts) -> Statistic:
    forward = model.forward_to(trained.network, (*parts, "logits"))
    of_all = combine(**{layer: combine(**named) for layer, named in parts.items()})

    def measure(images, targets, key):
        acts = forward(trained.weights.params, images)
        return {
            layer: {
                name: part.measure(acts[layer], targets, acts["logits"], key)
                for name, part in statistics.items()
            }
            for layer, statistics in parts.items()
        }

    return of_all._replace(measure=measure)
