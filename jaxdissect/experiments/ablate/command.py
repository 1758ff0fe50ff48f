"""The command `ablate`."""

from pathlib import Path
from typing import Any

from jaxdissect import caching
from jaxdissect.errors import BadInput
from jaxdissect.experiments import dissect
from jaxdissect.experiments.ablate import experiment
from jaxdissect.experiments.ablate.experiment import Dissected
from jaxdissect.experiments.ablate.settings import AblateSettings
from jaxdissect.model import Model
from jaxdissect.runs import halves, locking, publishing, records, subjects


def run(settings: AblateSettings) -> None:
    """Rank units on one split, report on another, write to `settings.out`."""
    caching.use_compilation_cache()
    model, layers = halves.load(settings), settings.layers
    experiment.check_layers(model, settings)
    dissections = {layer: dissection_record(settings, model, layer) for layer in layers}
    images = halves.open_images(settings, model)
    halves.announce(images)
    images = experiment.images_of(settings, images)
    out = settings.out or default_out(settings)
    record = experiment.record_of(settings, model, images, dissections)
    records.check_same_run(out, record)
    dissected = {
        layer: Dissected(_units(settings, layer), of_layer)
        for layer, of_layer in dissections.items()
        if of_layer
    }

    def make(work: publishing.Work) -> None:
        result = experiment.run(
            model, images, settings, dissections=dissected, progress=work.progress
        )
        result.write(work.results)

    publishing.make_once(out, record, make)
    for layer in layers:
        print(f"\n{(out / layer / 'findings.txt').read_text('utf-8')}")
        print(f"report: {out / layer / 'report.html'}")


def default_out(settings: AblateSettings) -> Path:
    """A folder that tells what is in it."""
    value = "" if settings.value == "zero" else f"-{settings.value}"
    name, layers = subjects.run_name(settings), "-".join(settings.layers)
    return Path("runs") / f"ablate-{name}-{layers}{value}{halves.suffix(settings)}"


def find_or_make(settings: AblateSettings, folder: Path | None = None) -> Path:
    """The folder of an ablation, made where it is missing.

    Args:
        settings: of the one that is made.
        folder: of an ablation, where the user named one; it is not looked into.
    """
    out = folder or default_out(settings)
    if folder is None and not (out / records.NAME).exists():
        print(f"which units matter is not known yet: ablating to {out}")
        with locking.in_turn():
            run(settings)
    return out


def expected_record(settings: AblateSettings, model: Model) -> dict[str, Any]:
    """The record (run.json) of the ablation of scenes that `find_or_make` would make.

    Raises:
        BadInput: the folder holds another run, or the dissection of something else.
    """
    dissections = {
        layer: dissection_record(settings, model, layer) for layer in settings.layers
    }
    return halves.analysis_manifest(settings, model, dissections=dissections)


def dissection_record(
    settings: AblateSettings, model: Model, layer: str
) -> dict[str, Any]:
    """The record of a layer's dissection: the one named, or the default one.

    Nothing where there is neither, because the images are pictures: what units look for
    in generated scenes may say little about a network of other images.

    Raises:
        BadInput: the folder holds another run, or the dissection of something else.
    """
    folder = settings.dissection
    if folder is None and settings.data.name == "pictures":
        return {}
    if folder is not None and len(settings.layers) > 1:
        raise BadInput(
            f"`dissection` is {folder}, of one layer; `layers` are "
            f"{', '.join(settings.layers)}"
        )
    return dissect.expected_record(settings, settings.seed, model, layer, folder=folder)


def _units(settings: AblateSettings, layer: str) -> "dissect.SavedDissection":
    """What a layer's units look for; found out where it is not known yet."""
    folder = dissect.find_or_make(
        settings, settings.seed, layer=layer, folder=settings.dissection
    )
    return dissect.load_dissection(folder)
