"""Where a training starts: at random, or from weights there are already."""

from dataclasses import replace
from typing import NamedTuple

import jax

from jaxdissect import networks
from jaxdissect.base import BadInput, Params
from jaxdissect.cli import architectures, build, loading
from jaxdissect.cli.config import NetworkConfig, SubjectConfig, TrainConfig


class Started(NamedTuple):
    """A config with the network it starts from, and that network's parameters."""

    config: TrainConfig
    params: Params


def started(config: TrainConfig) -> Started:
    """The config with the network of its `weights`; without any, as it is.

    Raises:
        BadInput: weights that cannot be read, or settings of another network.
    """
    subject = SubjectConfig(config.weights, None, config.preprocessing)
    if config.weights is None:
        loading.refuse_preprocessing(subject, "there are no `weights` it could be of")
        return Started(config, {})
    trained = loading.load(subject)
    network = architectures.network_config(trained.weights.metadata)
    if config.network not in (NetworkConfig(), network):
        raise BadInput(
            f"`network` is given as well as `weights`, which are of a network with "
            f"other settings, {network}"
        )
    return Started(replace(config, network=network), trained.weights.params)


def fitting(begun: Started, network: networks.Network, size: int) -> Params:
    """The parameters that the network starts from, {stage: variables}.

    Those of the last layer are left out if it has other classes.

    Args:
        begun: from `started`.
        network: built from its config, for the classes of the data.
        size: of the images, in pixels.

    Raises:
        BadInput: any other layer has another shape, as when images are too large for
            what is fully connected.
    """
    if not begun.params:
        return {}
    expected = jax.eval_shape(
        lambda key: networks.init(key, network, (size, size, 3)), jax.random.key(0)
    )
    *_, last, _ = networks.layer_names(network)
    kept = dict(begun.params)
    for name, have, want in build.mismatches(begun.params, expected):
        if not name.startswith(f"[{last!r}]"):
            raise BadInput(f"`weights` have {name} of shape {have}, not {want}")
        kept.pop(last, None)
    if last not in kept:
        print(f"{last} starts at random: the weights are for other classes")
    return kept
