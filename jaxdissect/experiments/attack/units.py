"""Units: which matter to which class, what they look for, which move most."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from jaxdissect.errors import BadInput
from jaxdissect.experiments import ablate, dissect
from jaxdissect.experiments.attack.settings import AttackSettings
from jaxdissect.intervals import Interval
from jaxdissect.model import Model
from jaxdissect.runs import records, saved_files, subjects
from jaxdissect.runs.records import Record
from jaxdissect.settings import SceneSplit

if TYPE_CHECKING:
    from jaxdissect.experiments.dissect import UnitCard

MEASURES = ("activation", "share of scale")
"""A unit's peak as it is, and over its mean peak on its top images."""

ABLATED: dict[str, Any] = {
    "weights": str,
    "config.layers": tuple[str, ...],
    "config.rank_split": SceneSplit,
    "config.report_split": SceneSplit,
    "config.num_rank": int,
    "config.rank_by": str,
    "config.value": str,
    "config.data.name": str,
}
"""What attacks take from an ablation's record."""


class Known(NamedTuple):
    """What an ablation and a dissection found of a layer's units.

    Attributes:
        orders: [K U] units by how much each class loses without them.
        cards: [U] what each unit looks for.
        scale: [U] each unit's mean peak on its top images.
        ablation: record of the run that found the orders.
        dissection: record of the run that found the rest.
    """

    orders: Int[np.ndarray, "K U"]
    cards: "Sequence[UnitCard]"
    scale: Float[np.ndarray, "U"]
    ablation: dict[str, Any]
    dissection: dict[str, Any]


class Moved(NamedTuple):
    """A unit and how its peak changes, as a share of its scale.

    Attributes:
        name: such as "bed"; any characters.
        unit: its number.
        change: of its peak.
        low: lower end of the change's interval, if it has one.
        high: upper end.
    """

    name: str
    unit: int
    change: float
    low: float | None = None
    high: float | None = None


def find_or_make(settings: AttackSettings) -> tuple[Path, Path]:
    """The folders of the ablation and the dissection, made where they are missing."""
    dissected = dissect.find_or_make(
        settings, settings.seed, layer=settings.layer, folder=settings.dissection
    )
    return ablate.find_or_make(_ablation(settings), settings.ablation), dissected


