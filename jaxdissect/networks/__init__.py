"""Networks as tables of named stages, and cutting them.

In reading order: `stages`, `layers` (the kinds there are), the architectures,
`running`, `naming`, `cutting`, `questioning` (several layers in one backward pass),
`windows` (where cells sit, measured), `architectures` (from settings to a table).
"""

from jaxdissect.networks.alexnet import alexnet, caffe_alexnet
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
    inner_layers,
    layer_index,
    layer_names,
    penultimate_group,
    pre_activation,
    stage_index,
    unit_layers,
)
from jaxdissect.networks.questioning import layer_gradients, without_units
from jaxdissect.networks.resnet import cifar_resnet, resnet
from jaxdissect.networks.running import apply, init, run, train_run
from jaxdissect.networks.shapesnet import shapesnet
from jaxdissect.networks.stages import Classifier, Network, Stage
from jaxdissect.networks.vgg import vgg, vgg11, vgg13, vgg16, vgg19

__all__ = [
    "Classifier",
    "Network",
    "Stage",
    "alexnet",
    "apply",
    "caffe_alexnet",
    "centres",
    "cifar_resnet",
    "conv_layers",
    "factored",
    "factored_layers",
    "incoming_layer",
    "init",
    "inner_layers",
    "layer_gradients",
    "layer_index",
    "layer_names",
    "lenet",
    "penultimate_group",
    "pre_activation",
    "resnet",
    "run",
    "shapesnet",
    "split",
    "stage_index",
    "taps",
    "train_run",
    "unit_layers",
    "vgg",
    "vgg11",
    "vgg13",
    "vgg16",
    "vgg19",
    "without_units",
]
