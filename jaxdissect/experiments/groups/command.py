"""`train` with a GroupsSettings: block norms, receptive-field losses, their score."""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

import jax.numpy as jnp
import numpy as np

from jaxdissect import caching, dissection, networks
from jaxdissect.base import Params
from jaxdissect.experiments import train
from jaxdissect.experiments.groups import results as groups
from jaxdissect.experiments.groups.results import Measured
from jaxdissect.experiments.groups.settings import GroupsSettings
from jaxdissect.pages import claims, tables
from jaxdissect.plots import figures
from jaxdissect.regularizers import block_norm
from jaxdissect.runs.progress import Progress
from jaxdissect.runs.publishing import Work, make_once


def run(config: GroupsSettings) -> None:
    """Train every network and regime with every seed, dissect, write results."""
    caching.use_compilation_cache()
    base = config.small if config.quick else config.base
    train.make_protocol(config.protocol, base.schedule[-1][0])
    out = config.out or default_out(base, config)
    trained = train.train_all(
        dict(regimes(config, base)),
        config.seeds,
        out / "trainings",
        together=config.together,
    )
    manifest = train.record_of(config, trained)

    def make(work: Work) -> None:
        measured = measure(config, trained)
        write(work.results, base, measured)

    make_once(out / "results", manifest, make)
    print(f"results: {out / 'results' / 'results.md'}")


def default_out(base: train.Settings, config: GroupsSettings) -> Path:
    """A folder named after the network, the data and the form of the experiment."""
    name = f"groups-{base.network.architecture}-{base.data.name}"
    return Path("runs") / (name + train.form(config))


def regimes(
    config: GroupsSettings, base: train.Settings
) -> Iterator[tuple[str, train.Settings]]:
    """(network, regime) and its training, by name."""
    norm = train.BlockNormSettings(weight=config.block_norm)
    fields = train.FieldsSettings(config.group, config.spatial, config.loss_layers)
    no_decay = dataclasses.replace(base.optim, weight_decay=0.0)
    regularizers = {
        "weight decay": train.RegularizeSettings(),
        "block norm": train.RegularizeSettings(block_norm=norm),
        "block norm and fields": train.RegularizeSettings(
            block_norm=norm, fields=fields
        ),
    }
    for batch_norm in config.batch_norm:
        network = dataclasses.replace(base.network, batch_norm=batch_norm)
        name = base.network.architecture + ("-B" if batch_norm else "")
        for regime, regularize in regularizers.items():
            optim = base.optim if regime == "weight decay" else no_decay
            yield (
                f"{name}, {regime}",
                dataclasses.replace(
                    base, network=network, optim=optim, regularize=regularize
                ),
            )


def measure(
    config: GroupsSettings, trained: Sequence[train.Training]
) -> list[Measured]:
    """Dissect all convolutional layers of every network."""
    measured = []
    for t in Progress().bar(trained, len(trained), "dissecting"):
        loaded = t.load()
        network, params = loaded.network, loaded.weights.params
        layers = networks.conv_layers(network)
        protocol = train.make_protocol(config.protocol, loaded.image_size)
        dissect = train.make_dissect(
            t.settings, network, layers, protocol, config.num_images, loaded.image_size
        )
        concepts = train.probe_concepts(t.settings)
        seen = {
            layer: dissection.headline(result, concepts, protocol)
            for layer, result in dissect(params).items()
        }
        name, regime = t.regime.split(", ")
        measured.append(
            Measured(
                name,
                regime,
                t.seed,
                t.tested()[-1]["test_top1"],
                {layer: each.unique_labels for layer, each in seen.items()},
                sum(each.unique_by_category for each in seen.values()),
                relevance(t, params, layers),
            )
        )
    return measured


def relevance(trained: train.Training, params: Params, layers: tuple[str, ...]):
    """{layer: norm of each group of its filters}."""
    num_groups = trained.settings.regularize.block_norm.groups
    return {
        layer: np.asarray(
            block_norm.group_norms(
                jnp.asarray(params[f"{layer}.conv"]["params"]["kernel"]),
                num_groups=num_groups,
            )
        )
        for layer in layers
    }


def write(folder: Path, base: train.Settings, measured: list[Measured]) -> None:
    """Tables as CSV, figures as PNG, and one page of Markdown."""
    made = {
        "score": groups.score_table(measured),
        "claims": claims.claims_table(groups.claims(measured)),
        "trainings": groups.trainings_table(measured),
    }
    for name, table in made.items():
        tables.write_csv(folder / f"{name}.csv", *table)
    figures.save(groups.score_figure(measured), folder / "score.png")
    pictures = ["score"]
    for network in dict.fromkeys(m.network for m in measured):
        pictures.append(f"relevance-{network}")
        own = [m for m in measured if m.network == network]
        figures.save(groups.relevance_figure(own), folder / f"{pictures[-1]}.png")
    page = ["# Block norms and what units detect", "", note(base), ""]
    for name, table in made.items():
        page += [f"## {name.capitalize()}", "", tables.markdown(table), ""]
    page += [f"![{name}]({name}.png)\n" for name in pictures]
    (folder / "results.md").write_text("\n".join(page), encoding="utf-8")


def note(base: train.Settings) -> str:
    """What a reader must know before comparing with the source."""
    size, epochs = base.schedule[-1]
    return (
        f"{base.network.architecture}, width {base.network.width:g}, on "
        f"{base.data.name} at {size} px, {epochs} epochs. Means with 95 % t intervals "
        "over seeds; the score is the number of unique labels, summed over layers, of "
        "detectors by IoU (chance not tested). "
        "Differences in the claims are between trainings of one seed; p-values are not "
        "corrected for the number of claims. The paper's scores are of other data and "
        "wider networks, and for shapesnet of conv2 alone."
    )
