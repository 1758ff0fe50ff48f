"""Where a training starts: at random, or from weights there are already."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import jax

from jaxdissect import model, networks
from jaxdissect.base import Params
from jaxdissect.errors import BadInput
from jaxdissect.experiments.train.settings import TrainSettings
from jaxdissect.networks import architectures
from jaxdissect.runs import subjects
from jaxdissect.settings import NetworkSettings, SubjectSettings


class Started(NamedTuple):
    """A config with the network it starts from, and that network's parameters."""

    config: TrainSettings
    params: Params


def started(config: TrainSettings) -> Started:
    """The config with the network of its `weights`; without any, as it is.

    Raises:
        BadInput: weights that cannot be read, or settings of another network.
    """
    subject = SubjectSettings(config.weights, None, config.preprocessing)
    if config.weights is None:
        model.refuse_preprocessing(
            config.preprocessing, "there are no `weights` it could be of"
        )
        return Started(config, {})
    trained = subjects.load(subject)
    network = architectures.network_config(trained.weights.metadata)
    if config.network not in (NetworkSettings(), network):
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
    for name, have, want in _mismatches(begun.params, expected):
        if not name.startswith(f"[{last!r}]"):
            raise BadInput(f"`weights` have {name} of shape {have}, not {want}")
        kept.pop(last, None)
    if last not in kept:
        print(f"{last} starts at random: the weights are for other classes")
    return kept


def _mismatches(params: Any, expected: Any) -> Iterator[tuple[str, Any, Any]]:
    """(name, shape here, shape expected) of what differs; None where it is absent."""
    have, want = (
        {jax.tree_util.keystr(path): leaf.shape for path, leaf in leaves}
        for leaves in map(jax.tree_util.tree_leaves_with_path, (params, expected))
    )
    for name in sorted(have.keys() | want.keys()):
        if have.get(name) != want.get(name):
            yield name, have.get(name), want.get(name)
