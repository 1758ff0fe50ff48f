"""`ablate` with an AgreementSettings: does the gradient predict what removal does?"""

import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdissect import ablation, caching, gradients, metrics, model, networks
from jaxdissect.base import Statistic
from jaxdissect.experiments.agreement import figures as agreement_figures
from jaxdissect.experiments.agreement import results as agreement
from jaxdissect.experiments.agreement import tables as agreement_tables
from jaxdissect.experiments.agreement.results import Predictor
from jaxdissect.experiments.agreement.settings import AgreementSettings
from jaxdissect.pages import tables
from jaxdissect.plots import figures
from jaxdissect.runs import halves, outputs, publishing, subjects
from jaxdissect.runs import sweeps as sweeping
from jaxdissect.runs.halves import Halves
from jaxdissect.runs.scores import SCORES
from jaxdissect.runs.sweeps import Pass

REPEATS = 3
"""Timings of which the median counts."""


class Measured(NamedTuple):
    """What predicts removals, and what they did.

    Attributes:
        predictors: all there are, on the ranking images.
        ranked: effects of single units there.
        reported: effects on other images.
        cost: seconds of each part.
    """

    predictors: list[Predictor]
    ranked: ablation.Effects
    reported: ablation.Effects
    cost: dict[str, Any]


def run(config: AgreementSettings) -> None:
    """Predict on one split, remove on another, write to `config.out`."""
    caching.use_compilation_cache()
    trained = halves.load(config)
    model.check_score(trained, *config.scores)
    sweeping.num_units(trained, config.layer)
    name = f"agreement-{subjects.run_name(config)}-{config.layer}"
    out = config.out or Path("runs") / f"{name}{halves.suffix(config)}"
    images = halves.open_images(config, trained)
    halves.announce(images)
    manifest = halves.manifest(config, trained, images)

    def make(work: publishing.Work) -> None:
        this = Pass(trained, config, work.progress, images)
        write(work.results, config, images, measure(config, this))

    publishing.make_once(out, manifest, make)
    print(f"\n{(out / 'findings.txt').read_text('utf-8')}")
    print(f"results: {out}")


def measure(config: AgreementSettings, this: Pass) -> Measured:
    """Two passes over the network: one to predict, one to see what came true."""
    layer = config.layer
    units = sweeping.on_acts(sweeping.sweeps(this, layer).units())
    asked: dict[str, Statistic] = {
        score: questions(this, layer, SCORES[score]) for score in config.scores
    }
    parts = {"units": units, "attributes": sweeping.attributes(this), **asked}
    ranked = sweeping.measure_split(
        this, {layer: parts}, "rank", label="predicting removals"
    )[layer]
    reported = sweeping.measure_split(
        this, {layer: {"units": units}}, "report", label="removing units"
    )[layer]["units"]
    ablation.check_different_images(ranked["units"], reported)
    norm = sweeping.known_norm(this.trained, layer)
    predictors = [
        *(p for s in asked for p in agreement.asked_of_gradients(s, ranked[s])),
        *agreement.known_of_units(ranked["attributes"], norm),
        *agreement.measured_before(ablation.drops(ranked["units"])),
    ]
    spent = cost(this, layer, units, asked)
    return Measured(predictors, ranked["units"], reported, spent)


def questions(this: Pass, layer: str, score: Callable) -> Statistic:
    """Gradients of the images' own classes, and the drops they predict, as a part.

    Averages are of the classes that occur, however many the network has.
    """
    tail, numbers = (
        networks.split(this.trained.network, layer).tail,
        this.images.numbers,
    )

    def gradient(params, acts, positions):
        targets = jnp.asarray(numbers)[positions]
        found = gradients.prediction_gradient(tail, params, acts, targets, score=score)
        drops = gradients.first_order_drops(found, acts)
        return {"gradient": found, "drop": drops[:, None, None]}

    params = this.trained.weights.params
    of_classes = gradients.class_gradients(gradient, params, num_classes=len(numbers))

    def measure(acts, targets, logits, key):
        with jax.default_matmul_precision("highest"):
            return of_classes.measure(acts, np.searchsorted(numbers, targets))

    return of_classes._replace(measure=measure)


def cost(
    this: Pass, layer: str, units: Statistic, asked: Mapping[str, Statistic]
) -> dict[str, Any]:
    """Seconds of each part, and of the way to the layer, for one batch of images.

    Everything runs once before it is timed, and then in turns, so that what else the
    machine does meets all alike.
    """
    config, trained = this.config, this.trained
    available = this.images.rank.images
    number = min(config.batch_size, available.num_images)
    images, targets = available.read(np.arange(number))
    forward = model.forward_to(trained.network, (layer, "logits"))
    ahead = partial(forward, trained.weights.params, images)
    acts = ahead()
    arguments = (acts[layer], targets, acts["logits"], jax.random.key(0))
    parts = {"removal": units, **asked}
    timed: dict[str, Callable[[], Any]] = {"forward": ahead}
    timed |= {name: partial(part.measure, *arguments) for name, part in parts.items()}
    spent = [
        [_seconds(function) for function in timed.values()] for _ in range(1 + REPEATS)
    ]
    medians = dict(zip(timed, np.median(spent[1:], axis=0).tolist(), strict=True))
    gradient = np.mean([medians[score] for score in asked]).item()
    return {"images": number, "seconds": medians, "gradient": gradient}


def write(
    folder: Path, config: AgreementSettings, images: Halves, measured: Measured
) -> None:
    """Tables, figures, and what was found."""
    classes, predictors = images.classes, measured.predictors
    measures = agreement.measures(measured.ranked, measured.reported)
    key = jax.random.fold_in(jax.random.key(config.seed), 1)
    found = agreement.agreements(key, predictors, measures)
    for name, table in {
        "predictors": agreement_tables.predictors_table(classes, predictors, measures),
        "agreement": agreement_tables.agreement_table(classes, found),
    }.items():
        tables.write_csv(folder / f"{name}.csv", *table)
    for name, figure in {
        "agreement": agreement_figures.agreement_figure(found),
        "scatter": agreement_figures.scatter(classes, predictors, measures[0]),
    }.items():
        figures.save(figure, folder / f"{name}.png")
    facts = facts_of(config, measured)
    said = [*images.said, *agreement_tables.sentences(facts, found)]
    (folder / "findings.txt").write_text("\n".join(said) + "\n", encoding="utf-8")
    page = ["# Does the gradient predict the removal?", *said]
    page.append(tables.markdown(agreement_tables.summary_table(found)))
    (folder / "results.md").write_text("\n\n".join(page) + "\n", encoding="utf-8")
    summary = {**facts, "agreement": agreement_tables.numbers(found)}
    summary |= {"images_used": " ".join(images.said)} if images.said else {}
    outputs.write_json(folder / "summary.json", summary)


def facts_of(config: AgreementSettings, measured: Measured) -> dict[str, Any]:
    """What the numbers are of, and what they cost."""
    base, cost = measured.reported.base, measured.cost
    forward, removal = (cost["seconds"][name] for name in ("forward", "removal"))
    ratios = {
        "removal_by_gradient": removal / cost["gradient"],
        "with_forward": (removal + forward) / (cost["gradient"] + forward),
    }
    return {
        "layer": config.layer,
        "units": len(measured.reported.drop),
        "images": base.true.sum().item(),
        "top1": metrics.top1(base).item(),
        "cost": {**cost, **ratios},
    }


def _seconds(function: Callable[[], Any]) -> float:
    start = time.perf_counter()
    jax.block_until_ready(function())
    return time.perf_counter() - start
