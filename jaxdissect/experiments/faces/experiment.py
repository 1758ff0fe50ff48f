"""A network for each split of the faces: what their classes ask of units."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from jaxdissect.errors import BadInput
from jaxdissect.experiments import gradients, train
from jaxdissect.experiments.faces import writing
from jaxdissect.experiments.faces.settings import FacesSettings
from jaxdissect.runs import publishing
from jaxdissect.runs.progress import Progress, progress_of


class Result(NamedTuple):
    """What the networks of all splits say.

    Attributes:
        splits: [R] their seeds.
        answers: [R] of each split's network, asked about its own test images.
        step_size: what the size of a step is of, in words.
        record: what makes it the same run: settings, versions, hashes of the weights.
    """

    splits: tuple[int, ...]
    answers: tuple[gradients.Result, ...]
    step_size: str
    record: Mapping[str, Any]

    def table(self) -> dict[str, list[Any]]:
        """{column: one value per split}: error, areas between curves, alikeness."""
        return writing.splits(self)

    def write(self, folder: Path) -> None:
        """Means over splits, and the files of each in a folder of its own."""
        writing.write(folder, self)

    def save(self, folder: str | Path) -> None:
        """The files that the command writes, whole or not at all.

        Raises:
            BadInput: the folder holds something else.
        """
        publishing.save(self, Path(folder))

    def __repr__(self) -> str:
        return writing.summary(self.answers)

    def _repr_html_(self) -> str:
        return writing.html(self)


def run(
    settings: FacesSettings,
    *,
    folder: str | Path,
    progress: Progress | bool = True,
) -> Result:
    """Train a network on every split, and ask each.

    Args:
        settings: the training, the splits, and what to ask.
        folder: for the trainings; those that are there already are used.
        progress: whether to show bars.

    Raises:
        BadInput: fewer than two splits, or what `train` and `gradients` refuse.
    """
    shown = progress_of(progress)
    networks = trained(settings, Path(folder), shown, tell=train.untold)
    return ask(settings, networks, shown, tell=train.untold)


def trained(
    settings: FacesSettings,
    folder: Path,
    progress: Progress | None = None,
    tell: Callable[[str], None] = print,
) -> list[train.Training]:
    """The trainings of all splits."""
    splits = settings.splits
    if len(splits) < 2 or len(set(splits)) < len(splits):
        raise BadInput(f"`splits` is {splits}; it takes two different or more")
    # Their names say which data each was trained on; the seed is the same for all.
    return train.train_all(
        {f"split {split}": _of_split(settings, split) for split in splits},
        (settings.base.seed,),
        folder,
        together=False,
        progress=progress,
        tell=tell,
    )


def ask(
    settings: FacesSettings,
    trainings: Sequence[train.Training],
    progress: Progress,
    tell: Callable[[str], None] = print,
) -> Result:
    """What each network says about its own test images."""
    answers = []
    for training in trainings:
        tell(f"asking the network of {training.regime}")
        answers.append(_ask(settings, training, progress))
    return Result(
        settings.splits,
        tuple(answers),
        gradients.SIZES[settings.ask.scaling],
        train.record_of(settings, trainings),
    )


def _of_split(settings: FacesSettings, split: int) -> train.Settings:
    return replace(settings.base, data=replace(settings.base.data, seed=split))


def _ask(
    settings: FacesSettings, training: train.Training, progress: Progress
) -> gradients.Result:
    data = training.settings.data
    # Other random orders for every split, so that their mean is over orders, too.
    asked = replace(settings.ask, data=data, seed=settings.ask.seed + data.seed)
    network = training.load()
    layers = gradients.check(network, asked)
    own = progress.within(training.regime.replace(" ", "-"))
    result = gradients.run(network, None, asked, progress=own)
    return result._replace(facts=gradients.facts(asked, layers))
