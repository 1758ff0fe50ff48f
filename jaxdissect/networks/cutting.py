"""Cutting a network at a layer: split, taps, factored tails, receptive fields."""

from collections.abc import Callable

from jax import Array

from jaxdissect.base import FactoredTail, Params, Split
from jaxdissect.errors import BadInput
from jaxdissect.networks.naming import layer_index, stage_index
from jaxdissect.networks.running import apply, run
from jaxdissect.networks.stages import Network, Window
from jaxdissect.networks.windows import along
from jaxdissect.upsampling import Axis, Centres


def taps(
    network: Network, layers: tuple[str, ...]
) -> Callable[[Params, Array], dict[str, Array]]:
    """Several layers' activations from one forward pass.

    Args:
        network: the table of stages.
        layers: names of layers, also inside residual blocks.

    Returns:
        (params, images) -> {layer: acts [B H W U]}; stops at the last layer asked for.

    Raises:
        BadInput: unknown layer.

    >>> import jax, jax.numpy as jnp
    >>> from jaxdissect import networks
    >>> network = networks.lenet(3, maps=(2, 2, 4))
    >>> params = networks.init(jax.random.key(0), network, (36, 36, 1))
    >>> images = jnp.zeros((1, 36, 36, 1))
    >>> acts = taps(network, ("conv1", "pool3"))(params, images)
    >>> {layer: a.shape for layer, a in acts.items()}
    {'conv1': (1, 32, 32, 2), 'pool3': (1, 1, 1, 4)}
    """
    stop = 1 + max(stage_index(network, layer) for layer in layers)
    return lambda params, x: run(network[:stop], params, x, taps=layers)[1]


def split(network: Network, layer: str) -> Split:
    """The two halves of the network around a layer.

    Raises:
        BadInput: unknown layer.

    >>> import jax, jax.numpy as jnp
    >>> from jaxdissect import networks
    >>> network = networks.lenet(3, maps=(2, 2, 4))
    >>> params = networks.init(jax.random.key(0), network, (36, 36, 1))
    >>> images = jnp.zeros((1, 36, 36, 1))
    >>> trunk, tail = split(network, "conv3")
    >>> tail(params, trunk(params, images)).shape
    (1, 3)
    """
    cut = 1 + layer_index(network, layer)
    return Split(
        trunk=lambda params, x: apply(network[:cut], params, x),
        tail=lambda params, acts: apply(network[cut:], params, acts),
    )


def factored(network: Network, layer: str) -> FactoredTail:
    """The tail after a layer with its first linear map pulled apart by unit.

    Exists where only unit-wise stages (BatchNorm, ReLU, pooling, dropout) lie between
    the layer and the next linear stage.

    Raises:
        BadInput: unknown layer, or no factored tail exists there.

    >>> import jax, jax.numpy as jnp
    >>> from jaxdissect import networks
    >>> network = networks.lenet(3, maps=(2, 2, 4))
    >>> params = networks.init(jax.random.key(0), network, (36, 36, 1))
    >>> images = jnp.zeros((1, 36, 36, 1))
    >>> acts = split(network, "conv3").trunk(params, images)
    >>> tail = factored(network, "conv3")
    >>> tail.contributions(params, tail.unitwise(params, acts)).shape
    (1, 4, 1, 1, 20)
    """
    cut = 1 + layer_index(network, layer)
    for linear in range(cut, len(network)):
        stage = network[linear]
        if stage.contributions is not None:
            return _factored_at(network, cut, linear)
        if not stage.unitwise:
            break
    raise BadInput(
        f"`layer` is {layer!r}, which has no factored tail: no linear stage follows it "
        f"through unit-wise stages alone; allowed are {factored_layers(network)}"
    )


def factored_layers(network: Network) -> list[str]:
    """The layers at which `factored` exists.

    >>> from jaxdissect import networks
    >>> network = networks.lenet(3, maps=(2, 2, 4))
    >>> factored_layers(network)[-3:]
    ['pool3', 'fc4.dense', 'fc4']
    """
    names, reachable = [], False
    for stage in reversed(network):
        if reachable:
            names.append(stage.name)
        reachable = stage.contributions is not None or (stage.unitwise and reachable)
    return names[::-1]


def incoming_layer(network: Network, layer: str) -> str:
    """The linear stage whose weights make a layer's units.

    Raises:
        BadInput: unknown layer, or no linear map comes before it.

    >>> from jaxdissect import networks
    >>> incoming_layer(networks.lenet(3, maps=(2, 2, 4)), "pool1")
    'conv1.conv'
    """
    for stage in reversed(leading_to(network, layer)):
        if stage.contributions is not None:
            return stage.name
        if stage.branch:
            break
    raise BadInput(f"`layer` is {layer!r}, which no weights lead to")


def centres(network: Network, layer: str, image_size: int) -> Centres:
    """Where the cells of a layer's maps sit on a square image.

    Args:
        network: the table of stages.
        layer: name of a layer.
        image_size: height and width of the images, in pixels.

    Returns:
        The centres of the cells' receptive fields, along rows and along columns.

    Raises:
        BadInput: unknown layer.

    >>> from jaxdissect import networks
    >>> network = networks.lenet(3, maps=(2, 2, 4))
    >>> centres(network, "pool1", 36)  # 5 x 5 without padding, then pairs
    Centres(rows=Axis(offset=2.5, step=2.0, known=True), columns=Axis(offset=2.5, ...
    """
    rows = columns = Axis(0.0, 1.0)
    for down, across in along(leading_to(network, layer), image_size, image_size):
        rows, columns = _seen_through(rows, down), _seen_through(columns, across)
    return Centres(rows, columns)


def _seen_through(axis: Axis, window: Window) -> Axis:
    """Where the cells of a stage's output sit, if those of its input sit there."""
    size, stride, padding, known = window
    offset = axis.offset + axis.step * ((size - 1) / 2 - padding)
    return Axis(offset, axis.step * stride, axis.known and known)


def leading_to(network: Network, layer: str) -> Network:
    """The stages up to and including a layer, also one inside a residual block.

    Raises:
        BadInput: unknown layer.

    >>> from jaxdissect import networks
    >>> network = networks.resnet(3, depth=18, width=1 / 16)
    >>> [stage.name for stage in leading_to(network, "layer1.1.conv1")][-4:]
    ['layer1.0', 'layer1.1.conv1.conv', 'layer1.1.conv1.bn', 'layer1.1.conv1']
    """
    end = stage_index(network, layer)
    stage = network[end]
    if stage.name == layer:
        return network[: end + 1]
    names = [inner.name for inner in stage.branch]
    return (*network[:end], *stage.branch[: names.index(layer) + 1])


def _factored_at(network: Network, cut: int, linear: int) -> FactoredTail:
    stage = network[linear]
    assert stage.contributions is not None
    contributions = stage.contributions
    return FactoredTail(
        unitwise=lambda params, acts: apply(network[cut:linear], params, acts),
        linear=lambda params, x: stage.apply(params[stage.name], x),
        contributions=lambda params, x: contributions(params[stage.name], x),
        rest=lambda params, z: apply(network[linear + 1 :], params, z),
    )
