"""Pictures of a folder for questions to any network: labels, halves, what to say."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxdissect.base import BadInput
from jaxdissect.cli import build, leaving_out, outputs
from jaxdissect.cli.config import DataConfig, PicturesConfig
from jaxdissect.data import pictures
from jaxdissect.data.class_matching import match_classes
from jaxdissect.data.images import ImageSet, fingerprint
from jaxdissect.data.picture_files import Broken, digests

SHOWN = 5
"""Classes that are named where there are more."""


class OwnPictures(NamedTuple):
    """Pictures with the network's classes for labels.

    Attributes:
        rank: those that units are ranked on.
        report: those that units are judged on.
        numbers: [C] the classes that occur, in both.
        fingerprint: of pictures, labels and halves.
        left_out: broken pictures.
        said: where all that comes from, in words.
    """

    rank: ImageSet
    report: ImageSet
    numbers: np.ndarray
    fingerprint: str
    left_out: tuple[Broken, ...]
    said: str


def open_pictures(
    data: PicturesConfig | DataConfig,
    trained: build.Trained,
    *,
    num_rank: int,
    num_report: int,
    batch_size: int,
) -> OwnPictures:
    """Label the pictures of a folder and divide them.

    Args:
        data: which folder, labels from where, and what becomes of broken files.
        trained: the network that is asked.
        num_rank: at most so many to rank units on.
        num_report: at most so many to judge them on.
        batch_size: pictures at a time.

    Raises:
        BadInput: no folder, folders of other names than the network's classes, too few
            pictures, one picture in both halves.
    """
    if data.path is None:
        raise BadInput("`data.path` is missing: the folder with the pictures")
    names = pictures.picture_names(data.path)
    left_out: tuple[Broken, ...] = ()
    if data.broken == "skip":
        left_out = leaving_out.broken_pictures(data.path, names)
    absent = [name for name, _ in left_out]
    whole = pictures.pictures(data.path, trained.image_size, left_out=absent)
    names = [name for name in names if name not in set(absent)]
    if data.labels == "predicted":
        labels = predicted(whole, trained, batch_size)
    else:
        labels = named(data.path, whole.classes, names, trained.classes)
    halves = pictures.halves(labels, num_rank=num_rank, num_report=num_report)
    rank, report = (
        pictures.labelled(whole, half, labels[half], trained.classes) for half in halves
    )
    contents = _contents(data.path, names, halves)
    sha = fingerprint([rank.fingerprint, report.fingerprint, contents])
    said = _sentences(data, trained.classes, labels, halves)
    print(said)
    numbers = np.unique(labels[halves.rank])
    return OwnPictures(rank, report, numbers, sha, left_out, said)


def named(
    folder: Path,
    folders: tuple[str, ...],
    names: Sequence[str],
    classes: tuple[str, ...],
) -> np.ndarray:
    """[N] the class each picture's folder is named after.

    Args:
        folder: of all.
        folders: for classes, in it.
        names: [N] paths of the pictures relative to it.
        classes: of the network.

    Raises:
        BadInput: no folders for classes, or one that is not named after a class.
    """
    advice = "--data.labels predicted takes the network's own answers"
    if not folders:
        raise BadInput(
            f"`data.labels` is folders, but {folder} has none for classes; {advice}"
        )
    try:
        meant = dict(zip(folders, match_classes(folders, classes), strict=True))
    except BadInput as error:
        raise BadInput(f"{error}; {advice}") from None
    return np.array([meant[name.partition("/")[0]] for name in names])


def predicted(whole: ImageSet, trained: build.Trained, batch_size: int) -> np.ndarray:
    """[N] the class the network takes each picture for."""
    forward = build.forward_to(trained.network, ("logits",))
    firsts = range(0, whole.num_images, batch_size)
    answers = []
    for first in outputs.progress(firsts, len(firsts), "asking for labels"):
        last = min(first + batch_size, whole.num_images)
        images, _ = whole.read(np.arange(first, last))
        logits = forward(trained.weights.params, images)["logits"]
        answers.append(np.asarray(logits).argmax(-1))
    return np.concatenate(answers)


def _contents(folder: Path, names: Sequence[str], halves: pictures.Halves) -> list[str]:
    """SHA-256 of all files that are used, of which no two halves share one."""
    chosen = [[names[n] for n in half] for half in halves]
    rank, report = (list(digests(folder, half)) for half in chosen)
    known = dict(zip(rank, chosen[0], strict=True))
    for digest, name in zip(report, chosen[1], strict=True):
        if digest in known:
            raise BadInput(
                f"{folder / known[digest]} and {folder / name} are the same picture, "
                "one to rank units on and one to judge them on; delete one"
            )
    return [*rank, *report]


def _sentences(
    data: PicturesConfig | DataConfig,
    classes: tuple[str, ...],
    labels: np.ndarray,
    halves: pictures.Halves,
) -> str:
    """Where the pictures and their labels come from, and what is left out."""
    used = np.unique(labels[halves.rank])
    few = [classes[k] for k in np.setdiff1d(labels, used)]
    said = [
        f"Pictures of {len(used)} of the network's {len(classes)} classes: "
        f"{len(halves.rank)} to rank units on and {len(halves.report)} others to judge "
        "them on."
    ]
    if data.labels == "predicted":
        said.append(
            "Their labels are the network's own answers, so what units cost is changed "
            "answers, right or wrong."
        )
    if few:
        shown = ", ".join(few[:SHOWN])
        more = f" and {len(few) - SHOWN} more" if len(few) > SHOWN else ""
        said.append(f"Left out for having too few pictures: {shown}{more}.")
    return " ".join(said)