def expected_records(
    settings: AttackSettings, model: Model
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The records of the ablation and the dissection, made already or not yet.

    Raises:
        BadInput: a folder holds none, or one of other weights or another layer.
    """
    layer, seed = settings.layer, settings.seed
    wanted = _ablation(settings)
    folder = settings.ablation or ablate.default_out(wanted)
    if settings.ablation or (folder / records.NAME).exists():
        ablation = _record_of_ablation(folder, model, layer).run
    else:
        ablation = ablate.expected_record(wanted, model)
    folder = settings.dissection or dissect.default_out(
        dissect.default_settings(settings, seed, layer)
    )
    if settings.dissection or (folder / records.NAME).exists():
        return ablation, _open_dissection(folder, model, layer).run
    return ablation, dissect.expected_record(settings, seed, model, layer)


def known(
    model: Model,
    layer: str,
    ablation: "ablate.Result | str | Path | None",
    dissection: "dissect.Result | str | Path | None",
) -> Known:
    """What an ablation and a dissection, or the folders of them, say of a layer.

    Raises:
        BadInput: one is missing, damaged, of other weights or of another layer.
    """
    for name, source in (("ablation", ablation), ("dissection", dissection)):
        if source is None:
            raise BadInput(
                f"`{name}` is None; give what `{name.replace('ion', 'e')}` found of "
                f"{layer}, or its folder"
            )
    cards, scale, dissected = _of_dissection(dissection, model, layer)
    orders, ablated = _of_ablation(ablation, model, layer, len(scale))
    return Known(orders, cards, scale, ablated, dissected)


def moved_most(
    cards: "Sequence[UnitCard]",
    changes: Float[np.ndarray, "U"],
    number: int,
    interval: Interval | None = None,
    *,
    all_units: bool = True,
) -> tuple[list[Moved], list[Moved]]:
    """The units that rise most and fall most, at most `number` of each.

    Args:
        cards: [U] what each unit looks for.
        changes: [U] signed shares of the units' scales.
        number: of each kind.
        interval: of the changes.
        all_units: whether also units whose interval has 0 in it.
    """
    moved = [Moved(name_of(card), u, float(changes[u])) for u, card in enumerate(cards)]
    if interval is not None:
        ends = zip(interval.low.tolist(), interval.high.tolist(), strict=True)
        moved = [
            unit._replace(low=low, high=high)
            for unit, (low, high) in zip(moved, ends, strict=True)
            if all_units or low * high > 0
        ]
    risen = sorted((u for u in moved if u.change > 0), key=lambda u: -u.change)
    fallen = sorted((u for u in moved if u.change < 0), key=lambda u: u.change)
    return risen[:number], fallen[:number]


def name_of(card: "UnitCard") -> str:
    """What a unit looks for; in brackets where it hardly does.

    >>> name_of(dissect.UnitCard(0, "", "", 0.0, False, 1.0, "", (), ()))
    '(nothing)'
    """
    label = card.label or "nothing"
    return label if card.is_detector else f"({label})"


def _ablation(settings: AttackSettings) -> "ablate.Settings":
    return ablate.Settings(
        **subjects.same_subject(settings),
        layers=(settings.layer,),
        dissection=settings.dissection,
        seed=settings.seed,
    )


def _of_dissection(
    source: Any, model: Model, layer: str
) -> tuple[Any, np.ndarray, Any]:
    """(cards, scale, record) of a result or a folder."""
    if isinstance(source, str | Path):
        opened = _open_dissection(Path(source), model, layer)
        scale = opened.tails + opened.saved.result.thresholds
        return opened.saved.cards, scale, opened.run
    units = source[layer]
    if source.record["weights"] != model.weights.digest:
        raise BadInput("`dissection` is of other weights than those attacked")
    thresholds = np.asarray(units.findings.dissection.thresholds)
    # In these steps, as from a folder, and so with the same last bit.
    tails = np.asarray(units.findings.top.peaks).mean(1) - thresholds
    return units.cards, tails + thresholds, dict(source.record)


def _open_dissection(
    folder: Path, model: Model, layer: str
) -> "dissect.OpenDissection":
    opened = dissect.open_dissection(folder)
    dissect.check_weights(opened, model.weights.digest)
    if opened.layer != layer:
        raise BadInput(
            f"`dissection` is {folder}, of {opened.layer}; `layer` is {layer}"
        )
    return opened


def _of_ablation(
    source: Any, model: Model, layer: str, num_units: int
) -> tuple[np.ndarray, dict[str, Any]]:
    """(orders [K U], record) of a result or a folder."""
    if not isinstance(source, str | Path):
        record = Record(dict(source.record), {}, Path("ablation"))
        _check_ablation("a result", record, model, layer)
        return np.asarray(source[layer].effects.orders), record.run
    record = _record_of_ablation(Path(source), model, layer)
    file = Path(source) / layer / "ablation.npz"
    with saved_files.advising("ablate again"):
        orders = saved_files.read_arrays(file, {"orders": "iu"})["orders"]
        shape = (len(model.classes), num_units)
        saved_files.check_shape(orders, shape, "orders", file)
        if (np.sort(orders, axis=1) != np.arange(num_units)).any():
            raise BadInput(f"{file}: the array `orders` must name every unit once")
    return orders, record.run


def _record_of_ablation(folder: Path, model: Model, layer: str) -> Record:
    record = records.read(folder)
    if record is None:
        raise BadInput(
            f"`ablation` is {folder}, which holds no ablation; name the right one with "
            "--ablation"
        )
    _check_ablation(folder, record, model, layer)
    return record


def _check_ablation(source: Any, record: Record, model: Model, layer: str) -> None:
    advice = "name the right one with --ablation"
    kind = record.setting("command", str)
    if kind != "ablate":
        raise BadInput(f"`ablation` is {source}, a run of {kind}; {advice}")
    for key, hint in ABLATED.items():
        record.setting(key, hint)
    digest, layers = record.run["weights"], record.run["config"]["layers"]
    if layer not in layers:
        raise BadInput(
            f"`ablation` is {source}, a run of {kind} on {', '.join(layers)}; an "
            f"ablation of {layer} is needed: {advice}"
        )
    if digest != model.weights.digest:
        raise BadInput(
            f"`ablation` is {source}, of weights {digest[:12]}; those attacked are "
            f"{model.weights.digest[:12]}: {advice}"
        )
