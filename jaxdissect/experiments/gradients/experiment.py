"""What classes ask of units, and what becomes of answers without those units."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float

from jaxdissect import gradients, model, networks
from jaxdissect.ablation import RemovalCurves
from jaxdissect.attacks import StepOutcomes
from jaxdissect.errors import BadInput
from jaxdissect.experiments.gradients import measuring, tables, writing
from jaxdissect.experiments.gradients.measuring import Examples, Scope
from jaxdissect.experiments.gradients.settings import GradientsSettings
from jaxdissect.gradients import Consistency
from jaxdissect.model import Model
from jaxdissect.runs import datasets, outputs, own_pictures, publishing, subjects
from jaxdissect.runs.datasets import Source
from jaxdissect.runs.progress import Progress, progress_of
from jaxdissect.runs.scores import SCORES


class Result(NamedTuple):
    """What the classes of a network ask of its units.

    Attributes:
        classes: [K] names.
        units: [U] (layer, number) of each, layer by layer.
        scores: [K U] what classes ask for, on the images units are ranked on.
        consistency: of the test images' scores, each for its own class.
        curves: errors on the test images as units go.
        steps: [S] sizes of the steps towards other classes.
        outcomes: of these steps.
        examples: single test images, for figures.
        facts: {name: value}, what was asked of what.
        record: what makes it the same run: settings, versions, hashes of what it read.
    """

    classes: tuple[str, ...]
    units: list[tuple[str, int]]
    scores: Float[np.ndarray, "K U"]
    consistency: Consistency
    curves: RemovalCurves
    steps: tuple[float, ...]
    outcomes: StepOutcomes
    examples: Examples
    facts: Mapping[str, Any]
    record: Mapping[str, Any]

    def table(self) -> dict[str, list[Any]]:
        """{column: one value for each class and unit}, a class's strongest first."""
        return tables.scores(self)

    def write(self, folder: Path) -> None:
        """Tables, figures and results.md into a folder."""
        writing.write(folder, self)

    def save(self, folder: str | Path) -> None:
        """The files that the command writes, whole or not at all.

        Raises:
            BadInput: the folder holds something else.
        """
        publishing.save(self, Path(folder))

    def __repr__(self) -> str:
        return "\n".join(writing.findings(self))

    def _repr_html_(self) -> str:
        return writing.html(self)


def run(
    network: Model,
    images: Source | None = None,
    settings: GradientsSettings | None = None,
    *,
    progress: Progress | bool = True,
) -> Result:
    """Rank units by what classes ask for, knock them out, push images elsewhere.

    Args:
        network: its outputs are logits.
        images: with its classes; units are ranked on the training images, everything
            is reported on the test images. By default what `settings.data` names.
        settings: which layers, and how.
        progress: whether to show bars.

    Raises:
        BadInput: a setting out of range, an unknown layer, or one without units; the
            images have other classes than the network.
    """
    settings = settings or GradientsSettings()
    settings = replace(settings, **subjects.same_subject(network.subject))
    layers = check(network, settings)
    shown = progress_of(progress)
    if images is None:
        images = open_images(network, settings, progress=shown, tell=lambda words: None)
    if images.classes != network.classes:
        raise BadInput(
            f"`data` has {len(images.classes)} classes, {images.classes[0]} and "
            f"others; the network tells {network.classes[0]} and others apart"
        )
    occurring = np.array(images.occurring or range(len(images.classes)))
    ask = networks.layer_gradients(
        network.network, layers, score=SCORES[settings.score]
    )
    scope = Scope(settings, network, layers, jax.jit(ask), occurring, shown)
    said = {"data": images.said} if images.said else {}
    with jax.default_matmul_precision("highest"):
        train, test = images.at(network.image_size)
        scores = measuring.class_scores(scope, train)
        vectors, targets = measuring.image_scores(scope, test)
        return Result(
            classes := tuple(network.classes[k] for k in occurring),
            measuring.units_of(scope),
            scores,
            gradients.consistency(
                measuring.centred(vectors), targets, num_classes=len(classes)
            ),
            measuring.knocked_out(scope, scores, test),
            settings.steps,
            measuring.pushed(scope, test),
            measuring.examples(scope, test, vectors, targets),
            {**facts(settings, layers), **network.facts, **said},
            record_of(network, images, settings),
        )


def check(network: Model, settings: GradientsSettings) -> tuple[str, ...]:
    """The layers asked about, in the network's order.

    Raises:
        BadInput: a setting out of range, or a layer that is none or has no units.
    """
    model.check_score(network, settings.score)
    if list(settings.steps) != sorted(set(settings.steps)):
        raise BadInput(f"`steps` is {settings.steps}; sizes must increase")
    layers = settings.layers or model.usual_layers(network)
    units = sum(shape[-1] for shape in model.unit_shapes(network, layers).values())
    if settings.removed > units:
        raise BadInput(f"`removed` is {settings.removed}; {layers} have {units} units")
    in_order = [
        name
        for stage in network.network
        for name in (*networks.layer_names(stage.branch), stage.name)
    ]
    return tuple(sorted(layers, key=in_order.index))


def open_images(
    network: Model,
    settings: GradientsSettings,
    *,
    progress: Progress | bool = True,
    tell: Callable[[str], Any] = print,
) -> Source:
    """The images that settings name: data to train on, or pictures.

    Args:
        network: that is asked.
        settings: with the data.
        progress: whether to show bars while pictures are compared.
        tell: what is done with sentences on pictures.

    Raises:
        BadInput: they are missing, damaged, too few, or have other classes.
    """
    data = settings.data
    if data.name != "pictures":
        return datasets.open_source(data, (network.image_size,), progress)
    pictures = own_pictures.open_pictures(
        data,
        network,
        num_rank=sys.maxsize if data.num_train is None else data.num_train,
        num_report=sys.maxsize if data.num_test is None else data.num_test,
        batch_size=settings.batch_size,
        progress=progress,
    )
    tell("\n".join(pictures.told))
    return Source(
        network.classes,
        pictures.rank.num_images,
        pictures.fingerprint,
        lambda size: (pictures.rank, pictures.report),
        pictures.left_out,
        tuple(pictures.numbers.tolist()),
        pictures.said,
    )


def facts(settings: GradientsSettings, layers: tuple[str, ...]) -> dict[str, Any]:
    """What is asked of what, in words."""
    return {
        "network": subjects.run_name(settings),
        "layers": ", ".join(layers),
        "gradients of": f"the class's {settings.score}",
        "unit's score": f"{settings.norm}, {settings.average.replace('_', ' ')}",
        "step's size": tables.SIZES[settings.scaling],
        "data": f"{settings.data.name}, seed {settings.data.seed}",
        "seed": settings.seed,
    }


def record_of(
    network: Model, images: Source, settings: GradientsSettings
) -> dict[str, Any]:
    """What makes it the same run."""
    return outputs.manifest(
        settings,
        weights=network.digest,
        **model.answers_of(network),
        images=images.fingerprint,
        left_out=dict(images.left_out),
    )
