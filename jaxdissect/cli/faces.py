"""`train` with a FacesConfig: a network for each split of the faces, each asked."""

import dataclasses
from pathlib import Path

from jaxdissect.base import BadInput
from jaxdissect.cli import build, datasets, gradients, trainings
from jaxdissect.cli.config import FacesConfig, GradientsConfig, TrainConfig
from jaxdissect.cli.publishing import Work, make_once
from jaxdissect.cli.trainings import Training
from jaxdissect.reports import figures
from jaxdissect.reports.gradients import results, several
from jaxdissect.reports.gradients.answers import Answers


def run(config: FacesConfig) -> None:
    """Train a network on every split, ask each, and write to `config.out`."""
    build.use_compilation_cache()
    if len(config.splits) < 2 or len(set(config.splits)) < len(config.splits):
        raise BadInput(f"`splits` is {config.splits}; it takes two different or more")
    out = config.out or Path("runs") / f"faces-{config.base.data.name}"
    # Their names say which data each was trained on; the seed is the same for all.
    trained = trainings.train_all(
        {f"split {split}": of_split(config, split) for split in config.splits},
        (config.base.seed,),
        out / "trainings",
        together=False,
    )
    manifest = trainings.provenance(config, trained)

    def make(work: Work) -> None:
        found = [ask(config, training, work.results) for training in trained]
        several.write(work.results, found, config.splits, config.ask.scaling)

    make_once(out / "results", manifest, make)
    print(f"results: {out / 'results' / 'results.md'}")


def of_split(config: FacesConfig, split: int) -> TrainConfig:
    """The training on one split."""
    data = dataclasses.replace(config.base.data, seed=split)
    return dataclasses.replace(config.base, data=data)


def ask(config: FacesConfig, training: Training, folder: Path) -> Answers:
    """What one network says; its files go into a folder of its own."""
    data = training.config.data
    # Other random orders for every split, so that their mean is over orders, too.
    asked_for: GradientsConfig = dataclasses.replace(
        config.ask, data=data, seed=config.ask.seed + data.seed
    )
    network = training.load()
    layers = gradients.check(asked_for, network)
    source = datasets.open_source(asked_for.data, (network.image_size,))
    print(f"asking the network of {training.regime}")
    asked, pictures = gradients.ask(asked_for, network, source, layers)
    own = folder / training.regime.replace(" ", "-")
    own.mkdir()
    results.write(own, asked.answers, gradients.facts(asked_for, layers))
    for name, figure in pictures.items():
        figures.save(figure, own / f"{name}.png")
    return asked.answers
