"""From config to the images a network is trained and tested on."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from jaxdissect.data import cifar, faces, folders, generated, images, tfds_images
from jaxdissect.data import scene_rendering as scenes
from jaxdissect.data import shape_rendering as shapes
from jaxdissect.data.images import ImageSet
from jaxdissect.data.listing import shown
from jaxdissect.data.picture_files import Broken
from jaxdissect.errors import BadInput
from jaxdissect.runs import own_pictures
from jaxdissect.runs.progress import Progress, progress_of
from jaxdissect.settings import DataSettings

CIFAR_SIZE = 32


class Generator(NamedTuple):
    """How generated images are made, and how many are used unless told otherwise."""

    render: Callable[..., Any]
    num_rendered_classes: int
    classes: tuple[str, ...]
    relabel: Callable[[np.ndarray], np.ndarray]
    num_train: int
    num_test: int


SCENES = Generator(
    scenes.render, len(scenes.CLASSES), scenes.CLASSES, lambda t: t, 16000, 1200
)
SHAPES = Generator(
    shapes.render,
    len(shapes.CLASSES),
    shapes.CLASSES,
    lambda t: t,
    len(shapes.TRAIN),
    len(shapes.TEST),
)
GENERATORS = {
    "scenes": SCENES,
    "shapes": SHAPES,
    "squares": SHAPES._replace(
        classes=shapes.SQUARE_CLASSES, relabel=shapes.has_square
    ),
}


class Source(NamedTuple):
    """A data set before its images have a size.

    Attributes:
        classes: names, [K].
        num_train: training images.
        fingerprint: SHA-256 of what it is made of.
        at: (image size) -> training and test images.
        left_out: broken pictures that are no part of it.
        occurring: numbers of the classes that have images; all, where it is empty.
        said: where its images come from, if more is to be said than its name.
    """

    classes: tuple[str, ...]
    num_train: int
    fingerprint: str
    at: Callable[[int], tuple[ImageSet, ImageSet]]
    left_out: tuple[Broken, ...] = ()
    occurring: tuple[int, ...] = ()
    said: str = ""


def open_source(
    config: DataSettings, sizes: tuple[int, ...], progress: Progress | bool = True
) -> Source:
    """The data set a config names.

    Args:
        config: which, and how much of it.
        sizes: of the images, in pixels, that will be asked for.
        progress: whether to show bars.

    Raises:
        BadInput: it is missing, damaged, smaller than asked for, or has no such size.
    """
    if config.name == "pictures":
        raise BadInput(
            "`data.name` is pictures, which are for questions to a network that is "
            "trained; to train one take a folder"
        )
    if config.broken == "skip" and config.name != "folder":
        raise BadInput(
            f"`data.broken` is skip, which is for a folder of pictures; `data.name` is "
            f"{config.name}"
        )
    if config.name in GENERATORS:
        if min(sizes) < scenes.MIN_SIZE:
            raise BadInput(
                f"`schedule` has images of {min(sizes)} pixels; generated ones have at "
                f"least {scenes.MIN_SIZE}"
            )
        generator, shown = GENERATORS[config.name], progress_of(progress)
        return _generated(config, generator, sizes[-1], shown)
    if config.name == "cifar10" or config.name == "cifar100":
        for size in sizes:
            if size != CIFAR_SIZE:
                raise BadInput(
                    f"`schedule` has images of {size} pixels; those of {config.name} "
                    f"have {CIFAR_SIZE}"
                )
        whole = _read_cifar(config.name, config.path)
        both = _part(config, whole)
        said = " ".join(_fewer(whole, both))
        return _source(both, lambda size: both)._replace(said=said)
    if config.path is None:
        raise BadInput(
            f"`data.path` is needed for `data.name` {config.name}: the folder with "
            "the images"
        )
    return _on_disk(config, config.path, sizes[-1])


def _on_disk(config: DataSettings, path: Path, size: int) -> Source:
    left_out: tuple[Broken, ...] = ()
    if config.broken == "skip":
        names = folders.train_and_test_names(path)
        left_out = own_pictures.broken_pictures(path, names, Progress())
        if left_out:
            print(own_pictures.about_broken(left_out, len(names)))

    def at(size: int) -> tuple[ImageSet, ImageSet]:
        return _part(config, _decoded(config, path, size, left_out))

    whole = _decoded(config, path, size, left_out)
    both = _part(config, whole)
    notes = _fewer(whole, both)
    if left_out:
        number = len(left_out) + sum(each.num_images for each in whole)
        notes.append(f"{len(left_out)} of {number} pictures are broken and left out.")
    if config.name == "folder":
        notes += folders.train_and_test_notes(path)
    if config.name == "yale":
        notes += faces.other_files(path)
    recorded = tuple(Broken(shown(name), reason) for name, reason in left_out)
    return _source(both, at)._replace(left_out=recorded, said=" ".join(notes))


def _fewer(
    whole: tuple[ImageSet, ImageSet], used: tuple[ImageSet, ImageSet]
) -> list[str]:
    """What `num_train` and `num_test` leave out, in a sentence; none for nothing."""
    parts = [
        f"{part.num_images} of {all_.num_images} images to {purpose} on"
        for all_, part, purpose in zip(whole, used, ("train", "test"), strict=True)
        if part.num_images < all_.num_images
    ]
    if not parts:
        return []
    return [f"{' and '.join(parts)} are used, by `num_train` and `num_test`."]


def _generated(
    config: DataSettings, generator: Generator, size: int, progress: Progress
) -> Source:
    num_train = config.num_train or generator.num_train
    num_test = config.num_test or generator.num_test
    splits = {"train": num_train, "test": num_test}
    indices = {name: generated.split_indices(name, n) for name, n in splits.items()}

    def at(size: int) -> tuple[ImageSet, ImageSet]:
        train, test = (
            _rendered(config.seed, generator, name, which, size, progress)
            for name, which in indices.items()
        )
        return train, test

    fingerprint = generated.fingerprint(
        generator.render, generator.num_rendered_classes, config.seed, size
    )
    return Source(generator.classes, num_train, fingerprint, at)


def _rendered(
    seed: int,
    generator: Generator,
    split: str,
    indices: range,
    size: int,
    progress: Progress,
) -> ImageSet:
    starts = range(0, len(indices), 100)
    batches = [
        generator.render(seed, indices[start : start + 100], size=size)
        for start in progress.bar(starts, len(starts), f"rendering {split} images")
    ]
    pixels = np.concatenate([batch.images for batch in batches])
    targets = np.concatenate([batch.targets for batch in batches])
    return images.in_memory(pixels, generator.relabel(targets), generator.classes)


def _read_cifar(
    name: Literal["cifar10", "cifar100"], path: Path | None
) -> tuple[ImageSet, ImageSet]:
    if path is not None and cifar.is_official(path, name):
        return cifar.cifar(path, name)
    read = partial(tfds_images.tfds_images, name, data_dir=path, size=None)
    return read("train"), read("test")


def _decoded(
    config: DataSettings, path: Path, size: int, left_out: tuple[Broken, ...]
) -> tuple[ImageSet, ImageSet]:
    if config.name == "places365_small" or config.name == "imagenet2012":
        read = partial(tfds_images.tfds_images, config.name, data_dir=path, size=size)
        return read("train"), read("validation")
    if config.name == "yale":
        return faces.yale_faces(path, size, seed=config.seed)
    names = [name for name, _ in left_out]
    return folders.train_and_test(path, size, left_out=names)


def _part(
    config: DataSettings, both: tuple[ImageSet, ImageSet]
) -> tuple[ImageSet, ImageSet]:
    train, test = both
    if config.num_train is not None:
        train = images.subset(train, config.num_train)
    if config.num_test is not None:
        test = images.subset(test, config.num_test)
    return train, test


def _source(both: tuple[ImageSet, ImageSet], at) -> Source:
    train, test = both
    fingerprint = f"{train.fingerprint} {test.fingerprint}"
    return Source(train.classes, train.num_images, fingerprint, at)
