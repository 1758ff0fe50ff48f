"""Several trainings of one experiment: each regime with each seed, resumable."""

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jaxdissect import model
from jaxdissect.errors import BadInput
from jaxdissect.experiments.train import experiment, metrics_log
from jaxdissect.experiments.train.planning import Tell, folder_of, make_plan
from jaxdissect.experiments.train.settings import ExperimentSettings, TrainSettings
from jaxdissect.model import Model
from jaxdissect.runs import outputs
from jaxdissect.runs.progress import Progress


class Training(NamedTuple):
    """A finished training.

    Attributes:
        regime: name of its regime.
        seed: its seed.
        settings: what it was told.
        folder: where its files are.
        lines: its metrics.
    """

    regime: str
    seed: int
    settings: TrainSettings
    folder: Path
    lines: list[dict[str, Any]]

    def load(self) -> Model:
        """The trained network."""
        return model.load_trained(self.folder / "weights.safetensors")

    def tested(self) -> list[dict[str, Any]]:
        """The lines of its checkpoints."""
        return [line for line in self.lines if "test_top1" in line]


def train_all(
    regimes: Mapping[str, TrainSettings],
    seeds: tuple[int, ...],
    folder: Path,
    *,
    together: bool,
    progress: Progress | None = None,
    tell: Tell = print,
) -> list[Training]:
    """Train every regime with every seed, but for those already there.

    Args:
        regimes: {name: settings}; seed and folder are replaced.
        seeds: consecutive where trained together.
        folder: of all trainings; each has a folder of its own in it.
        together: all seeds of a regime side by side.
        progress: for bars.
        tell: what is done with sentences.

    Raises:
        BadInput: no seeds, equal ones, or trained together not consecutive ones.
    """
    if together and seeds != tuple(range(seeds[0], seeds[0] + len(seeds))):
        raise BadInput(f"`seeds` is {seeds}; trained together they must be consecutive")
    planned = list(_planned(regimes, seeds, folder, together=together))
    for settings in dict(planned).values():
        # Every mistake shows before the first training.
        make_plan(settings, progress=progress, tell=tell)
    for number, (name, settings) in enumerate(planned, 1):
        tell(f"training {number} of {len(planned)}: {name}, {_seeds(settings)}")
        experiment.train(make_plan(settings, progress=progress, tell=tell))
    return [
        _finished(name, settings, seed)
        for name, settings in planned
        for seed in range(settings.seed, settings.seed + settings.num_seeds)
    ]


def base_of(settings: ExperimentSettings) -> TrainSettings:
    """The training that regimes change."""
    return settings.small if settings.quick else settings.base


def form(settings: ExperimentSettings) -> str:
    """The end of a folder's name, by the form of an experiment."""
    return "-quick" * settings.quick + "-together" * settings.together


def _planned(
    regimes: Mapping[str, TrainSettings],
    seeds: tuple[int, ...],
    folder: Path,
    *,
    together: bool,
) -> Iterator[tuple[str, TrainSettings]]:
    for name, settings in regimes.items():
        place = folder / re.sub(r"\W+", "-", name)
        if together and len(seeds) > 1:
            num_seeds = len(seeds)
            yield (
                name,
                dataclasses.replace(
                    settings, seed=seeds[0], num_seeds=num_seeds, out=place
                ),
            )
        else:
            for seed in seeds:
                out = place / f"seed-{seed}"
                yield name, dataclasses.replace(settings, seed=seed, out=out)


def _seeds(settings: TrainSettings) -> str:
    last = settings.seed + settings.num_seeds - 1
    return f"seed {settings.seed}" + (f" to {last}" if last > settings.seed else "")


def _finished(name: str, settings: TrainSettings, seed: int) -> Training:
    folder = folder_of(settings, seed)
    file = folder / "metrics.jsonl"
    lines = metrics_log.read_metrics(file)
    metrics_log.tested(lines, file)
    own = dataclasses.replace(settings, seed=seed, num_seeds=1)
    return Training(name, seed, own, folder, lines)


def record_of(settings: Any, trained: Sequence[Training]) -> dict[str, Any]:
    """What makes an experiment the same run: its settings and the weights it made."""
    digests = {f"{t.regime}, seed {t.seed}": t.load().digest for t in trained}
    return outputs.manifest(settings, trainings=digests)
