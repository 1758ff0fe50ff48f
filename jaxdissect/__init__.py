"""What every unit of a convolutional network looks for, and what it does.

This namespace is the functional core: pure functions of callables, params and arrays.
Networks, data, training and reports are imported by name, so that `import jaxdissect`
stays light.
"""

from jaxdissect import (
    ablation,
    attacks,
    dissection,
    gradients,
    metrics,
    streaming,
    upsampling,
)
from jaxdissect.base import (
    BadInput,
    FactoredTail,
    Params,
    Split,
    Statistic,
    Tail,
    Trunk,
)

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
    "ablation",
    "attacks",
    "dissection",
    "gradients",
    "metrics",
    "streaming",
    "upsampling",
]
