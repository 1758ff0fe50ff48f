"""Which layer is which: names, places in the table, groups between poolings."""

from jaxdissect.errors import BadInput
from jaxdissect.layer_names import find
from jaxdissect.networks.stages import Network


def layer_names(network: Network) -> tuple[str, ...]:
    """Every name the network can be cut or tapped at, in order.

    >>> from jaxdissect import networks
    >>> network = networks.lenet(3, maps=(2, 2, 4))
    >>> layer_names(network)[:4]
    ('input', 'conv1.conv', 'conv1', 'pool1')
    """
    return tuple(stage.name for stage in network)


def layer_index(network: Network, layer: str) -> int:
    """Where in the table a layer stands.

    Raises:
        BadInput: unknown layer.

    >>> from jaxdissect import networks
    >>> layer_index(networks.lenet(3, maps=(2, 2, 4)), "conv1")
    2
    """
    names = layer_names(network)
    if layer in names:
        return names.index(layer)
    around = names[stage_index(network, layer)]
    raise BadInput(
        f"`layer` is {layer!r}, inside the residual block {around}: a connection goes "
        f"around it, so it cuts nothing off; cut at {around}"
    )


def stage_index(network: Network, layer: str) -> int:
    """The stage that is a layer, or the residual block that has it inside.

    Raises:
        BadInput: unknown layer.

    >>> from jaxdissect import networks
    >>> network = networks.resnet(3, depth=18, width=1 / 16)
    >>> network[stage_index(network, "layer2.0.conv1")].name
    'layer2.0'
    """
    for number, stage in enumerate(network):
        if layer in (stage.name, *layer_names(stage.branch)):
            return number
    meant = find(layer, layer_names(network), inner_layers(network))
    raise BadInput(f"`layer` is {layer!r}, which is called {meant} here")


def inner_layers(network: Network) -> tuple[str, ...]:
    """The layers inside residual blocks: they have activations, but cut nothing.

    >>> from jaxdissect import networks
    >>> inner_layers(networks.resnet(3, depth=18, width=1 / 16))[:3]
    ('layer1.0.conv1.conv', 'layer1.0.conv1.bn', 'layer1.0.conv1')
    """
    return tuple(inner.name for stage in network for inner in stage.branch)


def conv_layers(network: Network) -> tuple[str, ...]:
    """The layers whose units a convolution makes, in order.

    >>> from jaxdissect import networks
    >>> conv_layers(networks.lenet(3, maps=(2, 2, 4)))
    ('conv1', 'conv2', 'conv3')
    """
    names = layer_names(network)
    return tuple(name for name in names if f"{name}.conv" in names)


def unit_layers(network: Network) -> tuple[str, ...]:
    """The layers usually dissected: of convolutions, and outputs of residual blocks.

    >>> from jaxdissect import networks
    >>> unit_layers(networks.resnet(3, depth=18, width=1 / 16))[:3]
    ('conv1', 'layer1.0', 'layer1.1')
    """
    convolutional = conv_layers(network)
    return tuple(
        stage.name for stage in network if stage.branch or stage.name in convolutional
    )


def pre_activation(network: Network, layer: str) -> str:
    """The stage before a layer's nonlinearity: its BatchNorm, or its linear map.

    Raises:
        BadInput: unknown layer, or one that is not made by a linear map.

    >>> from jaxdissect import networks
    >>> pre_activation(networks.vgg16(3, batch_norm=True), "conv5_3")
    'conv5_3.bn'
    """
    before = network[layer_index(network, layer) - 1].name
    if not before.startswith(f"{layer}."):
        raise BadInput(
            f"`layer` is {layer!r}, which has no pre-activation; layers that have are "
            f"{', '.join(conv_layers(network))}"
        )
    return before


def penultimate_group(network: Network) -> str:
    """The last convolutional layer before the last group between poolings.

    Where nothing is pooled all convolutional layers are one group, and it is the last.

    >>> from jaxdissect import networks
    >>> penultimate_group(networks.vgg16(3))
    'conv4_3'
    """
    poolings = [n for n, stage in enumerate(network) if stage.name.startswith("pool")]
    before = network[: poolings[-2:][0]] if poolings else network
    return conv_layers(before)[-1]
