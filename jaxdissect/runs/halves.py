"""Labelled images that units are ranked on, and others they are judged on."""

from typing import Any, NamedTuple

import numpy as np

from jaxdissect import model
from jaxdissect.data import generated
from jaxdissect.data import scene_rendering as scenes
from jaxdissect.data.images import ImageSet
from jaxdissect.data.listing import shown
from jaxdissect.errors import BadInput
from jaxdissect.model import Model
from jaxdissect.runs import outputs, own_pictures, subjects
from jaxdissect.settings import ImageSweepSettings, SweepSettings


class Half(NamedTuple):
    """Images for one purpose.

    Attributes:
        images: with the network's classes for labels.
        first: what the first one's number is in random draws.
    """

    images: ImageSet
    first: int


class Halves(NamedTuple):
    """Images for both purposes.

    Attributes:
        rank: images on which units are chosen.
        report: other images, on which effects are reported.
        numbers: [C] the network's classes that occur, in both.
        classes: [C] their names.
        provenance: what makes them the same images, for the run's record.
        said: sentences on where they come from; none of scenes.
    """

    rank: Half
    report: Half
    numbers: np.ndarray
    classes: tuple[str, ...]
    provenance: dict[str, Any]
    said: list[str]


def load(config: ImageSweepSettings) -> Model:
    """The network; one for the scenes' classes, if the images are scenes.

    Raises:
        BadInput: as `subjects.load_with_logits`; the network has other classes.
    """
    trained, name = subjects.load_with_logits(config), subjects.run_name(config)
    if config.data.name == "pictures" or trained.classes == scenes.CLASSES:
        return trained
    raise BadInput(
        f"{name} tells {len(trained.classes)} other classes apart than the "
        f"{len(scenes.CLASSES)} of the generated scenes; show it pictures of its own "
        "with --data.name pictures --data.path FOLDER"
    )


def open_images(config: ImageSweepSettings, trained: Model) -> Halves:
    """The images a config names, for a network.

    Raises:
        BadInput: settings or pictures that cannot be.
    """
    data = config.data
    if data.name == "pictures":
        return _pictures(config, trained)
    for name, default in (("path", None), ("labels", "folders"), ("broken", "refuse")):
        if getattr(data, name) != default:
            raise BadInput(
                f"`data.{name}` is {getattr(data, name)}, but scenes are generated; it "
                "is for --data.name pictures"
            )
    return scenes_for(config, trained)


def scenes_for(config: SweepSettings, trained: Model) -> Halves:
    """Generated scenes of two splits.

    Raises:
        BadInput: too few of them, or twice the same split.
    """
    # Scenes come in rounds of all classes, and an interval takes two of each.
    least = 2 * len(trained.classes)
    for name in ("num_rank", "num_report"):
        if getattr(config, name) < least:
            raise BadInput(
                f"`{name}` is {getattr(config, name)}; it must be at least {least}, "
                "two scenes of each class"
            )
    if config.rank_split == config.report_split:
        raise BadInput(
            f"`rank_split` and `report_split` are both {config.rank_split!r}; units "
            "chosen on some images must be judged on others"
        )
    size = trained.image_size
    rank, report = (
        Half(
            generated.scene_set(config.seed, split, number, size),
            generated.SPLIT_STARTS[split],
        )
        for split, number in (
            (config.rank_split, config.num_rank),
            (config.report_split, config.num_report),
        )
    )
    fingerprint = generated.scenes_fingerprint(config.seed, size)
    numbers = np.arange(len(trained.classes))
    provenance, said = {"scenes": fingerprint}, model.about_outputs(trained)
    return Halves(rank, report, numbers, trained.classes, provenance, said)


def manifest(
    config: ImageSweepSettings,
    trained: Model,
    images: Halves,
    **provenance: Any,
) -> dict[str, Any]:
    """What makes an analysis of these weights on these images the same run."""
    return outputs.manifest(
        config,
        weights=trained.weights.digest,
        **model.answers_of(trained),
        **images.provenance,
        **provenance,
    )


def check_on_scenes(trained: Model, name: object) -> Model:
    """The network, if it tells the classes of the scenes apart.

    Raises:
        BadInput: it has other classes.
    """
    if trained.classes != scenes.CLASSES:
        raise BadInput(
            f"{name} tells {len(trained.classes)} other classes apart than the "
            f"{len(scenes.CLASSES)} of the generated scenes; it needs other images"
        )
    return trained


def analysis_manifest(
    config: SweepSettings, trained: Model, **provenance: Any
) -> dict[str, Any]:
    """What makes an analysis of these weights the same run."""
    return outputs.manifest(
        config,
        weights=trained.weights.digest,
        **model.answers_of(trained),
        scenes=generated.scenes_fingerprint(config.seed, trained.image_size),
        **provenance,
    )


def suffix(config: ImageSweepSettings) -> str:
    """What the images add to the name of a folder for results."""
    path = config.data.path
    return "" if path is None else f"-{shown(path.resolve().name)}"


def _pictures(config: ImageSweepSettings, trained: Model) -> Halves:
    for name in ("rank", "report"):
        found = getattr(config, f"{name}_split")
        if found != name:
            raise BadInput(f"`{name}_split` is {found!r}; pictures have no splits")
    found = own_pictures.open_pictures(
        config.data,
        trained,
        num_rank=config.num_rank,
        num_report=config.num_report,
        batch_size=config.batch_size,
    )
    rank, report = (
        Half(images, generated.SPLIT_STARTS[split])
        for split, images in (("rank", found.rank), ("report", found.report))
    )
    names = tuple(trained.classes[k] for k in found.numbers)
    provenance = {"pictures": found.fingerprint, "left_out": dict(found.left_out)}
    said = [found.said, *model.about_outputs(trained)]
    return Halves(rank, report, found.numbers, names, provenance, said)
