"""`train` with a FacesSettings: a network for each split of the faces, each asked."""

import dataclasses
from pathlib import Path

from jaxdissect import caching
from jaxdissect.errors import BadInput
from jaxdissect.experiments.faces import results as several
from jaxdissect.experiments.faces.settings import FacesSettings
from jaxdissect.experiments.gradients import command as gradients
from jaxdissect.experiments.gradients import results
from jaxdissect.experiments.gradients.answers import Answers
from jaxdissect.experiments.gradients.settings import GradientsSettings
from jaxdissect.experiments.train import several as trainings
from jaxdissect.experiments.train.settings import TrainSettings
from jaxdissect.experiments.train.several import Training
from jaxdissect.plots import figures
from jaxdissect.runs import datasets
from jaxdissect.runs.publishing import Work, make_once


def run(config: FacesSettings) -> None:
    """Train a network on every split, ask each, and write to `config.out`."""
    caching.use_compilation_cache()
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


def of_split(config: FacesSettings, split: int) -> TrainSettings:
    """The training on one split."""
    data = dataclasses.replace(config.base.data, seed=split)
    return dataclasses.replace(config.base, data=data)


def ask(config: FacesSettings, training: Training, folder: Path) -> Answers:
    """What one network says; its files go into a folder of its own."""
    data = training.config.data
    # Other random orders for every split, so that their mean is over orders, too.
    asked_for: GradientsSettings = dataclasses.replace(
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
