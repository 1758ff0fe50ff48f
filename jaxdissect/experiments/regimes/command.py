"""`train` with a RegimesSettings: regularisers side by side, and the tables of it."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxdissect import caching, dissection, networks
from jaxdissect.base import Params
from jaxdissect.errors import BadInput
from jaxdissect.experiments import train
from jaxdissect.experiments.regimes import figures as regime_plots
from jaxdissect.experiments.regimes import results as regimes
from jaxdissect.experiments.regimes import robustness
from jaxdissect.experiments.regimes.results import BASELINE, Measured
from jaxdissect.experiments.regimes.settings import RegimesSettings
from jaxdissect.networks import architectures
from jaxdissect.pages import claims, tables
from jaxdissect.plots import figures
from jaxdissect.runs import datasets
from jaxdissect.runs.progress import Progress
from jaxdissect.runs.publishing import Work, make_once
from jaxdissect.settings import ProtocolSettings


def run(config: RegimesSettings) -> None:
    """Train every regime with every seed, measure them, write to `config.out`."""
    caching.use_compilation_cache()
    check(config)
    base = config.small if config.quick else config.base
    out = config.out or default_out(config)
    trained = train.train_all(
        {name: REGIMES[name](base) for name in config.regimes},
        config.seeds,
        out / "trainings",
        together=config.together,
    )
    manifest = train.record_of(config, trained)

    def make(work: Work) -> None:
        measured = measure(config, base, trained)
        write(work.results, config, measured)

    make_once(out / "results", manifest, make)
    print(f"results: {out / 'results' / 'results.md'}")


def default_out(config: RegimesSettings) -> Path:
    """A folder named after the data and the form of the experiment."""
    base = config.small if config.quick else config.base
    return Path("runs") / f"regimes-{base.data.name}{train.form(config)}"


def check(config: RegimesSettings) -> None:
    """Refuse what cannot be compared.

    Raises:
        BadInput: naming the setting.
    """
    if BASELINE not in config.regimes:
        raise BadInput(
            f"`regimes` is {config.regimes}; {BASELINE!r} must be among them"
        )


def _regularized(base: train.Settings, **sections: Any) -> train.Settings:
    return dataclasses.replace(base, regularize=train.RegularizeSettings(**sections))


def _penalized(
    weight: float, **settings: Any
) -> Callable[[train.Settings], train.Settings]:
    penalty = train.InputGradientSettings(weight=weight, units="normalised", **settings)
    return lambda base: _regularized(base, input_gradient=penalty)


def _differences(base: train.Settings) -> train.Settings:
    # The thesis's own run: batches of 32, and .05 in our convention is its .1.
    optim = dataclasses.replace(base.optim, batch_size=min(32, base.optim.batch_size))
    base = dataclasses.replace(base, optim=optim)
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
    config: RegimesSettings, base: train.Settings, trained: Sequence[train.Training]
) -> list[Measured]:
    """Attack and dissect every network."""
    size, _ = base.schedule[-1]
    source = datasets.open_source(base.data, (size,))
    _, test = source.at(size)
    network = architectures.build_network(base.network, len(source.classes))
    bench = robustness.make_bench(
        network, test, min(config.num_attacked, test.num_images)
    )
    look = make_look(config, base, network, size)
    params = {(t.regime, t.seed): t.load().weights.params for t in trained}
    steps = (0.0, *config.steps)
    through_baseline = {
        seed: [bench.attack(params[BASELINE, seed], step) for step in steps]
        for seed in Progress().bar(config.seeds, len(config.seeds), "attacking")
    }
    # Of another seed, or the baseline would be under a white-box attack here too.
    other = dict(zip(config.seeds, (*config.seeds[1:], config.seeds[0]), strict=True))
    measured = []
    for t in Progress().bar(trained, len(trained), "attacking and dissecting"):
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
                *look(own),
            )
        )
    return measured


def make_look(
    config: RegimesSettings, base: train.Settings, network: networks.Network, size: int
) -> Callable[[Params], tuple[dict[str, int], int, int]]:
    """params -> what the last convolutional layer detects.

    Detectors by category, unique labels, unique labels within categories.
    """
    *_, layer = networks.unit_layers(network)
    protocol = train.make_protocol(ProtocolSettings(), size)
    dissect = train.make_dissect(
        base, network, (layer,), protocol, config.num_images, size
    )
    concepts = train.probe_concepts(base)

    def look(params: Params) -> tuple[dict[str, int], int, int]:
        result = dissect(params)[layer]
        seen = dissection.headline(result, concepts, protocol)
        labels = result.detectors.concept[result.detectors.is_detector]
        names = [concepts[label].category for label in labels]
        counts = {c.category: names.count(c.category) for c in concepts}
        return counts, seen.unique_labels, seen.unique_by_category

    return look


def write(folder: Path, config: RegimesSettings, measured: list[Measured]) -> None:
    """Tables as CSV, figures as PNG, and one page of Markdown."""
    made = {
        "accuracy": regimes.accuracy_table(measured, reported(config)),
        "robustness": regimes.robustness_table(measured, config.steps),
        "detectors": regimes.detectors_table(measured),
        "trainings": regimes.trainings_table(measured),
        "claims": claims.claims_table(regimes.claims(measured, config.steps)),
    }
    for name, table in made.items():
        tables.write_csv(folder / f"{name}.csv", *table)
    save_figures(folder, config, measured)
    page = ["# Regularisers side by side", "", *notes(config), ""]
    for name, table in made.items():
        page += [f"## {name.capitalize()}", "", tables.markdown(table), ""]
        if (folder / f"{name}.png").exists():
            page += [f"![{name}]({name}.png)", ""]
    (folder / "results.md").write_text("\n".join(page), encoding="utf-8")


def reported(config: RegimesSettings) -> Mapping[str, tuple[float, float]]:
    """The source's numbers, where its network is trained on its data as long."""
    base = config.small if config.quick else config.base
    described = (base.network.architecture, base.network.width, base.data.name)
    same = described == ("vgg16", 1.0, "cifar100") and base.schedule == ((32, 150),)
    return regimes.REPORTED if same else {}


