"""Pretrained networks of other frameworks, read, recognised and converted.

In reading order: `pickles` (a machine that imports nothing), `pytorch_files` (archives
and streams to tensors), `reading` (files to named arrays), `naming` (the networks there
are, and what their tensors are called), `recognition` (which of them it is),
`converting` (layouts, there and back), then `sources` (the published networks),
`published` (found by name, fetched once), `downloads` (bounded, checked).
"""

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
