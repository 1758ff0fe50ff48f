"""One room for each experiment: what it is told, what it measures, what it writes.

Settings of all experiments are here, for config files; importing them loads nothing
heavy.
"""

from jaxdissect.experiments.ablate.settings import AblateSettings
from jaxdissect.experiments.agreement.settings import AgreementSettings
from jaxdissect.experiments.attack.settings import AttackSettings
from jaxdissect.experiments.compare.settings import CompareSettings
from jaxdissect.experiments.contrast.settings import ContrastSettings
from jaxdissect.experiments.dissect.settings import DissectSettings
from jaxdissect.experiments.explain.settings import ExplainSettings
from jaxdissect.experiments.faces.settings import FacesSettings
from jaxdissect.experiments.gradients.settings import GradientsSettings
from jaxdissect.experiments.groups.settings import GroupsSettings
from jaxdissect.experiments.query.settings import QuerySettings
from jaxdissect.experiments.regimes.settings import RegimesSettings
from jaxdissect.experiments.scale.settings import ScaleSettings
from jaxdissect.experiments.train.settings import (
    AugmentSettings,
    BlockNormSettings,
    DropBlockSettings,
    ExperimentSettings,
    FieldsSettings,
    FocusedDropoutSettings,
    InputGradientSettings,
    MapDropoutSettings,
    OptimSettings,
    RegularizeSettings,
    TrainSettings,
    WatchSettings,
)
from jaxdissect.settings import (
    DataSettings,
    ImageSweepSettings,
    NetworkSettings,
    PicturesSettings,
    PreprocessingSettings,
    ProbeSettings,
    ProtocolSettings,
    SubjectSettings,
    SweepSettings,
)

__all__ = [
    "AblateSettings",
    "AgreementSettings",
    "AttackSettings",
    "AugmentSettings",
    "BlockNormSettings",
    "CompareSettings",
    "ContrastSettings",
    "DataSettings",
    "DissectSettings",
    "DropBlockSettings",
    "ExperimentSettings",
    "ExplainSettings",
    "FacesSettings",
    "FieldsSettings",
    "FocusedDropoutSettings",
    "GradientsSettings",
    "GroupsSettings",
    "ImageSweepSettings",
    "InputGradientSettings",
    "MapDropoutSettings",
    "NetworkSettings",
    "OptimSettings",
    "PicturesSettings",
    "PreprocessingSettings",
    "ProbeSettings",
    "ProtocolSettings",
    "QuerySettings",
    "RegimesSettings",
    "RegularizeSettings",
    "ScaleSettings",
    "SubjectSettings",
    "SweepSettings",
    "TrainSettings",
    "WatchSettings",
]
