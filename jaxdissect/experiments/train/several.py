"""Several trainings of one experiment: each regime with each seed, resumable."""

import dataclasses
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from jaxdissect import model
from jaxdissect.errors import BadInput
from jaxdissect.experiments.train import command as train
from jaxdissect.experiments.train import metrics_log
from jaxdissect.experiments.train.settings import ExperimentSettings, TrainSettings
from jaxdissect.model import Model
from jaxdissect.runs import outputs


class Training(NamedTuple):
    """A finished training.

    Attributes:
        regime: name of its regime.
        seed: its seed.
        config: what it was told.
        folder: where its files are.
        lines: its metrics.
    """

    regime: str
    seed: int
    config: TrainSettings
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
) -> list[Training]:
    """Train every regime with every seed, but for those already there.

    Args:
        regimes: {name: config}; seed and folder are replaced.
        seeds: consecutive where trained together.
        folder: of all trainings; each has a folder of its own in it.
        together: all seeds of a regime side by side.

    Raises:
        BadInput: no seeds, equal ones, or trained together not consecutive ones.
    """
    if together and seeds != tuple(range(seeds[0], seeds[0] + len(seeds))):
        raise BadInput(f"`seeds` is {seeds}; trained together they must be consecutive")
    planned = list(_planned(regimes, seeds, folder, together=together))
    for config in dict(planned).values():
        train.make_plan(config)  # every mistake shows before the first training
    for number, (name, config) in enumerate(planned, 1):
        print(f"training {number} of {len(planned)}: {name}, {_seeds(config)}")
        train.run(config)
    return [
        _finished(name, dataclasses.replace(config, seed=seed, num_seeds=1), place)
        for name, config in planned
        for seed, place in _places(config)
    ]


def form(config: ExperimentSettings) -> str:
    """The end of a folder's name, by the form of an experiment."""
    return "-quick" * config.quick + "-together" * config.together


def _planned(
    regimes: Mapping[str, TrainSettings],
    seeds: tuple[int, ...],
    folder: Path,
    *,
    together: bool,
) -> Iterator[tuple[str, TrainSettings]]:
    for name, config in regimes.items():
        place = folder / re.sub(r"\W+", "-", name)
        if together and len(seeds) > 1:
            num_seeds = len(seeds)
            yield (
                name,
                dataclasses.replace(
                    config, seed=seeds[0], num_seeds=num_seeds, out=place
                ),
            )
        else:
            for seed in seeds:
                out = place / f"seed-{seed}"
                yield name, dataclasses.replace(config, seed=seed, out=out)


def _places(config: TrainSettings) -> Iterator[tuple[int, Path]]:
    for seed in range(config.seed, config.seed + config.num_seeds):
        several = config.num_seeds > 1
        yield seed, config.out / f"seed-{seed}" if several else config.out


def _seeds(config: TrainSettings) -> str:
    last = config.seed + config.num_seeds - 1
    return f"seed {config.seed}" + (f" to {last}" if last > config.seed else "")


def _finished(name: str, config: TrainSettings, folder: Path) -> Training:
    file = folder / "metrics.jsonl"
    lines = metrics_log.read_metrics(file)
    metrics_log.tested(lines, file)
    return Training(name, config.seed, config, folder, lines)


def provenance(config: Any, trained: list[Training]) -> dict[str, Any]:
    """What makes an experiment the same run: its config and the weights it made."""
    digests = {f"{t.regime}, seed {t.seed}": t.load().weights.digest for t in trained}
    return outputs.manifest(config, trainings=digests)
