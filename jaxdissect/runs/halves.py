"""Labelled images that units are ranked on, and others they are judged on."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxdissect import model
from jaxdissect.data import generated, picture_folder
from jaxdissect.data import images as image_sets
from jaxdissect.data import scene_rendering as scenes
from jaxdissect.data.concepts import ConceptSource
from jaxdissect.data.folders import match_classes
from jaxdissect.data.images import ImageSet
from jaxdissect.data.listing import shown
from jaxdissect.errors import BadInput
from jaxdissect.model import Model
from jaxdissect.runs import labelled, outputs, own_pictures, subjects
from jaxdissect.runs.progress import Progress, progress_of
from jaxdissect.settings import ImageSweepSettings, SweepSettings

CHUNK = 100
"""Images whose labels are read at a time."""

SHOWN = 5
"""Classes that are named where there are more."""


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
        told: what a command prints of them before it measures anything.
    """

    rank: Half
    report: Half
    numbers: np.ndarray
    classes: tuple[str, ...]
    provenance: dict[str, Any]
    said: list[str]
    told: tuple[str, ...] = ()


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


def open_images(
    config: ImageSweepSettings, trained: Model, *, progress: Progress | bool = True
) -> Halves:
    """The images a config names, for a network.

    Raises:
        BadInput: settings or pictures that cannot be.
    """
    data = config.data
    if data.name == "pictures":
        return _pictures(config, trained, progress_of(progress))
    for name, default in (("path", None), ("labels", "folders"), ("broken", "refuse")):
        if getattr(data, name) != default:
            raise BadInput(
                f"`data.{name}` is {getattr(data, name)}, but scenes are generated; it "
                "is for --data.name pictures"
            )
    return scenes_for(config, trained)


def announce(images: Halves) -> None:
    """Print what a command says of its images."""
    for sentence in images.told:
        print(sentence)


def of_images(
    images: ImageSet | ConceptSource | labelled.Probe,
    trained: Model,
    *,
    num_rank: int,
    num_report: int,
    classes: Sequence[str] = (),
    progress: Progress | bool = True,
) -> Halves:
    """Any labelled images, of every class the first half to rank units on.

    Args:
        images: whose classes, or captions, are named after the network's classes.
        trained: the network that is asked.
        num_rank: at most so many to rank units on.
        num_report: at most so many to judge them on.
        classes: only of these; of all that the images have by default.
        progress: for bars.

    Raises:
        BadInput: other classes than the network's, another size than it takes, or
            classes with fewer than four images.
    """
    if not isinstance(images, ImageSet):
        images = _captioned(images, trained.image_size)
    if images.size != trained.image_size:
        raise BadInput(
            f"`images` has images of {images.size} pixels; the network takes "
            f"{trained.image_size}"
        )
    try:
        meant = np.array(match_classes(images.classes, trained.classes), int)
    except BadInput as error:
        raise BadInput(
            f"`images` has other classes than the network: {error}"
        ) from None
    wanted = meant
    if classes:
        wanted = _numbers(classes, trained.classes)
    labels = meant[_labels(images, progress_of(progress))]
    least = 2 * picture_folder.LEAST
    times = np.bincount(labels, minlength=len(trained.classes))
    if few := [trained.classes[k] for k in wanted if times[k] < least]:
        raise BadInput(
            f"`images` has fewer than {least} images of {_some(few)}; `classes` "
            "restricts to others"
        )
    chosen = np.flatnonzero(np.isin(labels, wanted))
    labels = labels[chosen]
    halves = picture_folder.halves(labels, num_rank=num_rank, num_report=num_report)
    rank, report = (
        Half(
            picture_folder.labelled(
                images, chosen[half], labels[half], trained.classes
            ),
            generated.SPLIT_STARTS[split],
        )
        for split, half in halves._asdict().items()
    )
    numbers = np.unique(labels[halves.rank])
    names = tuple(trained.classes[k] for k in numbers)
    said = own_pictures.about_halves(trained.classes, labels, halves)
    provenance = {"images": images.fingerprint}
    about = [said, *model.about_outputs(trained)]
    return Halves(rank, report, numbers, names, provenance, about, (said,))


