"""Pictures of a folder for questions to any network: labels, halves, what to say."""

from collections.abc import Container, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxdissect import model
from jaxdissect.data import duplicates
from jaxdissect.data import picture_folder as pictures
from jaxdissect.data.folders import match_classes
from jaxdissect.data.images import ImageSet, fingerprint
from jaxdissect.data.listing import shown
from jaxdissect.data.picture_files import Broken, digests, examined, passed_over
from jaxdissect.data.picture_folder import folder_of
from jaxdissect.errors import BadInput
from jaxdissect.model import Model
from jaxdissect.runs.progress import Progress, progress_of
from jaxdissect.settings import DataSettings, PicturesSettings

SHOWN = 5
"""Classes that are named where there are more."""

SHOWN_BROKEN = 10
"""Pictures that are named when they are left out."""

CHUNK = 100
"""Pictures that are compared at a time."""


class OwnPictures(NamedTuple):
    """Pictures with the network's classes for labels.

    Attributes:
        rank: those that units are ranked on.
        report: those that units are judged on.
        numbers: [C] the classes that occur, in both.
        fingerprint: of pictures, labels and halves.
        left_out: broken pictures.
        said: where all that comes from, in words.
        told: what a command prints of them: what is broken, then `said`.
    """

    rank: ImageSet
    report: ImageSet
    numbers: np.ndarray
    fingerprint: str
    left_out: tuple[Broken, ...]
    said: str
    told: tuple[str, ...]


def open_pictures(
    data: PicturesSettings | DataSettings,
    trained: Model,
    *,
    num_rank: int,
    num_report: int,
    batch_size: int,
    progress: Progress | bool = True,
) -> OwnPictures:
    """Label the pictures of a folder and divide them.

    Args:
        data: which folder, labels from where, and what becomes of broken files.
        trained: the network that is asked.
        num_rank: at most so many to rank units on.
        num_report: at most so many to judge them on.
        batch_size: pictures at a time.
        progress: for bars.

    Raises:
        BadInput: no folder, folders of other names than the network's classes, too few
            pictures, one picture in both halves or in two classes.
    """
    if data.path is None:
        raise BadInput("`data.path` is missing: the folder with the pictures")
    progress = progress_of(progress)
    files = pictures.picture_sizes(data.path)
    left_out: tuple[Broken, ...] = ()
    if data.broken == "skip":
        left_out = broken_pictures(data.path, list(files), progress)
    told = [about_broken(left_out, len(files))] if left_out else []
    left_out += _repeated(data, files, {name for name, _ in left_out})
    absent = {name for name, _ in left_out}
    whole = pictures.pictures(data.path, trained.image_size, left_out=sorted(absent))
    names = [name for name in files if name not in absent]
    if data.labels == "predicted":
        labels = predicted(whole, trained, batch_size, progress)
    else:
        labels = named(data.path, whole.classes, names, trained.classes)
    halves = pictures.halves(labels, num_rank=num_rank, num_report=num_report)
    rank, report = (
        pictures.labelled(whole, half, labels[half], trained.classes) for half in halves
    )
    used = [names[n] for n in np.concatenate(halves)]
    _check_different(data.path, used, rank, report, progress)
    contents = list(digests(data.path, used))
    sentences = (
        about_halves(trained.classes, labels, halves, data.labels == "predicted"),
        _counts(len(files), left_out, labels, halves),
        passed_over(data.path),
    )
    said = " ".join(filter(None, sentences))
    return OwnPictures(
        rank,
        report,
        numbers=np.unique(labels[halves.rank]),
        fingerprint=fingerprint([rank.fingerprint, report.fingerprint, contents]),
        left_out=tuple(Broken(shown(name), reason) for name, reason in left_out),
        said=said,
        told=(*told, said),
    )


def broken_pictures(
    folder: Path, names: Sequence[str], progress: Progress
) -> tuple[Broken, ...]:
    """Decode every picture once, under a bar; those that cannot be.

    Args:
        folder: that they are in.
        names: paths relative to it.
        progress: for the bar.

    Raises:
        BadInput: none can be decoded.
    """
    seen = progress.bar(examined(folder, names), len(names), "checking pictures")
    broken = tuple(one for one in seen if one is not None)
    if broken and len(broken) == len(names):
        name, reason = broken[0]
        raise BadInput(
            f"none of the {len(names)} pictures in {folder} can be read: the first, "
            f"{shown(name)}, {reason}"
        )
    return broken


def about_broken(broken: Sequence[Broken], number: int) -> str:
    """One paragraph about the pictures that are left out of so many."""
    named = [f"{shown(name)} {reason}" for name, reason in broken[:SHOWN_BROKEN]]
    more = len(broken) - len(named)
    rest = [f"{more} more are in run.json"] if more else []
    are = "is" if len(broken) == 1 else "are"
    return (
        f"{len(broken)} of {number} pictures {are} left out: "
        f"{'; '.join([*named, *rest])}."
    )


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
    return np.array([meant[folder_of(name)] for name in names])


