"""What every unit of a convolutional network looks for, and what it does.

Every public room is an attribute and is imported when it is first asked for, so that
`import jaxdissect` starts neither JAX nor NumPy.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jaxdissect import (
        ablation,
        adapters,
        attacks,
        base,
        checkpoints,
        data,
        dissection,
        errors,
        experiments,
        gradients,
        intervals,
        metrics,
        model,
        networks,
        quantiles,
        regularizers,
        significance,
        streaming,
        training,
        upsampling,
        weights,
    )
    from jaxdissect.base import (
        FactoredTail,
        Params,
        Split,
        Statistic,
        Tail,
        Trunk,
    )
    from jaxdissect.errors import BadInput
    from jaxdissect.experiments.ablate.experiment import ablate
    from jaxdissect.experiments.dissect import dissect
    from jaxdissect.model import load

__version__ = "0.1.0"

__all__ = [
    "BadInput",
    "FactoredTail",
    "Params",
    "Split",
    "Statistic",
    "Tail",
    "Trunk",
    "__version__",
    "ablate",
    "ablation",
    "adapters",
    "attacks",
    "base",
    "checkpoints",
    "data",
    "dissect",
    "dissection",
    "errors",
    "experiments",
    "gradients",
    "intervals",
    "load",
    "metrics",
    "model",
    "networks",
    "quantiles",
    "regularizers",
    "significance",
    "streaming",
    "training",
    "upsampling",
    "weights",
]

_HOMES = {
    **dict.fromkeys(
        ("FactoredTail", "Params", "Split", "Statistic", "Tail", "Trunk"), "base"
    ),
    "BadInput": "errors",
    "ablate": "experiments.ablate.experiment",
    "dissect": "experiments.dissect.experiment",
    "load": "model",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        value = getattr(importlib.import_module(f"jaxdissect.{_HOMES[name]}"), name)
    elif name in __all__:
        value = importlib.import_module(f"jaxdissect.{name}")
    else:
        raise AttributeError(f"module 'jaxdissect' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
