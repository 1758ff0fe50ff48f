"""What is known of a layer's units beforehand: which matter, and what they look for."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from jaxdissect.errors import BadInput
from jaxdissect.experiments import ablate, dissect
from jaxdissect.experiments.attack.settings import AttackSettings
from jaxdissect.model import Model
from jaxdissect.runs import records, saved_files, subjects
from jaxdissect.settings import SceneSplit


class Runs(NamedTuple):
    """The records (run.json) of the two runs, made already or not yet."""

    ablation: dict[str, Any]
    dissection: dict[str, Any]


class Known(NamedTuple):
    """What both runs found.

    Attributes:
        orders: [K U] units by how much each class loses without them.
        cards: [U] what each unit looks for.
        scale: [U] each unit's mean peak on its top images.
    """

    orders: Int[np.ndarray, "K U"]
    cards: list[dissect.UnitCard]
    scale: Float[np.ndarray, "U"]


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


def runs_of(config: AttackSettings, trained: Model) -> Runs:
    """The runs an attack builds upon: those named, or the default ones.

    Raises:
        BadInput: a folder holds none, or one of other weights or another layer.
    """
    return Runs(_ablation_run(config, trained), _dissection_run(config, trained))


def known(config: AttackSettings, trained: Model) -> Known:
    """What the two runs found; those that are missing are made.

    Raises:
        BadInput: their files are damaged.
    """
    folder = dissect.find_or_make(
        config, config.seed, layer=config.layer, folder=config.dissection
    )
    asked = dissect.open_dissection(folder)
    scale = asked.tails + asked.saved.result.thresholds
    folder = ablate.find_or_make(_ablation(config), config.ablation)
    file = folder / config.layer / "ablation.npz"
    with saved_files.advising("ablate again"):
        orders = saved_files.read_arrays(file, {"orders": "iu"})["orders"]
        shape = (len(trained.classes), len(scale))
        saved_files.check_shape(orders, shape, "orders", file)
        if (np.sort(orders, axis=1) != np.arange(len(scale))).any():
            raise BadInput(f"{file}: the array `orders` must name every unit once")
    return Known(orders, asked.saved.cards, scale)


def _ablation(config: AttackSettings) -> ablate.Settings:
    return ablate.Settings(
        **subjects.same_subject(config),
        layers=(config.layer,),
        dissection=config.dissection,
        seed=config.seed,
    )


def _ablation_folder(config: AttackSettings) -> Path:
    wanted = _ablation(config)
    return config.ablation or ablate.default_out(wanted)


def _dissection_folder(config: AttackSettings) -> Path:
    return config.dissection or dissect.default_out(
        dissect.default_settings(config, config.seed, config.layer)
    )


def _ablation_run(config: AttackSettings, trained: Model) -> dict[str, Any]:
    folder, layer = _ablation_folder(config), config.layer
    if config.ablation is None and not (folder / records.NAME).exists():
        return ablate.expected_record(_ablation(config), trained)
    advice = "name the right one with --ablation"
    record = records.read(folder)
    if record is None:
        raise BadInput(f"`ablation` is {folder}, which holds no ablation; {advice}")
    kind = record.setting("command", str)
    if kind != "ablate":
        raise BadInput(f"`ablation` is {folder}, a run of {kind}; {advice}")
    for key, hint in ABLATED.items():
        record.setting(key, hint)
    run = record.run
    digest, layers = run["weights"], run["config"]["layers"]
    if layer not in layers:
        raise BadInput(
            f"`ablation` is {folder}, a run of {kind} on {', '.join(layers)}; an "
            f"ablation of {layer} is needed: {advice}"
        )
    if digest != trained.weights.digest:
        raise BadInput(
            f"`ablation` is {folder}, of weights {digest[:12]}; those attacked are "
            f"{trained.weights.digest[:12]}: {advice}"
        )
    return run


def _dissection_run(config: AttackSettings, trained: Model) -> dict[str, Any]:
    folder = _dissection_folder(config)
    if config.dissection is None and not (folder / records.NAME).exists():
        return dissect.expected_record(config, config.seed, trained, config.layer)
    asked = dissect.open_dissection(folder)
    dissect.check_weights(asked, trained.weights.digest)
    if asked.layer != config.layer:
        raise BadInput(
            f"`dissection` is {folder}, of {asked.layer}; `layer` is {config.layer}"
        )
    return asked.run