def notes(config: RegimesSettings) -> list[str]:
    """What a reader must know before comparing with the source."""
    base = config.small if config.quick else config.base
    size, epochs = base.schedule[-1]
    amount = base.data.num_train or "all"
    return [
        f"{base.network.architecture}, width {base.network.width:g}, on {amount} "
        f"training images of {base.data.name} at {size} px, {epochs} epochs. "
        "Accuracies in percent, means with 95 % t intervals over seeds. Detectors are "
        "counted by IoU (chance not tested).",
        "",
        *regimes.NOTES,
    ]


def save_figures(
    folder: Path, config: RegimesSettings, measured: list[Measured]
) -> None:
    """accuracy.png, robustness.png and detectors.png."""
    grouped = regimes.by_regime(measured)
    values = {
        name: {
            "test, last epoch": regimes.percent(trained, "last_top1"),
            "test, best epoch": regimes.percent(trained, "best_top1"),
        }
        for name, trained in grouped.items()
    }
    crosses = {name: test for name, (_, test) in reported(config).items()}
    drawn = regime_plots.dots(values, name="top-1 accuracy (%)", reported=crosses)
    figures.save(drawn, folder / "accuracy.png")
    panels = {
        title: {
            name: np.array(
                [[100 * m.clean_top1, *100 * getattr(m, kind)] for m in each]
            )
            for name, each in grouped.items()
        }
        for title, kind in (
            ("white box", "white_box"),
            ("transferred from none of another seed", "transferred"),
        )
    }
    drawn = regime_plots.robustness((0.0, *config.steps), panels)
    figures.save(drawn, folder / "robustness.png")
    counts = {
        name: {
            c: float(np.mean([m.detectors[c] for m in each])) for c in each[0].detectors
        }
        for name, each in grouped.items()
    }
    drawn = regime_plots.category_bars(counts, name="detectors, mean over seeds")
    figures.save(drawn, folder / "detectors.png")
