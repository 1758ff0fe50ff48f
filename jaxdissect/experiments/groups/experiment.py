"""Weight decay, block norm, receptive-field losses: how interpretable units become.

The interpretability score of a network is the number of unique labels of its detectors,
summed over layers.

Reference:
    Varshneya et al., Learning interpretable concept groups in CNNs, IJCAI 2021.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from jaxdissect import dissection, networks
from jaxdissect.experiments import train
from jaxdissect.experiments.groups import writing
from jaxdissect.experiments.groups.settings import GroupsSettings
from jaxdissect.model import Model
from jaxdissect.regularizers import block_norm
from jaxdissect.runs import publishing
from jaxdissect.runs.progress import Progress, progress_of


class Measured(NamedTuple):
    """What is known of one training.

    Attributes:
        network: its name; "-B" at the end means BatchNorm.
        regime: one of `writing.REGIMES`.
        seed: its seed.
        top1: test accuracy after the last epoch, a fraction.
        unique_labels: {layer: different labels of its detectors}.
        unique_by_category: different best concepts in each category, summed over
            categories and layers.
        relevance: {layer: [G] norm of each group of filters}.
    """

    network: str
    regime: str
    seed: int
    top1: float
    unique_labels: Mapping[str, int]
    unique_by_category: int
    relevance: Mapping[str, Float[np.ndarray, "G"]]

    def score(self) -> int:
        """Unique labels, summed over layers."""
        return sum(self.unique_labels.values())

    def unevenness(self) -> float:
        """Coefficient of variation of the groups' norms, mean over layers."""
        spreads = [beta.std() / beta.mean() for beta in self.relevance.values()]
        return float(np.mean(spreads))


class Result(NamedTuple):
    """What all trainings came to.

    Attributes:
        measured: one for each network, regime and seed.
        base: the training that regimes change.
        record: what makes it the same run: settings, versions, hashes of the weights.
    """

    measured: tuple[Measured, ...]
    base: train.Settings
    record: Mapping[str, Any]

    def table(self) -> dict[str, list[Any]]:
        """{column: one value per training}."""
        return writing.trainings(self.measured)

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
        return "\n".join(writing.sentences(self.measured))

    def _repr_html_(self) -> str:
        return writing.html(self)


def run(
    settings: GroupsSettings, *, folder: str | Path, progress: Progress | bool = True
) -> Result:
    """Train every network and regime with every seed, and dissect them.

    Args:
        settings: the training, weights of the regularisers, seeds.
        folder: for the trainings; those that are there already are used.
        progress: whether to show bars.

    Raises:
        BadInput: a setting that cannot be, or what `train` refuses.
    """
    shown = progress_of(progress)
    trainings = trained(settings, Path(folder), shown, train.untold)
    return measure(settings, trainings, shown)


def trained(
    settings: GroupsSettings,
    folder: Path,
    progress: Progress | None = None,
    tell: Callable[[str], None] = print,
) -> list[train.Training]:
    """All trainings, those that are there already as they are."""
    base = train.base_of(settings)
    train.make_protocol(settings.protocol, base.schedule[-1][0])
    return train.train_all(
        dict(regimes(settings, base)),
        settings.seeds,
        folder,
        together=settings.together,
        progress=progress,
        tell=tell,
    )


def regimes(
    settings: GroupsSettings, base: train.Settings
) -> Iterator[tuple[str, train.Settings]]:
    """(network, regime) and its training, by name."""
    norm = train.BlockNormSettings(weight=settings.block_norm)
    fields = train.FieldsSettings(
        settings.group, settings.spatial, settings.loss_layers
    )
    no_decay = replace(base.optim, weight_decay=0.0)
    regularizers = {
        "weight decay": train.RegularizeSettings(),
        "block norm": train.RegularizeSettings(block_norm=norm),
        "block norm and fields": train.RegularizeSettings(
            block_norm=norm, fields=fields
        ),
    }
    for batch_norm in settings.batch_norm:
        network = replace(base.network, batch_norm=batch_norm)
        name = base.network.architecture + ("-B" if batch_norm else "")
        for regime, regularize in regularizers.items():
            optim = base.optim if regime == "weight decay" else no_decay
            changed = replace(base, network=network, optim=optim, regularize=regularize)
            yield f"{name}, {regime}", changed


def measure(
    settings: GroupsSettings, trainings: Sequence[train.Training], progress: Progress
) -> Result:
    """Dissect all convolutional layers of every network."""
    bar = progress.bar(trainings, len(trainings), "dissecting")
    measured = tuple(_measured(settings, training) for training in bar)
    record = train.record_of(settings, trainings)
    return Result(measured, train.base_of(settings), record)


def _measured(settings: GroupsSettings, training: train.Training) -> Measured:
    model, own = training.load(), training.settings
    layers = networks.conv_layers(model.network)
    protocol = train.make_protocol(settings.protocol, model.image_size)
    dissect = train.make_dissect(
        own, model.network, layers, protocol, settings.num_images, model.image_size
    )
    concepts = train.probe_concepts(own)
    headlines = {
        layer: dissection.headline(result, concepts, protocol)
        for layer, result in dissect(model.params).items()
    }
    network, regime = training.regime.split(", ")
    return Measured(
        network,
        regime,
        training.seed,
        training.tested()[-1]["test_top1"],
        {layer: headline.unique_labels for layer, headline in headlines.items()},
        sum(headline.unique_by_category for headline in headlines.values()),
        {layer: _relevance(own, model, layer) for layer in layers},
    )


def _relevance(
    settings: train.Settings, model: Model, layer: str
) -> Float[np.ndarray, "G"]:
    """The norm of each group of a layer's filters."""
    kernel = jnp.asarray(model.params[f"{layer}.conv"]["params"]["kernel"])
    groups = settings.regularize.block_norm.groups
    return np.asarray(block_norm.group_norms(kernel, num_groups=groups))
