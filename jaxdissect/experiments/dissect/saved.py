"""Earlier dissections: found or made where missing, and read back."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxdissect import model
from jaxdissect.dissection import (
    NO_LABEL,
    Detectors,
    Dissection,
    Overlap,
    Protocol,
    check_protocol,
)
from jaxdissect.dissection.tally import Headline
from jaxdissect.errors import BadInput
from jaxdissect.experiments.dissect import command
from jaxdissect.experiments.dissect.cards import UnitCard, load_cards
from jaxdissect.experiments.dissect.settings import DissectSettings
from jaxdissect.intervals import Interval
from jaxdissect.model import Model
from jaxdissect.runs import labelled, locking, outputs, records, saved_files, subjects
from jaxdissect.settings import SubjectSettings

RECORDED: dict[str, Any] = {
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


class SavedDissection(NamedTuple):
    """What a run of `dissect` found.

    Attributes:
        result: thresholds, counts, IoU and labels.
        concepts: [C] (name, category) of every concept.
        cards: [U] one per unit, in order of unit number.
        headline: the layer's numbers.
        protocol: the conventions that were followed.
        facts: what was dissected and how, in reading order.
    """

    result: Dissection
    concepts: tuple[tuple[str, str], ...]
    cards: list[UnitCard]
    headline: Headline
    protocol: Protocol
    facts: dict[str, str]


class OpenDissection(NamedTuple):
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
    saved: SavedDissection
    layer: str
    num_images: int
    tails: np.ndarray
    run: dict[str, Any]


def default_settings(
    subject: SubjectSettings, seed: int, layer: str = ""
) -> DissectSettings:
    """Of the dissection that others build upon: on scenes, by default conventions."""
    settings = DissectSettings(**subjects.same_subject(subject), seed=seed)
    return replace(settings, layers=(layer,)) if layer else settings


def find_or_make(
    subject: SubjectSettings,
    seed: int,
    *,
    layer: str = "",
    folder: Path | None = None,
) -> Path:
    """The folder of a layer's dissection, made where it is missing.

    Args:
        subject: which network.
        seed: of the images to dissect with.
        layer: to dissect; the usual one where none is named.
        folder: of the dissection, where the user named one; it is not looked into.
    """
    if folder is not None:
        return folder
    settings = default_settings(subject, seed, layer)
    folder = command.default_out(settings)
    if not (folder / records.NAME).exists():
        (layer,) = settings.layers
        print(f"what {layer} looks for is not known yet: dissecting into {folder}")
        with locking.in_turn():
            command.run(settings)
    return folder


def expected_record(
    subject: SubjectSettings,
    seed: int,
    trained: Model,
    layer: str,
    *,
    folder: Path | None = None,
) -> dict[str, Any]:
    """The record (run.json) of the dissection that `find_or_make` finds or would make.

    Args:
        subject: which network.
        seed: of the images to dissect with.
        trained: the same network.
        layer: that must have been dissected.
        folder: of the dissection, where the user named one.

    Raises:
        BadInput: the folder holds another run, or the dissection of something else.
    """
    if folder is not None:
        return _record_in(folder, trained.weights.digest, layer)
    settings = default_settings(subject, seed, layer)
    images = labelled.probe_of(settings, trained.image_size).source.digest
    record = outputs.manifest(settings, weights=trained.weights.digest, images=images)
    records.check_same_run(command.default_out(settings), record)
    return record


def load_dissection(folder: Path) -> SavedDissection:
    """Read iou.npz, cards.json and summary.json of a folder.

    Labels and detectors are those of the cards, so that they are what the folder's
    report shows whatever the protocol's detector rule was.

    Args:
        folder: that a run of `dissect` wrote.

    Raises:
        BadInput: a file is missing, damaged, of another version of this library, or
            of another dissection than the others.
    """
    with saved_files.advising("dissect again"):
        arrays = _arrays(folder / "iou.npz")
        summary = read_summary(folder / "summary.json")
        cards = load_cards(folder / "cards.json")
    concepts = tuple(
        zip(arrays["concepts"].tolist(), arrays["categories"].tolist(), strict=True)
    )
    units = len(arrays["iou"])
    numbers = sorted(card.unit for card in cards)
    if numbers != list(range(units)):
        raise BadInput(
            f"{folder} holds iou.npz of {units} units and cards.json of {len(cards)}, "
            "or of other numbers; dissect again"
        )
    cards = sorted(cards, key=lambda card: card.unit)
    return SavedDissection(
        result=Dissection(
            thresholds=arrays["thresholds"],
            overlap=Overlap(**{n: arrays[n] for n in Overlap._fields if n in arrays}),
            iou=arrays["iou"],
            detectors=_detectors(folder, cards, concepts),
        ),
        concepts=concepts,
        cards=cards,
        **summary._asdict(),
    )


def iou_intervals(cards: Sequence[UnitCard]) -> Interval | None:
    """The intervals of the units' best IoU; None where none was measured.

    Args:
        cards: [U] in order of unit number.

    Returns:
        [U] each; [0, 0] for a unit that has no label and so no interval.

    >>> dead = UnitCard(0, "", "", 0.0, False, 1.0, "", (), ())
    >>> card = UnitCard(1, "roof", "part", 0.1, True, 1.0, "", (), (), 0.05, 0.2)
    >>> iou_intervals([dead, card]).high.tolist(), iou_intervals([dead])
    ([0.0, 0.2], None)
    """
    if all(card.low is None for card in cards):
        return None
    return Interval(
        np.array([0.0 if card.low is None else card.low for card in cards]),
        np.array([0.0 if card.high is None else card.high for card in cards]),
    )


def open_dissection(folder: Path) -> OpenDissection:
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
    for key, hint in RECORDED.items():
        record.setting(key, hint)
    saved = load_dissection(folder)
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
    return OpenDissection(folder, saved, layer, number, tails, record.run)


def as_dissected(trained: Model, dissected: OpenDissection) -> Model:
    """The network that was dissected: this one, or with the same random weights.

    Raises:
        BadInput: another was.
    """
    settings = dissected.run["config"]
    if settings["random_weights"]:
        trained = model.with_random_weights(trained, settings["seed"])
    check_weights(dissected, trained.weights.digest)
    return trained


def check_weights(dissected: OpenDissection, digest: str) -> None:
    """Refuse any network but the one that was dissected.

    Raises:
        BadInput: its weights are others.
    """
    if digest != dissected.run["weights"]:
        raise BadInput(
            f"`weights` are {digest[:12]}, but {dissected.folder} is the dissection of "
            f"{dissected.run['weights'][:12]}; name those with --weights"
        )


class Summary(NamedTuple):
    """What summary.json of a dissection says, but for the labels.

    Attributes:
        headline: the layer's numbers.
        protocol: the conventions that were followed.
        facts: what was dissected and how, in reading order.
    """

    headline: Headline
    protocol: Protocol
    facts: dict[str, str]


def read_summary(path: Path) -> Summary:
    """Read summary.json of a dissection.

    Raises:
        BadInput: it is damaged or of another version of this library.
    """
    found = saved_files.read_object(path)
    facts = saved_files.field(found, "facts", dict, path)
    for name, said in facts.items():
        saved_files.typed(said, str, f"facts.{name}", path)
    protocol = saved_files.field(found, "protocol", Protocol, path)
    try:
        check_protocol(protocol)
    except BadInput as error:
        raise BadInput(f"{path}: `protocol`: {error}") from None
    return Summary(
        Headline(**saved_files.fields_of(found, Headline, path)),
        protocol,
        facts,
    )


def _arrays(path: Path) -> dict[str, np.ndarray]:
    numbers = ("iou", "thresholds", *Overlap._fields)
    kinds = dict.fromkeys(numbers, "iuf") | {"concepts": "U", "categories": "U"}
    arrays = saved_files.read_arrays(path, kinds, optional=("unit_met",))
    saved_files.check_shape(arrays["iou"], (None, None), "iou", path)
    units, concepts = arrays["iou"].shape
    shapes: dict[str, tuple[int | None, ...]] = {
        "thresholds": (units,),
        "concepts": (concepts,),
        "categories": (concepts,),
        "intersection": (units, concepts),
        "unit": (units,),
        "concept": (concepts,),
        "unit_in_category": (units, None),
        "unit_met": (units, None),
        "pixels_in_category": (None,),
        "pixels": (),
    }
    for name in arrays.keys() & shapes.keys():
        shape = shapes[name]
        saved_files.check_shape(arrays[name], shape, name, path)
    for name in arrays.keys() & {"iou", *Overlap._fields}:
        if (arrays[name] < 0).any():
            raise BadInput(f"{path}: the array `{name}` has values below 0")
    if (arrays["iou"] > 1).any():
        raise BadInput(f"{path}: the array `iou` has values above 1")
    return arrays


def _detectors(folder, cards, concepts) -> Detectors:
    columns = {concept: c for c, concept in enumerate(concepts)} | {("", ""): NO_LABEL}
    unknown = [card for card in cards if (card.label, card.category) not in columns]
    if unknown:
        raise BadInput(
            f"{folder} holds cards.json with the label {unknown[0].label!r}, which is "
            "none of the concepts of iou.npz; dissect again"
        )
    return Detectors(
        concept=np.array([columns[card.label, card.category] for card in cards]),
        iou=np.array([card.iou for card in cards]),
        is_detector=np.array([card.is_detector for card in cards]),
    )


def _record_in(folder: Path, digest: str, layer: str) -> dict[str, Any]:
    advice = "name the right one with --dissection"
    # Of several layers each has a folder, and the record lies beside them.
    one_of_several = not (folder / "run.json").exists()
    record = records.read(folder.parent if one_of_several else folder)
    if record is None:
        raise BadInput(f"{folder} holds no dissection; {advice}")
    kind = record.setting("command", str)
    if kind != "dissect":
        raise BadInput(f"{folder} holds a run of {kind}, no dissection; {advice}")
    of = record.setting("weights", str)
    layers = record.setting("config.layers", tuple[str, ...])
    layers = (folder.name,) if one_of_several else layers
    if (of, *layers) != (digest, layer):
        raise BadInput(
            f"{folder} holds a {kind} run of {', '.join(layers)} with weights "
            f"{of[:12]}, not the dissection of {layer} with weights {digest[:12]}; "
            f"{advice}"
        )
    return record.run
