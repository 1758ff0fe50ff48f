"""Networks as tables of named stages: `vgg16`, `alexnet`, `lenet`, and cutting them."""

from jaxdissect.networks.alexnet import alexnet
from jaxdissect.networks.cutting import (
    centres,
    factored,
    factored_layers,
    incoming_layer,
    layer_names,
    split,
    taps,
)
from jaxdissect.networks.lenet import lenet
from jaxdissect.networks.stages import Network, Stage, apply, init, run, train_run
from jaxdissect.networks.vgg import vgg16

__all__ = [
    "Network",
    "Stage",
    "alexnet",
    "apply",
    "centres",
    "factored",
    "factored_layers",
    "incoming_layer",
    "init",
    "layer_names",
    "lenet",
    "run",
    "split",
    "taps",
    "train_run",
    "vgg16",
]
