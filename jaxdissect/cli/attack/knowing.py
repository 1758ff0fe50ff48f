"""What is known of a layer's units beforehand: which matter, and what they look for."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from jaxdissect.base import BadInput
from jaxdissect.cli import ablate, build, dissect, joining, loading
from jaxdissect.cli.config import AblateConfig, AttackConfig, DissectConfig
from jaxdissect.cli.query import asking
from jaxdissect.reports.cards import UnitCard


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
    cards: list[UnitCard]
    scale: Float[np.ndarray, "U"]


def runs_of(config: AttackConfig, trained: build.Trained) -> Runs:
    """The runs an attack builds upon: those named, or the default ones.

    Raises:
        BadInput: a folder holds none, or one of other weights or another layer.
    """
    return Runs(_ablation_run(config, trained), _dissection_run(config, trained))


def known(config: AttackConfig, trained: build.Trained) -> Known:
    """What the two runs found; those that are missing are made.

    Raises:
        BadInput: their files are damaged.
    """
    folder = _dissection_folder(config)
    if not folder.exists():
        print(f"what {config.layer} looks for is not known yet: dissecting to {folder}")
        dissect.run(_dissection(config))
    asked = asking.open_dissection(folder)
    scale = asked.tails + asked.saved.result.thresholds
    folder = _ablation_folder(config)
    if not folder.exists():
        print(f"which units matter is not known yet: ablating to {folder}")
        ablate.run(_ablation(config))
    file = folder / config.layer / "ablation.npz"
    try:
        with np.load(file) as arrays:
            orders = arrays["orders"]
    except (OSError, ValueError, KeyError) as error:
        raise BadInput(f"{file} cannot be read ({error}); ablate again") from None
    if orders.shape != (len(trained.classes), len(scale)):
        raise BadInput(
            f"{file} ranks {orders.shape[1]} units for {orders.shape[0]} classes; "
            f"there are {len(scale)} and {len(trained.classes)}"
        )
    return Known(orders, asked.saved.cards, scale)


def _ablation(config: AttackConfig) -> AblateConfig:
    return AblateConfig(
        **loading.same_subject(config),
        layers=(config.layer,),
        dissection=config.dissection,
        seed=config.seed,
    )


def _dissection(config: AttackConfig) -> DissectConfig:
    return DissectConfig(
        **loading.same_subject(config), layers=(config.layer,), seed=config.seed
    )


def _ablation_folder(config: AttackConfig) -> Path:
    wanted = _ablation(config)
    return config.ablation or Path("runs") / ablate.default_name(wanted)


def _dissection_folder(config: AttackConfig) -> Path:
    return config.dissection or dissect.default_out(_dissection(config))


def _ablation_run(config: AttackConfig, trained: build.Trained) -> dict[str, Any]:
    folder, layer = _ablation_folder(config), config.layer
    if config.ablation is None and not folder.exists():
        wanted = _ablation(config)
        dissections = {layer: joining.manifest_of(wanted, trained, layer)}
        return build.analysis_manifest(wanted, trained, dissections=dissections)
    advice = "name the right one with --ablation"
    try:
        run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        kind, digest, layers = run["command"], run["weights"], run["config"]["layers"]
    except (OSError, ValueError, KeyError, TypeError):
        raise BadInput(
            f"`ablation` is {folder}, which holds no ablation; {advice}"
        ) from None
    if kind != "ablate" or layer not in layers:
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


def _dissection_run(config: AttackConfig, trained: build.Trained) -> dict[str, Any]:
    folder = _dissection_folder(config)
    if config.dissection is None and not folder.exists():
        return joining.manifest_of(_ablation(config), trained, config.layer)
    asked = asking.open_dissection(folder)
    asking.check_weights(asked, trained.weights.digest)
    if asked.layer != config.layer:
        raise BadInput(
            f"`dissection` is {folder}, of {asked.layer}; `layer` is {config.layer}"
        )
    return asked.run
