"""The dissection an ablation belongs to, and the page that shows both."""

from pathlib import Path
from typing import Any, NamedTuple

from jaxdissect.ablation.layer_effects import LayerEffects
from jaxdissect.data import scene_rendering as scenes
from jaxdissect.errors import BadInput
from jaxdissect.experiments.ablate import effects_page as effect_report
from jaxdissect.experiments.ablate import joined_cards
from jaxdissect.experiments.ablate.settings import AblateSettings
from jaxdissect.experiments.dissect import cards
from jaxdissect.experiments.dissect import command as dissect
from jaxdissect.experiments.dissect import page as dissection_report
from jaxdissect.experiments.dissect import saved as saved_dissection
from jaxdissect.experiments.dissect.settings import DissectSettings
from jaxdissect.model import Model
from jaxdissect.runs import labelled, locking, outputs, records, saved_files, subjects
from jaxdissect.runs.halves import Halves


class Dissected(NamedTuple):
    """What a run of `dissect` left.

    Attributes:
        cards: one per unit.
        summary: of the whole layer, with protocol and facts.
    """

    cards: list[cards.UnitCard]
    summary: saved_dissection.Summary


def manifest_of(config: AblateSettings, trained: Model, layer: str) -> dict[str, Any]:
    """The run that a layer's dissection is of: the one named, or the default one.

    Nothing where there is neither, because the images are pictures.

    Raises:
        BadInput: the folder holds another run, or the dissection of something else.
    """
    if config.dissection is None and config.data.name == "pictures":
        return {}
    if config.dissection is None:
        wanted = _default(config, layer)
        size = trained.image_size
        manifest = outputs.manifest(
            wanted,
            weights=trained.weights.digest,
            images=labelled.probe_of(wanted, size).source.digest,
        )
        records.check_same_run(dissect.default_out(wanted), manifest)
        return manifest
    if len(config.layers) > 1:
        raise BadInput(
            f"`dissection` is {config.dissection}, of one layer; `layers` are "
            f"{', '.join(config.layers)}"
        )
    return _named(config.dissection, trained.weights.digest, layer)


def dissection_of(config: AblateSettings, layer: str) -> Dissected | None:
    """What a layer's units look for; found out where it is not known yet.

    With pictures it stays unknown unless a dissection is named: what units look for in
    generated scenes may say little about a network of other images.
    """
    if config.dissection is None and config.data.name == "pictures":
        return None
    folder = config.dissection or dissect.default_out(_default(config, layer))
    if config.dissection is None and not (folder / records.NAME).exists():
        print(f"what {layer} looks for is not known yet: dissecting into {folder}")
        with locking.in_turn():
            dissect.run(_default(config, layer))
    with saved_files.advising("dissect again"):
        summary = saved_dissection.read_summary(folder / "summary.json")
        return Dissected(cards.load_cards(folder / "cards.json"), summary)


def _default(config: AblateSettings, layer: str) -> DissectSettings:
    return DissectSettings(
        **subjects.same_subject(config), layers=(layer,), seed=config.seed
    )


def _named(folder: Path, digest: str, layer: str) -> dict[str, Any]:
    advice = "name the right one with --dissection"
    # Of several layers each has a folder, and the record lies beside them.
    one_of_several = not (folder / "run.json").exists()
    record = folder.parent if one_of_several else folder
    found = records.read(record)
    if found is None:
        raise BadInput(f"{folder} holds no dissection; {advice}")
    kind = found.setting("command", str)
    if kind != "dissect":
        raise BadInput(f"{folder} holds a run of {kind}, no dissection; {advice}")
    of = found.setting("weights", str)
    layers = found.setting("config.layers", tuple[str, ...])
    layers = (folder.name,) if one_of_several else layers
    if (of, *layers) != (digest, layer):
        raise BadInput(
            f"{folder} holds a {kind} run of {', '.join(layers)} with weights "
            f"{of[:12]}, not the dissection of {layer} with weights {digest[:12]}; "
            f"{advice}"
        )
    return found.run


def labels_of(found: Dissected | None, num_units: int) -> list[str]:
    """What each unit looks for; empty where that is not known."""
    return [card.label for card in found.cards] if found else [""] * num_units


def page(
    config: AblateSettings,
    trained: Model,
    layer: str,
    effects: LayerEffects,
    found: Dissected | None,
    images: Halves,
) -> str:
    """What every unit does and, where it is known, looks for, on one page."""
    top, number = config.top, int(effects.units.base.true.sum())
    kind = "scenes" if "scenes" in images.provenance else "pictures"
    facts = {"removed on": f"{number} {kind} not used for ranking"}
    facts |= {"images": " ".join(images.said)} if images.said else {}
    if "outputs" in trained.facts:
        facts["outputs"] = trained.facts["outputs"]
    does = joined_cards.unit_effect_cards(effects, top)
    if found is None:
        classes = joined_cards.class_cards(effects, [], top)
        known = {"network": subjects.run_name(config), "layer": layer, **trained.facts}
        facts = known | facts | outputs.computed_with()
        return effect_report.render(f"What {layer} does", facts, does, classes)
    summary = found.summary
    return dissection_report.render(
        f"What {layer} looks for, and what it does",
        {**summary.facts, **facts},
        summary.headline,
        found.cards,
        scenes.CATEGORIES,
        summary.protocol,
        effects=does,
        classes=joined_cards.class_cards(effects, found.cards, top),
    )
