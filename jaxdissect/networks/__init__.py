"""Networks as tables of named stages, and cutting them."""

from jaxdissect.networks.alexnet import alexnet
from jaxdissect.networks.cutting import (
    centres,
    factored,
    factored_layers,
    incoming_layer,
    split,
    taps,
)
from jaxdissect.networks.lenet import lenet
from jaxdissect.networks.naming import (
    conv_layers,
    layer_index,
    layer_names,
    penultimate_group,
    pre_activation,
)
from jaxdissect.networks.questioning import layer_gradients, without_units
from jaxdissect.networks.running import apply, init, run, train_run
from jaxdissect.networks.shapesnet import shapesnet
from jaxdissect.networks.stages import Network, Stage
from jaxdissect.networks.vgg import vgg16

__all__ = [
    "Network",
    "Stage",
    "alexnet",
    "apply",
    "centres",
    "conv_layers",
    "factored",
    "factored_layers",
    "incoming_layer",
    "init",
    "layer_gradients",
    "layer_index",
    "layer_names",
    "lenet",
    "penultimate_group",
    "pre_activation",
    "run",
    "shapesnet",
    "split",
    "taps",
    "train_run",
    "vgg16",
    "without_units",
]
