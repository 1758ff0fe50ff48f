"""Several layers of a network asked at once."""

from collections.abc import Callable, Mapping
from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from jaxdissect.base import AnyArray, Params
from jaxdissect.gradients import prediction_gradient, probabilities
from jaxdissect.gradients.prediction import Score
from jaxdissect.networks.cutting import taps
from jaxdissect.networks.naming import stage_index
from jaxdissect.networks.running import run
from jaxdissect.networks.stages import Network


def layer_gradients(
    network: Network, layers: tuple[str, ...], *, score: Score = probabilities
) -> Callable[[Params, AnyArray, AnyArray], dict[str, Array]]:
    """Prediction gradients at several layers from one backward pass.

    They are the gradients with respect to changes, all zero, added to the layers'
    activations; the same as `prediction_gradient` of each layer's tail.

    Args:
        network: the table of stages.
        layers: names of layers.
        score: as in `prediction_gradient`.

    Returns:
        (params, images [B H W c], targets [B]) -> {layer: [B H W U]}.

    Raises:
        BadInput: unknown layer.

    >>> from jaxdissect import networks
    >>> network = networks.lenet(3, maps=(2, 2, 4))
    >>> params = networks.init(jax.random.key(0), network, (36, 36, 1))
    >>> ask = layer_gradients(network, ("conv1", "conv3"))
    >>> asked = ask(params, jnp.ones((1, 36, 36, 1)), jnp.array([2]))
    >>> {layer: gradient.shape for layer, gradient in asked.items()}
    {'conv1': (1, 32, 32, 2), 'conv3': (1, 2, 2, 4)}
    """
    tapped = taps(network, layers)

    def ask(params: Params, images: AnyArray, targets: AnyArray) -> dict[str, Array]:
        def tail(params: Params, changes: Mapping[str, Array]) -> Array:
            edits = {layer: partial(jnp.add, changes[layer]) for layer in layers}
            return run(network, params, images, edits=edits)[0]

        shapes = jax.eval_shape(tapped, params, images)
        nothing = {name: jnp.zeros(s.shape, s.dtype) for name, s in shapes.items()}
        return prediction_gradient(tail, params, nothing, targets, score=score)

    return ask


def without_units(
    network: Network, layers: tuple[str, ...]
) -> Callable[[Params, AnyArray, Mapping[str, AnyArray]], Array]:
    """The network with units of several layers removed.

    Returns:
        (params, images [B H W c], {layer: keep [U]}) -> outputs, where a keep of 1
        leaves a unit as it is and 0 sets it to zero.

    Raises:
        BadInput: unknown layer.

    >>> from jaxdissect import networks
    >>> network = networks.lenet(3, maps=(2, 2, 4))
    >>> params = networks.init(jax.random.key(0), network, (36, 36, 1))
    >>> keeps = {"conv1": jnp.array([1.0, 0.0]), "conv3": jnp.ones(4)}
    >>> without_units(network, ("conv1", "conv3"))(
    ...     params, jnp.ones((1, 36, 36, 1)), keeps).shape
    (1, 3)
    """
    for layer in layers:
        stage_index(network, layer)

    def outputs(
        params: Params, images: AnyArray, keeps: Mapping[str, AnyArray]
    ) -> Array:
        edits = {layer: partial(jnp.multiply, keeps[layer]) for layer in layers}
        return run(network, params, images, edits=edits)[0]

    return outputs