def predicted(
    whole: ImageSet, trained: Model, batch_size: int, progress: Progress
) -> np.ndarray:
    """[N] the class the network takes each picture for."""
    forward = model.forward_to(trained.network, ("logits",))
    firsts = range(0, whole.num_images, batch_size)
    answers = []
    for first in progress.bar(firsts, len(firsts), "asking for labels"):
        last = min(first + batch_size, whole.num_images)
        images, _ = whole.read(np.arange(first, last))
        logits = forward(trained.weights.params, images)["logits"]
        answers.append(np.asarray(logits).argmax(-1))
    return np.concatenate(answers)


def _repeated(
    data: PicturesSettings | DataSettings,
    files: Mapping[str, int],
    broken: Container[str],
) -> tuple[Broken, ...]:
    """Pictures that are there already, byte by byte, and are to be left out.

    Raises:
        BadInput: some are in the folders of two classes, by which they are labelled.
    """
    assert data.path is not None
    whole = [(name, length) for name, length in files.items() if name not in broken]
    twice = duplicates.same_bytes(data.path, whole)
    across = [(one, b) for one, b in twice if folder_of(one) != folder_of(b)]
    if across and data.labels == "folders":
        raise BadInput(
            f"{len(across)} pictures in {data.path} are the same picture as one of "
            f"another class: {duplicates.listed(across)}; delete one of each"
        )
    if data.broken != "skip":
        return ()
    return tuple(Broken(b, f"is the same picture as {shown(one)}") for one, b in twice)


def _check_different(
    folder: Path,
    names: Sequence[str],
    rank: ImageSet,
    report: ImageSet,
    progress: Progress,
) -> None:
    """Refuse pictures that are in both halves pixel by pixel, all at once."""

    def contents() -> Iterator[str]:
        for half, words in ((rank, "to rank on"), (report, "to judge on")):
            firsts = range(0, half.num_images, CHUNK)
            for first in progress.bar(firsts, len(firsts), f"comparing {words}"):
                last = min(first + CHUNK, half.num_images)
                images, _ = half.read(np.arange(first, last))
                yield from map(duplicates.pixel_digest, images)

    number = {name: n for n, name in enumerate(names)}
    shared = [
        (one, other)
        for one, other in duplicates.repeats(names, contents())
        if number[one] < rank.num_images <= number[other]
    ]
    if shared:
        raise BadInput(
            f"{len(shared)} pairs in {folder} are the same picture, one to rank units "
            f"on and one to judge them on: {duplicates.listed(shared)}; delete one of "
            "each, or leave out copies with --data.broken skip"
        )


def _counts(
    number: int,
    left_out: Sequence[Broken],
    labels: np.ndarray,
    halves: pictures.Halves,
) -> str:
    """How many of all pictures are used, and why not the others; "" if all are."""
    used = len(halves.rank) + len(halves.report)
    if used == number:
        return ""
    same = sum(reason.startswith("is the same picture") for _, reason in left_out)
    _, times = np.unique(labels, return_counts=True)
    rare = int(times[times < 2 * pictures.LEAST].sum())
    reasons = {
        "broken": len(left_out) - same,
        "the same as another": same,
        f"of classes with fewer than {2 * pictures.LEAST}": rare,
        "beyond the most of each half (`num_rank` and `num_report`, or `num_train` and "
        "`num_test`)": number - len(left_out) - rare - used,
    }
    others = [f"{n} {reason}" for reason, n in reasons.items() if n]
    return f"{used} of {number} pictures are used; left out are {', '.join(others)}."


def about_halves(
    classes: tuple[str, ...],
    labels: np.ndarray,
    halves: pictures.Halves,
    predicted: bool = False,
) -> str:
    """Where the pictures and their labels come from, and what is left out."""
    used = np.unique(labels[halves.rank])
    few = [classes[k] for k in np.setdiff1d(labels, used)]
    sentences = [
        f"Pictures of {len(used)} of the network's {len(classes)} classes: "
        f"{len(halves.rank)} to rank units on and {len(halves.report)} others to judge "
        "them on."
    ]
    if predicted:
        sentences.append(
            "Their labels are the network's own answers, so what units cost is changed "
            "answers, right or wrong."
        )
    if few:
        named = ", ".join(few[:SHOWN])
        more = f" and {len(few) - SHOWN} more" if len(few) > SHOWN else ""
        sentences.append(f"Left out for having too few pictures: {named}{more}.")
    return " ".join(sentences)
