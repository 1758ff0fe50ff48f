"""Whether the gradient predicts what removal does."""

import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdissect import ablation, gradients, metrics, model, networks
from jaxdissect.base import Statistic
from jaxdissect.experiments.agreement import figures as agreement_figures
from jaxdissect.experiments.agreement import results as agreement
from jaxdissect.experiments.agreement import tables as agreement_tables
from jaxdissect.experiments.agreement.results import Agreement, Measure, Predictor
from jaxdissect.experiments.agreement.settings import AgreementSettings
from jaxdissect.model import Model
from jaxdissect.pages import inline, tables
from jaxdissect.plots import figures
from jaxdissect.plots.figure import Figure
from jaxdissect.runs import halves, outputs, publishing
from jaxdissect.runs import sweeps as sweeping
from jaxdissect.runs.halves import Halves
from jaxdissect.runs.progress import Progress, progress_of
from jaxdissect.runs.scores import SCORES
from jaxdissect.runs.sweeps import Pass

REPEATS = 3
"""Timings of which the median counts."""


class Result(NamedTuple):
    """How well removals were predicted without removing anything.

    Attributes:
        layer: whose units were removed.
        classes: names of those that occur.
        predictors: all there are, on the ranking images.
        ranked: effects of single units there.
        reported: effects on other images.
        measures: what removals cost, in several ways.
        agreements: of every predictor with every measure.
        images_used: sentences on the images; none of scenes.
        record: what makes it the same run.
        seconds: what each part took; another run takes another time.
    """

    layer: str
    classes: tuple[str, ...]
    predictors: list[Predictor]
    ranked: ablation.Effects
    reported: ablation.Effects
    measures: list[Measure]
    agreements: list[Agreement]
    images_used: tuple[str, ...]
    record: Mapping[str, Any]
    seconds: dict[str, Any]

    def table(self) -> dict[str, list[Any]]:
        """{column: one value for each predictor and measure}."""
        made = agreement_tables.agreement_table(self.classes, self.agreements)
        return made.by_column()

    def findings(self) -> list[str]:
        """What was found, in words."""
        said = agreement_tables.sentences(_facts_of(self), self.agreements)
        return [*self.images_used, *said]

    def figures(self) -> dict[str, Figure]:
        """{name: figure}."""
        drawn = agreement_figures.scatter(
            self.classes, self.predictors, self.measures[0]
        )
        return {
            "agreement": agreement_figures.agreement_figure(self.agreements),
            "scatter": drawn,
        }

    def write(self, folder: Path) -> None:
        """Tables, figures, and what was found into a folder."""
        for name, table in {
            "predictors": agreement_tables.predictors_table(
                self.classes, self.predictors, self.measures
            ),
            "agreement": agreement_tables.agreement_table(
                self.classes, self.agreements
            ),
        }.items():
            tables.write_csv(folder / f"{name}.csv", *table)
        for name, figure in self.figures().items():
            figures.save(figure, folder / f"{name}.png")
        said = self.findings()
        (folder / "findings.txt").write_text("\n".join(said) + "\n", encoding="utf-8")
        page = ["# Does the gradient predict the removal?", *said]
        summary = agreement_tables.summary_table(self.agreements)
        page.append(tables.markdown(summary))
        (folder / "results.md").write_text("\n\n".join(page) + "\n", encoding="utf-8")
        numbers = agreement_tables.numbers(self.agreements)
        told = {**_facts_of(self), "agreement": numbers}
        used = " ".join(self.images_used)
        told |= {"images_used": used} if self.images_used else {}
        outputs.write_json(folder / "summary.json", told)

    def save(self, folder: str | Path) -> None:
        """The files that the command writes, whole or not at all."""
        publishing.save(self, Path(folder))

    def __repr__(self) -> str:
        return "\n".join(self.findings())

    def _repr_html_(self) -> str:
        title = "Does the gradient predict the removal?"
        return inline.findings(title, self.findings(), self.figures())


def run(
    network: Model,
    images: Halves,
    settings: AgreementSettings | None = None,
    *,
    progress: Progress | bool = True,
) -> Result:
    """Predict what removals cost on some images, see what they cost on others.

    Args:
        network: as `load` gives it.
        images: to predict on, and others to remove units on.
        settings: which layer, and which gradients.
        progress: whether to show bars.

    Raises:
        BadInput: an unknown layer, one with too few units, or logits that are not
            known.
    """
    settings = settings or AgreementSettings()
    check(network, settings)
    this = Pass(network, settings, progress_of(progress), images)
    predictors, ranked, reported, seconds = measure(settings, this)
    measures = agreement.measures(ranked, reported)
    key = jax.random.fold_in(jax.random.key(settings.seed), 1)
    return Result(
        settings.layer,
        images.classes,
        predictors,
        ranked,
        reported,
        measures,
        agreement.agreements(key, predictors, measures),
        tuple(images.said),
        halves.manifest(settings, network, images),
        seconds,
    )


def check(network: Model, settings: AgreementSettings) -> None:
    """Refuse what would fail in the middle.

    Raises:
        BadInput: as `run`.
    """
    model.check_score(network, *settings.scores)
    sweeping.num_units(network, settings.layer)


def measure(
    config: AgreementSettings, this: Pass
) -> tuple[list[Predictor], ablation.Effects, ablation.Effects, dict[str, Any]]:
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
    return predictors, ranked["units"], reported, spent


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


def _facts_of(result: Result) -> dict[str, Any]:
    """What the numbers are of, and what they took."""
    base, cost = result.reported.base, result.seconds
    forward, removal = (cost["seconds"][name] for name in ("forward", "removal"))
    ratios = {
        "removal_by_gradient": removal / cost["gradient"],
        "with_forward": (removal + forward) / (cost["gradient"] + forward),
    }
    return {
        "layer": result.layer,
        "units": len(result.reported.drop),
        "images": base.true.sum().item(),
        "top1": metrics.top1(base).item(),
        "cost": {**cost, **ratios},
    }


def _seconds(function: Callable[[], Any]) -> float:
    start = time.perf_counter()
    jax.block_until_ready(function())
    return time.perf_counter() - start
