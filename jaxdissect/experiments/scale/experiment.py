"""Units chosen on some images, scaled on others: outputs, or weights."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxdissect import ablation, metrics, networks
from jaxdissect.base import AnyArray, Statistic
from jaxdissect.experiments.scale import writing
from jaxdissect.experiments.scale.settings import ScaleSettings
from jaxdissect.model import Model
from jaxdissect.runs import halves, publishing, sweeps
from jaxdissect.runs.halves import Halves
from jaxdissect.runs.progress import Progress, progress_of
from jaxdissect.runs.sweeps import Pass
from jaxdissect.significance import mcnemar


class Scaled(NamedTuple):
    """One set of units scaled by one factor in one way; accuracies are fractions.

    Attributes:
        kind: what is scaled: outputs, or weights with or without their bias.
        factor: what it is multiplied with.
        which: the units.
        units: their numbers; of random ones, of the first draw.
        top1: accuracy over all classes.
        balanced: mean balanced accuracy.
        change: of top-1; for random units, the mean over draws.
        low: lower end of its 95 % paired bootstrap interval; for random units, the
            lowest draw.
        high: upper end, or the highest draw.
        p: exact McNemar p-value of the change; 1 for random units.
    """

    kind: str
    factor: float
    which: str
    units: list[int]
    top1: float
    balanced: float
    change: float
    low: float
    high: float
    p: float


class Result(NamedTuple):
    """What scaling units of a layer did.

    Attributes:
        layer: whose units were scaled.
        rows: one for each kind, factor and set of units.
        images_used: sentences on the images; none of scenes.
        record: what makes it the same run: settings, versions, hashes of what it read.
    """

    layer: str
    rows: tuple[Scaled, ...]
    images_used: tuple[str, ...]
    record: Mapping[str, Any]

    def table(self) -> dict[str, list[Any]]:
        """{column: one value for each kind, factor and set of units}."""
        return writing.columns(self.rows)

    def write(self, folder: Path) -> None:
        """Table, figures and findings into a folder."""
        writing.write(folder, self)

    def save(self, folder: str | Path) -> None:
        """The files that the command writes, whole or not at all.

        Raises:
            BadInput: the folder holds something else.
        """
        publishing.save(self, Path(folder))

    def __repr__(self) -> str:
        return "\n".join(writing.sentences(self.layer, self.rows))

    def _repr_html_(self) -> str:
        return writing.html(self)


def run(
    model: Model,
    images: Halves,
    settings: ScaleSettings | None = None,
    *,
    progress: Progress | bool = True,
) -> Result:
    """Choose the best and the worst units of a layer, and scale them.

    Args:
        model: the network.
        images: to choose units on, and others to report on.
        settings: which layer, and which factors.
        progress: whether to show bars.

    Raises:
        BadInput: an unknown layer, or one with too few units.
    """
    settings = settings or ScaleSettings()
    units, size = check(model, settings)
    this = Pass(model, settings, progress_of(progress), images)
    sets = chosen_sets(settings, _order(settings, this), size)
    measured = measure(settings, this, sets, units)
    key = jax.random.fold_in(jax.random.key(settings.seed), 1)
    rows = scaled(key, measured, sets)
    record = halves.manifest(settings, model, images)
    return Result(settings.layer, tuple(rows), tuple(images.said), record)


def check(model: Model, settings: ScaleSettings) -> tuple[int, int]:
    """(units of the layer, units that are scaled together).

    Raises:
        BadInput: an unknown layer, one with too few units, or without a linear map.
    """
    units = sweeps.num_units(model, settings.layer)
    networks.incoming_layer(model.network, settings.layer)
    return units, sweeps.share_of_units(settings.share, units)


def _order(settings: ScaleSettings, this: Pass) -> np.ndarray:
    """Units [U] from the one whose removal costs most, over all classes, to the least.

    By the mean log-probability of the true class, as few answers flip.
    """
    units = sweeps.on_acts(sweeps.sweeps(this, settings.layer).units())
    found = sweeps.measure_split(
        this, {settings.layer: {"units": units}}, "rank", label="ranking units"
    )
    cost = ablation.drops(found[settings.layer]["units"]).log_probability
    return ablation.rank_units(cost.mean(1, keepdims=True))[0]


def chosen_sets(
    settings: ScaleSettings, order: np.ndarray, size: int
) -> dict[str, list[list[int]]]:
    """{what they are: sets of units}; random ones are several."""
    units = order.tolist()
    orders = ablation.random_orders(
        jax.random.key(settings.seed), settings.random_draws, len(units)
    ).tolist()
    return {
        "best unit": [units[:1]],
        "worst unit": [units[-1:]],
        f"best {size} units": [units[:size]],
        f"worst {size} units": [units[-size:]],
        "a random unit": [o[:1] for o in orders],
        f"{size} random units": [o[:size] for o in orders],
    }


def measure(
    settings: ScaleSettings,
    this: Pass,
    sets: Mapping[str, Sequence[list[int]]],
    num_units: int,
) -> dict[str, dict[float, ablation.Effects]]:
    """{kind of scaling: {factor: effects on all sets in turn}}."""
    layer = settings.layer
    linear = networks.incoming_layer(this.trained.network, layer)
    keeps = ablation.set_keeps([s for group in sets.values() for s in group], num_units)
    bias = this.trained.params[linear]["params"]["bias"]
    kinds = {
        "outputs": (layer, ablation.ZERO),
        "weights and bias": (linear, ablation.ZERO),
        "weights without bias": (linear, bias),
    }
    swept = {name: sweeps.sweeps(this, name).sets(keeps) for name in (layer, linear)}
    parts: dict[str, dict[str, Statistic]] = {layer: {}, linear: {}}
    for kind, (name, about) in kinds.items():
        for factor in settings.factors:
            part = sweeps.on_acts(swept[name], _scaling(factor, about))
            parts[name][f"{kind} {factor}"] = part
    found = sweeps.measure_split(this, parts, "report", label="scaling units")
    return {
        kind: {f: found[name][f"{kind} {f}"] for f in settings.factors}
        for kind, (name, _) in kinds.items()
    }


def _scaling(factor: float, about: AnyArray) -> sweeps.Replacement:
    return lambda acts, key: ablation.scaled(acts, factor, about=about)


def scaled(
    key: jax.Array,
    measured: Mapping[str, Mapping[float, ablation.Effects]],
    sets: Mapping[str, Sequence[list[int]]],
) -> list[Scaled]:
    """Intervals for chosen units, ranges for random ones.

    Args:
        key: PRNG key, consumed.
        measured: {kind: {factor: effects on all sets in turn}}.
        sets: {which: sets of units}; several are draws of the same kind.
    """
    rows = []
    for i, (kind, factors) in enumerate(measured.items()):
        for j, (factor, effects) in enumerate(factors.items()):
            each = jax.random.fold_in(jax.random.fold_in(key, i), j)
            change = -ablation.drops(effects).top1
            ends = ablation.top1_interval(each, effects)
            p = mcnemar(effects.lost.sum(1), effects.gained.sum(1))
            after = ablation.edited_counts(effects)
            top1, balanced = metrics.top1(after), metrics.balanced_accuracy(after)
            start = 0
            for which, group in sets.items():
                at = slice(start, start + len(group))
                start += len(group)
                several = len(group) > 1
                low, high = (
                    (change[at].min(), change[at].max())
                    if several
                    else (-ends.high[at][0], -ends.low[at][0])
                )
                numbers = (
                    top1[at].mean(),
                    balanced[at].mean(),
                    change[at].mean(),
                    low,
                    high,
                    1.0 if several else p[at][0],
                )
                rows.append(
                    Scaled(kind, factor, which, group[0], *map(_plain, numbers))
                )
    return rows


def _plain(value) -> float:
    return float(value) + 0.0  # no negative zeros in tables
