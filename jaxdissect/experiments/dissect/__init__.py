"""What every unit of a layer looks for; and what others need of a dissection."""

from typing import TYPE_CHECKING

from jaxdissect import lazy
from jaxdissect.experiments.dissect.settings import DissectSettings as Settings

if TYPE_CHECKING:
    from jaxdissect.experiments.dissect.cards import (
        Match,
        UnitCard,
        load_cards,
        save_cards,
    )
    from jaxdissect.experiments.dissect.command import default_out
    from jaxdissect.experiments.dissect.effect_cards import (
        ClassCard,
        ClassUnit,
        Service,
        UnitEffects,
    )
    from jaxdissect.experiments.dissect.experiment import (
        LayerResult,
        Result,
        dissect,
        run,
        run_subject,
    )
    from jaxdissect.experiments.dissect.netdissect import read_netdissect
    from jaxdissect.experiments.dissect.page import render
    from jaxdissect.experiments.dissect.questions import (
        answer_facts,
        answer_folder,
        concept_numbers,
        file_name,
        own_pictures,
    )
    from jaxdissect.experiments.dissect.saved import (
        OpenDissection,
        SavedDissection,
        as_dissected,
        check_weights,
        default_settings,
        expected_record,
        find_or_make,
        iou_intervals,
        load_dissection,
        open_dissection,
    )

_HOMES = {
    "cards": ("Match", "UnitCard", "load_cards", "save_cards"),
    "command": ("default_out",),
    "effect_cards": ("ClassCard", "ClassUnit", "Service", "UnitEffects"),
    "experiment": ("LayerResult", "Result", "dissect", "run", "run_subject"),
    "netdissect": ("read_netdissect",),
    "page": ("render",),
    "questions": (
        "answer_facts",
        "answer_folder",
        "concept_numbers",
        "file_name",
        "own_pictures",
    ),
    "saved": (
        "OpenDissection",
        "SavedDissection",
        "as_dissected",
        "check_weights",
        "default_settings",
        "expected_record",
        "find_or_make",
        "iou_intervals",
        "load_dissection",
        "open_dissection",
    ),
}
__all__ = [
    "ClassCard",
    "ClassUnit",
    "LayerResult",
    "Match",
    "OpenDissection",
    "Result",
    "SavedDissection",
    "Service",
    "Settings",
    "UnitCard",
    "UnitEffects",
    "answer_facts",
    "answer_folder",
    "as_dissected",
    "check_weights",
    "concept_numbers",
    "default_out",
    "default_settings",
    "dissect",
    "expected_record",
    "file_name",
    "find_or_make",
    "iou_intervals",
    "load_cards",
    "load_dissection",
    "open_dissection",
    "own_pictures",
    "read_netdissect",
    "render",
    "run",
    "run_subject",
    "save_cards",
]
__getattr__ = lazy.attributes(
    __name__, {name: module for module, names in _HOMES.items() for name in names}
)
