"""Pretrained networks of other frameworks, read, recognised and converted."""

from jaxdissect.checkpoints.converting import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    Checkpoint,
    export_torchvision,
    load_checkpoint,
)
from jaxdissect.checkpoints.reading import State, read_state
from jaxdissect.checkpoints.recognition import Recognised, recognise

__all__ = [
    "IMAGENET_MEAN",
    "IMAGENET_STD",
    "Checkpoint",
    "Recognised",
    "State",
    "export_torchvision",
    "load_checkpoint",
    "read_state",
    "recognise",
]
