"""Training a network; several networks of one experiment."""

from typing import TYPE_CHECKING

from jaxdissect import lazy
from jaxdissect.experiments.train.settings import (
    BlockNormSettings,
    DropBlockSettings,
    ExperimentSettings,
    FieldsSettings,
    FocusedDropoutSettings,
    InputGradientSettings,
    MapDropoutSettings,
    OptimSettings,
    RegularizeSettings,
)
from jaxdissect.experiments.train.settings import TrainSettings as Settings

if TYPE_CHECKING:
    from jaxdissect.experiments.train.dissecting import (
        make_dissect,
        make_protocol,
        probe_concepts,
    )
    from jaxdissect.experiments.train.experiment import Result, run
    from jaxdissect.experiments.train.planning import untold
    from jaxdissect.experiments.train.trainings import (
        Training,
        base_of,
        form,
        record_of,
        train_all,
    )

_HOMES = {
    **dict.fromkeys(("Result", "run"), "experiment"),
    "untold": "planning",
    **dict.fromkeys(("make_dissect", "make_protocol", "probe_concepts"), "dissecting"),
    **dict.fromkeys(
        ("Training", "base_of", "form", "record_of", "train_all"), "trainings"
    ),
}
__all__ = [
    "BlockNormSettings",
    "DropBlockSettings",
    "ExperimentSettings",
    "FieldsSettings",
    "FocusedDropoutSettings",
    "InputGradientSettings",
    "MapDropoutSettings",
    "OptimSettings",
    "RegularizeSettings",
    "Result",
    "Settings",
    "Training",
    "base_of",
    "form",
    "make_dissect",
    "make_protocol",
    "probe_concepts",
    "record_of",
    "run",
    "train_all",
    "untold",
]
__getattr__ = lazy.attributes(__name__, _HOMES)
