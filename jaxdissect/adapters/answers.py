"""Networks of users whose outputs are logits, as ablation and gradients need them.

Those of this project end in logits. A user's own is tried on made-up images when it is
loaded; what its outputs look like there decides what is done with them.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdissect import logits, networks
from jaxdissect.adapters.endings import BOUNDED, before_ending, last_function
from jaxdissect.adapters.own_networks import LAST, Tried
from jaxdissect.errors import BadInput

NAMES = {
    "softmax": "softmax",
    "rounded softmax": "softmax",
    "log_softmax": "log-softmax",
}
"""What can be undone, by `logits.Kind`."""

ADVICE = (
    "return logits, what comes before a softmax, or say what the outputs are: "
    "Classifier(..., ends_in='logits')"
)


class Answers(NamedTuple):
    """A network that ends in logits, and what was done for that.

    Attributes:
        network: the table of stages.
        said: what its own outputs are of, in words.
        is_shifted: whether its logits are known up to a number for each image only.
    """

    network: networks.Network
    said: str
    is_shifted: bool = False


def with_logits(
    network: networks.Network, params: Any, tried: Tried, name: str
) -> Answers:
    """A network, its outputs logits.

    A softmax or its logarithm at the end is undone: exactly, where it is found in the
    network's program; else by the logarithm of the probabilities.

    Args:
        network: the table of stages.
        params: {stage: variables}.
        tried: what it gave on made-up images.
        name: what to call it.

    Raises:
        BadInput: the network has no logits, or outputs that are none and cannot be
            undone, or of which it is not clear what they are.
    """
    last = network[-1].name
    if last != LAST:
        raise BadInput(
            f"{name} gives no logits: its last stage is {last!r}, and that of a "
            f"classifier is called {LAST!r}; without logits it can be dissected only"
        )
    kind = _kind(network, params, tried, name)
    if kind == "logits":
        return Answers(network, "logits")
    found = before_ending(network, params, tried.images, tried.outputs)
    if found is not None:
        return Answers(found, f"{NAMES[kind]}, undone: the logits before it are used")
    if not np.isfinite(tried.outputs).all():
        raise BadInput(
            f"{name} ends in log-softmax, some of it minus infinity, and the logits "
            "before it are not to be found in its program; return them"
        )
    if kind == "log_softmax":
        said = "log-softmax, taken as they are: they are logits but for a number that "
        return Answers(network, f"{said}all classes share", is_shifted=True)
    return _by_logarithm(network, tried, kind, name)


def _kind(network: networks.Network, params: Any, tried: Tried, name: str) -> str:
    """What the outputs are, as the user says or as they look.

    Raises:
        BadInput: they are no logits, and none can be made of them.
    """
    seen = logits.kind_of(tried.outputs)
    kind = tried.ends_in or tried.kind
    refused = ("one output", "not finite")
    kind = seen if seen in refused else kind
    if kind == "logits" and not tried.ends_in:
        ending = _last_function(network, params, tried)
        if ending in BOUNDED:
            raise BadInput(
                f"{name} ends in {ending}, out of which no logits come; {ADVICE}"
            )
    if kind in NAMES or kind == "logits":
        if kind == "softmax" and seen not in ("softmax", "rounded softmax"):
            raise BadInput(
                f"{name} says that it ends in softmax, but its outputs do not sum to 1"
            )
        return kind
    where = " on made-up images" if kind == "not finite" else ""
    advice = "" if kind in refused else f"; {ADVICE}"
    raise BadInput(
        f"{name} gives outputs that are {logits.REASONS[kind]}{where}{advice}"
    )


def _last_function(network: networks.Network, params: Any, tried: Tried) -> str:
    *before, stage = network
    acts = jax.eval_shape(
        lambda params, x: networks.apply(tuple(before), params, x),
        params,
        tried.images,
    )
    return last_function(stage.apply, params.get(stage.name, {}), acts)


def _by_logarithm(
    network: networks.Network, tried: Tried, kind: str, name: str
) -> Answers:
    """The logarithms of probabilities whose softmax is not to be found.

    Raises:
        BadInput: some are 0 or rounded, so that their logarithms say little.
    """
    if kind != "softmax" or not (tried.outputs > 0).all():
        found = "0" if kind == "softmax" else "rounded to few digits"
        raise BadInput(
            f"{name} ends in softmax, whose logits are not to be found in its program, "
            f"and some probabilities are {found}, so that it cannot be undone; return "
            "logits, what comes before the softmax"
        )
    *before, stage = network

    def apply(variables, acts):
        return jnp.log(stage.apply(variables, acts))

    changed = stage._replace(apply=apply, contributions=None, branch=(), join=None)
    said = "softmax, undone by its logarithm, exact but for rounding: changes of a "
    lost = f"probability below {np.finfo(np.float32).eps:.0e} are lost"
    return Answers((*before, changed), said + lost, is_shifted=True)
