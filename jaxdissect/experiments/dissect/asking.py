"""What questions are put to: a saved dissection, its concepts, images new to it."""

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxdissect import model
from jaxdissect.data import decoding
from jaxdissect.data.listing import read_bytes
from jaxdissect.errors import BadInput
from jaxdissect.experiments.dissect import command as dissect
from jaxdissect.experiments.dissect import saved as saved_dissection
from jaxdissect.experiments.dissect.settings import DissectSettings
from jaxdissect.model import Model
from jaxdissect.runs import locking, records, saved_files, subjects
from jaxdissect.settings import SubjectSettings


class Asked(NamedTuple):
    """A layer's dissection, as questions need it.

    Attributes:
        folder: where it is.
        saved: what was found.
        layer: that was dissected.
        num_images: on which it was.
        tails: [U] how far each unit rises above its threshold on its top images.
        run: the record of the run, run.json.
    """

    folder: Path
    saved: saved_dissection.SavedDissection
    layer: str
    num_images: int
    tails: np.ndarray
    run: dict[str, Any]


ASKED: dict[str, Any] = {
    "weights": str,
    "images": str,
    "config.images": str,
    "config.split": str,
    "config.seed": int,
    "config.categories": tuple[str, ...],
    "config.colours": bool,
    "config.random_weights": bool,
}
"""What questions take from a dissection's record."""


def folder_of(config: SubjectSettings, dissection: Path | None, seed: int) -> Path:
    """The dissection to ask: the one named, or that of conv5_3, made where missing."""
    if dissection is not None:
        return dissection
    wanted = DissectSettings(**subjects.same_subject(config), seed=seed)
    folder = dissect.default_out(wanted)
    if not (folder / records.NAME).exists():
        (layer,) = wanted.layers
        print(f"what {layer} looks for is not known yet: dissecting into {folder}")
        with locking.in_turn():
            dissect.run(wanted)
    return folder


def open_dissection(folder: Path) -> Asked:
    """Read a dissection and the record of the run that made it.

    Raises:
        BadInput: the folder holds none, or those of several layers.
    """
    record = records.read(folder)
    several = sorted(file.parent for file in folder.glob("*/iou.npz"))
    if record is None and (folder / "iou.npz").is_file():  # one of several layers
        record = records.read(folder.parent)
    if record is None or record.setting("command", str) != "dissect":
        raise BadInput(f"`dissection` is {folder}, which holds no dissection")
    if several:
        raise BadInput(
            f"`dissection` is {folder}, which holds {len(several)} layers; name one of "
            f"them, such as {several[-1]}"
        )
    for key, hint in ASKED.items():
        record.setting(key, hint)
    saved = saved_dissection.load_dissection(folder)
    with saved_files.advising("dissect again"):
        summary = folder / "summary.json"
        told = saved_files.read_object(summary)
        number = saved_files.field(told, "num_images", int, summary)
        layer = saved_files.field(told, "facts.layer", str, summary)
        arrays = folder / "iou.npz"
        peaks = saved_files.read_arrays(arrays, {"top_peaks": "f"})["top_peaks"]
        shape = (len(saved.cards), None)
        saved_files.check_shape(peaks, shape, "top_peaks", arrays)
        if number < 1 or not peaks.size:
            raise BadInput(f"{folder} is of no images")
    tails = peaks.mean(1) - saved.result.thresholds
    return Asked(folder, saved, layer, number, tails, record.run)


def as_dissected(trained: Model, asked: Asked) -> Model:
    """The network that was dissected: this one, or with the same random weights.

    Raises:
        BadInput: another was.
    """
    settings = asked.run["config"]
    if settings["random_weights"]:
        trained = model.with_random_weights(trained, settings["seed"])
    check_weights(asked, trained.weights.digest)
    return trained


def check_weights(asked: Asked, digest: str) -> None:
    """Refuse any network but the one that was dissected.

    Raises:
        BadInput: its weights are others.
    """
    if digest != asked.run["weights"]:
        raise BadInput(
            f"`weights` are {digest[:12]}, but {asked.folder} is the dissection of "
            f"{asked.run['weights'][:12]}; name those with --weights"
        )


def concept_numbers(
    names: Sequence[str], concepts: Sequence[tuple[str, str]]
) -> list[int]:
    """Numbers of the concepts named, each once.

    Args:
        names: `category/name`, or `name` where one category has it.
        concepts: (name, category) of all.

    Raises:
        BadInput: an unknown concept, or one of several categories.

    >>> concept_numbers(["object/sofa", "red"], [("red", "colour"), ("sofa", "object")])
    [1, 0]
    """
    full = [f"{category}/{name}" for name, category in concepts]
    numbers: list[int] = []
    for asked in names:
        # Whole names come first, because a concept's own may have a slash, too.
        found = [n for n, name in enumerate(full) if name == asked]
        found = found or [n for n, (name, _) in enumerate(concepts) if name == asked]
        if len(found) > 1:
            which = " or ".join(full[n] for n in found)
            raise BadInput(f"`concepts` has {asked!r}, which may be {which}")
        if not found:
            known = dict.fromkeys([*(name for name, _ in concepts), *full])
            close = difflib.get_close_matches(asked, known, n=3)
            hint = f"did you mean {' or '.join(close)}?" if close else "see its report"
            raise BadInput(
                f"`concepts` has {asked!r}, which is none of the {len(full)} concepts "
                f"of the dissection; {hint}"
            )
        numbers += found
    return list(dict.fromkeys(numbers))


def own_pictures(paths: Sequence[Path], size: int) -> np.ndarray:
    """[P size size 3], the middle squares of picture files.

    Raises:
        BadInput: a file is missing or no picture.
    """
    decoded = []
    for path in paths:
        which = f"`images` has {path}, which"
        try:
            encoded = read_bytes(path)
        except BadInput as error:
            reason = str(error).removeprefix(f"{path} ")
            raise BadInput(f"{which} {reason}") from None
        decoded.append(decoding.decode_square(encoded, size, which))
    return np.array(decoded, np.uint8).reshape(-1, size, size, 3)
