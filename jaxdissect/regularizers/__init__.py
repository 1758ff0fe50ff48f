"""What training adds to the cross-entropy, or does to activations: pure functions."""

from jaxdissect.regularizers import (
    block_norm,
    dropouts,
    focused_dropout,
    input_gradient,
    receptive_fields,
)

__all__ = [
    "block_norm",
    "dropouts",
    "focused_dropout",
    "input_gradient",
    "receptive_fields",
]
