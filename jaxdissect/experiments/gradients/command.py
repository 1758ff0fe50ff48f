"""`dissect` with a GradientsSettings: what classes ask of units; knocking those out."""

import sys
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxdissect import caching, model, networks
from jaxdissect.errors import BadInput
from jaxdissect.experiments.gradients import question_pictures, results, unit_questions
from jaxdissect.experiments.gradients.settings import GradientsSettings
from jaxdissect.model import Model
from jaxdissect.plots import figures
from jaxdissect.plots.figure import Figure
from jaxdissect.runs import datasets, outputs, own_pictures, subjects
from jaxdissect.runs.publishing import Work, make_once


def run(config: GradientsSettings) -> None:
    """Ask a trained network and write everything under `config.out`."""
    caching.use_compilation_cache()
    trained = subjects.load_with_logits(config)
    model.check_score(trained, config.score)
    layers = check(config, trained)
    source = open_images(config, trained)
    out = config.out or Path("runs") / f"gradients-{subjects.run_name(config)}"
    manifest = outputs.manifest(
        config,
        weights=trained.weights.digest,
        **model.answers_of(trained),
        images=source.fingerprint,
        left_out=dict(source.left_out),
    )

    def make(work: Work) -> None:
        asked, pictures = ask(config, trained, source, layers)
        known = {**facts(config, layers), **trained.facts}
        known |= {"data": source.said} if source.said else {}
        results.write(work.results, asked.answers, known)
        for name, figure in pictures.items():
            figures.save(figure, work.results / f"{name}.png")

    make_once(out, manifest, make)
    print(f"results: {out / 'results.md'}")


def open_images(config: GradientsSettings, trained: Model) -> datasets.Source:
    """The images a network is asked about: data to train on, or pictures."""
    data, size = config.data, trained.image_size
    if data.name != "pictures":
        return datasets.open_source(data, (size,))
    everything = sys.maxsize
    found = own_pictures.open_pictures(
        data,
        trained,
        num_rank=everything if data.num_train is None else data.num_train,
        num_report=everything if data.num_test is None else data.num_test,
        batch_size=config.batch_size,
    )
    print(*found.told, sep="\n")
    return datasets.Source(
        trained.classes,
        found.rank.num_images,
        found.fingerprint,
        lambda size: (found.rank, found.report),
        found.left_out,
        tuple(found.numbers.tolist()),
        found.said,
    )


def ask(
    config: GradientsSettings,
    trained: Model,
    source: datasets.Source,
    layers: tuple[str, ...],
) -> tuple[unit_questions.Asked, dict[str, Figure]]:
    """All questions to one network at full float32 precision, and figures by name.

    Raises:
        BadInput: the images have other classes than the network.
    """
    if source.classes != trained.classes:
        raise BadInput(
            f"`data` has {len(source.classes)} classes, {source.classes[0]} and "
            f"others; the network tells {trained.classes[0]} and others apart"
        )
    with jax.default_matmul_precision("highest"):
        occurring = np.array(source.occurring or range(len(source.classes)))
        this = unit_questions.questioned(config, trained, layers, occurring)
        images = source.at(trained.image_size)
        asked = unit_questions.ask_all(this, images)
        return asked, question_pictures.draw(this, asked, images[1])


def check(config: GradientsSettings, trained: Model) -> tuple[str, ...]:
    """The layers asked about.

    Raises:
        BadInput: a setting out of range, or a layer that is none or has no units.
    """
    if list(config.steps) != sorted(set(config.steps)):
        raise BadInput(f"`steps` is {config.steps}; sizes must increase")
    layers = config.layers or model.usual_layers(trained)
    units = sum(shape[-1] for shape in model.unit_shapes(trained, layers).values())
    if config.removed > units:
        raise BadInput(f"`removed` is {config.removed}; {layers} have {units} units")
    in_order = [
        name
        for stage in trained.network
        for name in (*networks.layer_names(stage.branch), stage.name)
    ]
    return tuple(sorted(layers, key=in_order.index))


def facts(config: GradientsSettings, layers: tuple[str, ...]) -> dict[str, Any]:
    """What was asked of what, in words."""
    return {
        "network": subjects.run_name(config),
        "layers": ", ".join(layers),
        "gradients of": f"the class's {config.score}",
        "unit's score": f"{config.norm}, {config.average.replace('_', ' ')}",
        "step's size": results.SIZES[config.scaling],
        "data": f"{config.data.name}, seed {config.data.seed}",
        "seed": config.seed,
    }
