"""Networks whose outputs are logits, as ablation and gradients need them.

Those of this project end in logits. A user's own is tried on made-up images when it is
loaded; what its outputs look like there decides what is done with them.
"""

import jax
import jax.numpy as jnp
import numpy as np

from jaxdissect import adapters, logits, networks
from jaxdissect.adapters.endings import BOUNDED, last_function
from jaxdissect.base import BadInput
from jaxdissect.cli import loading
from jaxdissect.cli.build import Trained, Tried
from jaxdissect.cli.config import SubjectConfig
from jaxdissect.cli.own_networks import LAST

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


def load(config: SubjectConfig) -> Trained:
    """The network that a config names, its outputs logits.

    A softmax or its logarithm at the end is undone: exactly, where it is found in the
    network's program; else by the logarithm of the probabilities.

    Raises:
        BadInput: as `loading.load`; the network has no logits, or outputs that are none
            and cannot be undone, or of which it is not clear what they are.
    """
    return with_logits(loading.load(config), config.network or "")


def with_logits(trained: Trained, name: str) -> Trained:
    """The network, its outputs logits; said among its facts.

    Raises:
        BadInput: as `load`.
    """
    tried, last = trained.tried, trained.network[-1].name
    if tried is None:
        return trained
    if last != LAST:
        raise BadInput(
            f"{name} gives no logits: its last stage is {last!r}, and that of a "
            f"classifier is called {LAST!r}; without logits it can be dissected only"
        )
    kind = _kind(trained, tried, name)
    if kind == "logits":
        return _saying(trained, "logits")
    named = NAMES[kind]
    params, images = trained.weights.params, tried.images
    found = adapters.before_ending(trained.network, params, images, tried.outputs)
    if found is not None:
        changed = trained._replace(network=found)
        return _saying(changed, f"{named}, undone: the logits before it are used", name)
    if not np.isfinite(tried.outputs).all():
        raise BadInput(
            f"{name} ends in log-softmax, some of it minus infinity, and the logits "
            "before it are not to be found in its program; return them"
        )
    if kind == "log_softmax":
        said = "log-softmax, taken as they are: they are logits but for a number that "
        return _saying(_shifted(trained), f"{said}all classes share", name)
    return _by_logarithm(trained, tried, kind, name)


def check_score(trained: Trained, *scores: str) -> None:
    """Refuse gradients of logits that are known up to a number for each image only.

    Raises:
        BadInput: naming the setting.
    """
    if trained.is_shifted and "logit" in scores:
        raise BadInput(
            "`score` is logit, but the network gives "
            f"{trained.facts['outputs'].partition(',')[0]}, from which the logits "
            "themselves cannot be told; probability and log_probability can be asked"
        )


def sentences(trained: Trained) -> list[str]:
    """What is to be said of the outputs of a network of the user's own."""
    said = trained.facts.get("outputs", "logits")
    return [] if said == "logits" else [f"The network's outputs are of a {said}."]


def _kind(trained: Trained, tried: Tried, name: str) -> str:
    """What the outputs are, as the user says or as they look.

    Raises:
        BadInput: they are no logits, and none can be made of them.
    """
    seen = logits.kind_of(tried.outputs)
    kind = tried.ends_in or tried.kind
    refused = ("one output", "not finite")
    kind = seen if seen in refused else kind
    if kind == "logits" and not tried.ends_in:
        ending = _last_function(trained, tried)
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


def _last_function(trained: Trained, tried: Tried) -> str:
    *before, stage = trained.network
    acts = jax.eval_shape(
        lambda params, x: networks.apply(tuple(before), params, x),
        trained.weights.params,
        tried.images,
    )
    return last_function(stage.apply, trained.weights.params.get(stage.name, {}), acts)


def _by_logarithm(trained: Trained, tried: Tried, kind: str, name: str) -> Trained:
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
    *before, stage = trained.network

    def apply(variables, acts):
        return jnp.log(stage.apply(variables, acts))

    changed = stage._replace(apply=apply, contributions=None, branch=(), join=None)
    said = "softmax, undone by its logarithm, exact but for rounding: changes of a "
    return _saying(
        _shifted(trained._replace(network=(*before, changed))),
        f"{said}probability below {np.finfo(np.float32).eps:.0e} are lost",
        name,
    )


def _shifted(trained: Trained) -> Trained:
    return trained._replace(is_shifted=True)


def _saying(trained: Trained, said: str, name: str = "") -> Trained:
    if name:
        print(f"{name}: outputs of a {said}")
    return trained._replace(facts={**trained.facts, "outputs": said})