def of_classes(images: Halves, names: Sequence[str]) -> Halves:
    """The images of some classes only, in both halves.

    Raises:
        BadInput: fewer than two classes, or classes without two images in each half.
    """
    known = images.rank.images.classes
    numbers = np.sort(_numbers(names, known))

    def restricted(half: Half, purpose: str) -> Half:
        labels = _labels(half.images, Progress(shown=False))
        times = np.bincount(labels, minlength=len(known))
        least = picture_folder.LEAST
        if few := [known[k] for k in numbers if times[k] < least]:
            raise BadInput(
                f"`classes` names {_some(few)}, of which there are fewer than {least} "
                f"images to {purpose} on"
            )
        at = np.flatnonzero(np.isin(labels, numbers))
        if len(at) == len(labels):
            return half
        some = picture_folder.labelled(half.images, at, labels[at], known)
        return half._replace(images=some)

    return images._replace(
        rank=restricted(images.rank, "rank units"),
        report=restricted(images.report, "judge them"),
        numbers=numbers,
        classes=tuple(known[k] for k in numbers),
    )


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


def _pictures(config: ImageSweepSettings, trained: Model, progress: Progress) -> Halves:
    for name in ("rank", "report"):
        split = getattr(config, f"{name}_split")
        if split != name:
            raise BadInput(f"`{name}_split` is {split!r}; pictures have no splits")
    own = own_pictures.open_pictures(
        config.data,
        trained,
        num_rank=config.num_rank,
        num_report=config.num_report,
        batch_size=config.batch_size,
        progress=progress,
    )
    rank, report = (
        Half(images, generated.SPLIT_STARTS[split])
        for split, images in (("rank", own.rank), ("report", own.report))
    )
    names = tuple(trained.classes[k] for k in own.numbers)
    provenance = {"pictures": own.fingerprint, "left_out": dict(own.left_out)}
    said = [own.said, *model.about_outputs(trained)]
    return Halves(rank, report, own.numbers, names, provenance, said, own.told)


def _captioned(images: ConceptSource | labelled.Probe, size: int) -> ImageSet:
    """Images whose captions are the names of their classes."""
    source, indices = labelled.whole(images)
    captions = [source.captions[n] for n in indices]
    classes = tuple(dict.fromkeys(captions))
    labels = np.array([classes.index(caption) for caption in captions], np.int32)

    def read(numbers: np.ndarray) -> image_sets.Batch:
        image_sets.check_numbers(numbers, len(labels))
        # One cell: the masks are not looked at.
        pixels = source.load(indices[numbers], size=size, stride=size).images
        return pixels, labels[numbers]

    sha = image_sets.fingerprint([source.digest, size], np.asarray(indices))
    return ImageSet(classes, len(labels), read, size, sha, labels)


def _labels(images: ImageSet, progress: Progress) -> np.ndarray:
    """[N] of all images; they are read where their labels are not known otherwise."""
    if images.labels is not None:
        return images.labels
    firsts = range(0, images.num_images, CHUNK)
    return np.concatenate(
        [
            images.read(np.arange(first, min(first + CHUNK, images.num_images)))[1]
            for first in progress.bar(firsts, len(firsts), "reading labels")
        ]
    )


def _numbers(names: Sequence[str], known: tuple[str, ...]) -> np.ndarray:
    """Which classes of the network are named; two at least."""
    if unknown := [name for name in names if name not in known]:
        raise BadInput(
            f"`classes` names {_some(unknown)}, which the network does not know; "
            f"it knows {_some(known)}"
        )
    numbers = np.array([known.index(name) for name in dict.fromkeys(names)])
    if len(numbers) < 2:
        raise BadInput(f"`classes` is {', '.join(names)}; two are needed")
    return numbers


def _some(names: Sequence[str]) -> str:
    """Names, the first few where there are many."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{', '.join(names[:SHOWN])}{more}"
