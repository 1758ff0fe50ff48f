"""What a run of each command is told, as frozen dataclasses; imports nothing heavy.

A config file is a Python file that defines `config`, one of these. The docstring under
each field is its help text on the command line.
"""

from jaxdissect.cli.config.analyses import (
    AblateConfig,
    CompareConfig,
    ContrastConfig,
    DissectConfig,
    ImageSweepConfig,
    PicturesConfig,
    ProtocolConfig,
    ScaleConfig,
    SweepConfig,
)
from jaxdissect.cli.config.experiments import (
    ExperimentConfig,
    GroupsConfig,
    RegimesConfig,
)
from jaxdissect.cli.config.queries import QueryConfig
from jaxdissect.cli.config.questions import (
    AgreementConfig,
    AttackConfig,
    ExplainConfig,
    FacesConfig,
    GradientsConfig,
)
from jaxdissect.cli.config.regularizers import (
    BlockNormConfig,
    DropBlockConfig,
    FieldsConfig,
    FocusedDropoutConfig,
    InputGradientConfig,
    MapDropoutConfig,
    RegularizeConfig,
)
from jaxdissect.cli.config.subject import PreprocessingConfig, SubjectConfig
from jaxdissect.cli.config.training import (
    AugmentConfig,
    DataConfig,
    NetworkConfig,
    OptimConfig,
    TrainConfig,
    WatchConfig,
)

__all__ = [
    "AblateConfig",
    "AgreementConfig",
    "AttackConfig",
    "AugmentConfig",
    "BlockNormConfig",
    "CompareConfig",
    "ContrastConfig",
    "DataConfig",
    "DissectConfig",
    "DropBlockConfig",
    "ExperimentConfig",
    "ExplainConfig",
    "FacesConfig",
    "FieldsConfig",
    "FocusedDropoutConfig",
    "GradientsConfig",
    "GroupsConfig",
    "ImageSweepConfig",
    "InputGradientConfig",
    "MapDropoutConfig",
    "NetworkConfig",
    "OptimConfig",
    "PicturesConfig",
    "PreprocessingConfig",
    "ProtocolConfig",
    "QueryConfig",
    "RegimesConfig",
    "RegularizeConfig",
    "ScaleConfig",
    "SubjectConfig",
    "SweepConfig",
    "TrainConfig",
    "WatchConfig",
]
