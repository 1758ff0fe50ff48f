"""Regularisers side by side: accuracy, robustness, what units look for."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from jaxdissect import dissection, networks
from jaxdissect.base import Params
from jaxdissect.errors import BadInput
from jaxdissect.experiments import train
from jaxdissect.experiments.regimes import robustness, tables, writing
from jaxdissect.experiments.regimes.settings import RegimesSettings
from jaxdissect.experiments.regimes.tables import BASELINE
from jaxdissect.networks import architectures
from jaxdissect.runs import datasets, publishing
from jaxdissect.runs.progress import Progress, progress_of
from jaxdissect.settings import ProtocolSettings


class Measured(NamedTuple):
    """What is known of one training.

    Attributes:
        regime: its name.
        seed: its seed.
        train_top1: of the last epoch, in training mode.
        last_top1: test accuracy after the last epoch.
        best_top1: test accuracy after the best epoch, chosen on the test images.
        clean_top1: on the attacked images before the attack.
        white_box: [S] on those images, attacked through the network itself.
        transferred: [S] attacked through the baseline of another seed.
        gradient_norm: mean L2 norm of the input gradient of the loss of held-out
            images, in units of pixels in [0, 1].
        detectors: {category: units that detect one of its concepts}.
        unique_labels: different labels of the detectors.
        unique_by_category: different best concepts in each category, summed.
    """

    regime: str
    seed: int
    train_top1: float
    last_top1: float
    best_top1: float
    clean_top1: float
    white_box: Float[np.ndarray, "S"]
    transferred: Float[np.ndarray, "S"]
    gradient_norm: float
    detectors: Mapping[str, int]
    unique_labels: int
    unique_by_category: int


class Result(NamedTuple):
    """What all trainings came to.

    Attributes:
        measured: one for each regime and seed.
        settings: of the experiment.
        record: what makes it the same run: settings, versions, hashes of the weights.
    """

    measured: tuple[Measured, ...]
    settings: RegimesSettings
    record: Mapping[str, Any]

    def table(self) -> dict[str, list[Any]]:
        """{column: one value per training}."""
        return tables.trainings(self.measured)

    def write(self, folder: Path) -> None:
        """Tables as CSV, figures as PNG, and one page of Markdown."""
        writing.write(folder, self)

    def save(self, folder: str | Path) -> None:
        """The files that the command writes, whole or not at all.

        Raises:
            BadInput: the folder holds something else.
        """
        publishing.save(self, Path(folder))

    def __repr__(self) -> str:
        return "\n".join(writing.sentences(self))

    def _repr_html_(self) -> str:
        return writing.html(self)


def run(
    settings: RegimesSettings, *, folder: str | Path, progress: Progress | bool = True
) -> Result:
    """Train every regime with every seed; attack and dissect the networks.

    Args:
        settings: the training, the regimes, seeds and attacks.
        folder: for the trainings; those that are there already are used.
        progress: whether to show bars.

    Raises:
        BadInput: a setting that cannot be, or what `train` refuses.
    """
    shown = progress_of(progress)
    trainings = trained(settings, Path(folder), shown, train.untold)
    return measure(settings, trainings, shown)


def trained(
    settings: RegimesSettings,
    folder: Path,
    progress: Progress | None = None,
    tell: Callable[[str], None] = print,
) -> list[train.Training]:
    """All trainings, those that are there already as they are."""
    if BASELINE not in settings.regimes:
        raise BadInput(
            f"`regimes` is {settings.regimes}; {BASELINE!r} must be among them"
        )
    base = train.base_of(settings)
    return train.train_all(
        {name: REGIMES[name](base) for name in settings.regimes},
        settings.seeds,
        folder,
        together=settings.together,
        progress=progress,
        tell=tell,
    )


def _regularized(base: train.Settings, **sections: Any) -> train.Settings:
    return replace(base, regularize=train.RegularizeSettings(**sections))


def _penalized(
    weight: float, **settings: Any
) -> Callable[[train.Settings], train.Settings]:
    penalty = train.InputGradientSettings(weight=weight, units="normalised", **settings)
    return lambda base: _regularized(base, input_gradient=penalty)


def _differences(base: train.Settings) -> train.Settings:
    # The thesis's own run: batches of 32, and .05 in our convention is its .1.
    optim = replace(base.optim, batch_size=min(32, base.optim.batch_size))
    base = replace(base, optim=optim)
    return _penalized(0.05, estimator="central", step=1.0)(base)


def _focused(mode: Any, *layers: str) -> Callable[[train.Settings], train.Settings]:
    settings = train.FocusedDropoutSettings(rate=0.1, mode=mode, layers=layers)
    return lambda base: _regularized(base, focused_dropout=settings)


REGIMES: Mapping[str, Callable[[train.Settings], train.Settings]] = {
    "none": lambda base: _regularized(base),
    "dropout": lambda base: _regularized(
        base, dropout=train.MapDropoutSettings(rate=0.2)
    ),
    "dropblock": lambda base: _regularized(
        base, dropblock=train.DropBlockSettings(rate=0.1)
    ),
    "focused dropout": _focused("paper"),
    "focused dropout algorithm1": _focused("algorithm1"),
    "focused dropout per element": _focused("per_element", "every"),
    "input gradient": _penalized(0.1),
    "input gradient differences": _differences,
    "input gradient weak": _penalized(0.01),
    "input gradient strong": _penalized(1.0),
    "spatial dropout": lambda base: _regularized(
        base, spatial_dropout=train.MapDropoutSettings(rate=0.1)
    ),
}
"""{name: what it makes of the base training}; input gradients are those of normalised
pixels, in which the thesis took its differences."""


def measure(
    settings: RegimesSettings, trainings: Sequence[train.Training], progress: Progress
) -> Result:
    """Attack and dissect every network."""
    base = train.base_of(settings)
    size, _ = base.schedule[-1]
    source = datasets.open_source(base.data, (size,), progress)
    _, test = source.at(size)
    network = architectures.build_network(base.network, len(source.classes))
    number = min(settings.num_attacked, test.num_images)
    bench = robustness.make_bench(network, test, number)
    detectors = _detectors(settings, base, network, size)
    params = {(t.regime, t.seed): t.load().params for t in trainings}
    steps, seeds = (0.0, *settings.steps), settings.seeds
    through_baseline = {
        seed: [bench.attack(params[BASELINE, seed], step) for step in steps]
        for seed in progress.bar(seeds, len(seeds), "attacking")
    }
    # Of another seed, or the baseline would be under a white-box attack here too.
    other = dict(zip(seeds, (*seeds[1:], seeds[0]), strict=True))
    measured = []
    for t in progress.bar(trainings, len(trainings), "attacking and dissecting"):
        own, tested = params[t.regime, t.seed], t.tested()
        white_box = [bench.top1(own, bench.attack(own, step)) for step in steps]
        transferred = [bench.top1(own, x) for x in through_baseline[other[t.seed]]]
        measured.append(
            Measured(
                t.regime,
                t.seed,
                tested[-1]["train_top1"],
                tested[-1]["test_top1"],
                max(line["test_top1"] for line in tested),
                white_box[0],
                np.array(white_box[1:]),
                np.array(transferred[1:]),
                bench.gradient_norm(own),
                *detectors(own),
            )
        )
    return Result(tuple(measured), settings, train.record_of(settings, trainings))


def _detectors(
    settings: RegimesSettings,
    base: train.Settings,
    network: networks.Network,
    size: int,
) -> Callable[[Params], tuple[dict[str, int], int, int]]:
    """params -> what the last convolutional layer detects.

    Detectors by category, unique labels, unique labels within categories.
    """
    *_, layer = networks.unit_layers(network)
    protocol = train.make_protocol(ProtocolSettings(), size)
    dissect = train.make_dissect(
        base, network, (layer,), protocol, settings.num_images, size
    )
    concepts = train.probe_concepts(base)

    def detectors(params: Params) -> tuple[dict[str, int], int, int]:
        result = dissect(params)[layer]
        headline = dissection.headline(result, concepts, protocol)
        labels = result.detectors.concept[result.detectors.is_detector]
        names = [concepts[label].category for label in labels]
        counts = {c.category: names.count(c.category) for c in concepts}
        return counts, headline.unique_labels, headline.unique_by_category

    return detectors
