"""The logits in a stage that gives what is made of them: softmax and its logarithm.

A softmax takes away a number that is the same for all classes. So where the program
ends with an exponential over such a number, or with such a number taken off, whatever
was there before is the logits, exact however far the softmax has saturated.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.extend.core as jex
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from jaxdissect.adapters.reading import CALLS
from jaxdissect.base import AnyArray, Params
from jaxdissect.networks.running import run
from jaxdissect.networks.stages import Network, Stage

OPENED = (*CALLS, "custom_jvp_call", "custom_vjp_call")
"""Primitives whose program is looked into."""

UNCHANGED = ("name", "copy", "copy_p", "stop_gradient", "optimization_barrier")
"""Primitives that give what they get."""

SHAPED = ("reshape", "squeeze", "expand_dims", "broadcast_in_dim")
"""Primitives that give what they get in another shape, if it has as many numbers."""

SHIFTS = ("max", "reduce_max", "select_n", "log", "add", "custom_jvp_call")
"""What a softmax takes off all classes comes out of: a maximum, a log of a sum."""

BOUNDED = ("logistic", "sigmoid", "log_sigmoid", "hard_sigmoid", "tanh", "erf")
"""Functions that no logits come out of, by the names of primitives or of `jax.nn`."""

ALIKE = 0.02
"""What probabilities may differ by, which may be rounded to half precision."""


class Place(NamedTuple):
    """A value in a program or in one of the programs in it.

    Attributes:
        calls: numbers of the equations that lead to the program it is in.
        atom: the variable or literal there.
    """

    calls: tuple[int, ...]
    atom: Any


def candidates(function: Callable[..., Array], *arguments: Any) -> int:
    """How many values before its output may be the logits of a function.

    >>> candidates(jax.nn.softmax, jnp.ones((2, 3)))
    3
    >>> candidates(lambda x: 2 * x, jnp.ones((2, 3)))
    0
    """
    return len(list(_before(Reading(jax.make_jaxpr(function)(*arguments)))))


def undone(function: Callable[..., Array], number: int) -> Callable[..., Array]:
    """The function up to one of its `candidates`, in the shape of its outputs.

    >>> logits = jnp.array([[1.0, 2.0, 300.0]])
    >>> undone(jax.nn.softmax, 2)(logits).tolist()
    [[1.0, 2.0, 300.0]]
    """

    def before(*arguments: Any) -> Array:
        closed, like = jax.make_jaxpr(function, return_shape=True)(*arguments)
        place = list(_before(Reading(closed)))[number]
        leaves = jax.tree.leaves(arguments)
        (found,) = _evaluated(closed, leaves, place.calls, place.atom)
        dtype = jnp.promote_types(found.dtype, jnp.float32)
        return found.reshape(like.shape).astype(dtype)

    return before


def before_ending(
    network: Network,
    params: Params,
    images: Float[AnyArray, "B H W c"],
    outputs: Float[AnyArray, "B K"],
) -> Network | None:
    """The network without the softmax, or its logarithm, that it ends with.

    Stages keep their names and variables. What is found in the program is tried: its
    softmax must be the outputs, or their exponentials, on these images.

    Args:
        network: the table of stages, whose outputs are probabilities or their
            logarithms.
        params: its parameters.
        images: a few.
        outputs: the network's, on these images.

    Returns:
        The network that gives the logits; None where they are not found.

    >>> from jaxdissect import networks
    >>> from jaxdissect.adapters import chain
    >>> images = jnp.ones((1, 2, 2, 3)) * jnp.array([1.0, 2.0, 300.0])
    >>> network, params = chain(
    ...     {"logits": lambda v, x: jax.nn.softmax(x.mean((1, 2)))}, {}, images)
    >>> outputs = networks.apply(network, params, images)
    >>> without = before_ending(network, params, images, outputs)
    >>> networks.apply(without, params, images).tolist()
    [[1.0, 2.0, 300.0]]
    """
    for number in reversed(range(len(network))):
        stage, variables = network[number], params.get(network[number].name, {})
        acts = _acts(network[:number], params, images)
        for candidate in reversed(range(candidates(stage.apply, variables, acts))):
            changed = stage._replace(
                apply=undone(stage.apply, candidate),
                contributions=None,
                unitwise=False,
                branch=(),
                join=None,
            )
            found = (*network[:number], changed, *network[number + 1 :])
            if _explains(run(found[number:], params, acts)[0], outputs):
                return found
        if not passes_on(stage, variables, acts):
            return None
    return None


def _acts(network: Network, params: Params, images: Any) -> Array:
    """What a stage gets; compiled, for all of a network but its last stages."""
    with jax.default_matmul_precision("highest"):
        return jax.jit(lambda params, x: run(network, params, x)[0])(params, images)


def _explains(logits: Any, outputs: Any) -> bool:
    """Whether outputs are the softmax of logits or its logarithm."""
    logits, outputs = (np.asarray(a).astype(np.float64) for a in (logits, outputs))
    if not np.isfinite(logits).all() or logits.shape != outputs.shape:
        return False
    odds = np.exp(logits - logits.max(-1, keepdims=True))
    chances = odds / odds.sum(-1, keepdims=True)
    return any(abs(chances - p).max() <= ALIKE for p in (outputs, np.exp(outputs)))


def passes_on(stage: Stage, variables: Any, like: Any) -> bool:
    """Whether a stage gives what it gets, perhaps in another shape or wider type."""
    reading = Reading(jax.make_jaxpr(stage.apply)(variables, like))
    jaxpr = reading.closed.jaxpr
    exact = all(map(_at_least_as_wide, jaxpr.eqns))
    return (
        exact and reading.source(Place((), jaxpr.outvars[0])).atom is jaxpr.invars[-1]
    )


def last_function(function: Callable[..., Array], *arguments: Any) -> str:
    """The name of what a program ends with, by `jax.nn` or of the primitive.

    >>> last_function(jax.nn.sigmoid, jnp.ones((2, 3)))
    'logistic'
    >>> last_function(jax.nn.log_sigmoid, jnp.ones((2, 3)))
    'log_sigmoid'
    """
    reading = Reading(jax.make_jaxpr(function)(*arguments))
    names = list(reading.names(Place((), reading.closed.jaxpr.outvars[0])))
    return next((name for name in names if name in BOUNDED), names[-1] if names else "")


class Reading:
    """A program in which the way back from a value is found."""

    def __init__(self, closed: Any):
        self.closed = closed

    def jaxpr(self, calls: tuple[int, ...]) -> Any:
        """The program that some calls lead to."""
        jaxpr = self.closed.jaxpr
        for number in calls:
            jaxpr = _body(jaxpr.eqns[number])
        return jaxpr

    def equation(self, place: Place) -> tuple[int, Any] | None:
        """The equation a value comes out of, and its number."""
        for number, equation in enumerate(self.jaxpr(place.calls).eqns):
            if any(place.atom is out for out in equation.outvars):
                return number, equation
        return None

    def names(self, place: Place) -> Iterator[str]:
        """Names of the calls a value comes out of, and of the primitive in them."""
        while not isinstance(place.atom, jex.Literal):
            place = self.source(place, into=False)
            found = self.equation(place)
            if found is None:
                return
            number, equation = found
            name = equation.params.get("name", equation.primitive.name)
            yield str(name)
            if equation.primitive.name not in OPENED:
                return
            place = self._inside(place, number, equation)

    def source(self, place: Place, *, into: bool = True) -> Place:
        """Where a value is first computed, whatever shape it has there."""
        while not isinstance(place.atom, jex.Literal):
            found = self.equation(place)
            if found is None:
                outside = self._outside(place)
                if outside is None:
                    break
                place = outside
                continue
            number, equation = found
            if into and equation.primitive.name in OPENED:
                place = self._inside(place, number, equation)
            elif _passes(equation):
                place = place._replace(atom=equation.invars[0])
            else:
                break
        return place

    def _inside(self, place: Place, number: int, equation: Any) -> Place:
        position = next(n for n, v in enumerate(equation.outvars) if v is place.atom)
        return Place((*place.calls, number), _body(equation).outvars[position])

    def _outside(self, place: Place) -> Place | None:
        """What the call was given, of a variable that its program begins with."""
        if not place.calls:
            return None
        *outer, number = place.calls
        inside = self.jaxpr(place.calls).invars
        at = [n for n, variable in enumerate(inside) if variable is place.atom]
        given = self.jaxpr(tuple(outer)).eqns[number].invars
        return Place(tuple(outer), given[at[0]]) if at else None


def _before(reading: Reading) -> Iterator[Place]:
    """What may be the logits: outputs with exponentials and shifts taken back."""
    place = reading.source(Place((), reading.closed.jaxpr.outvars[0]))
    while before := _step(reading, place):
        yield (place := before)


def _step(reading: Reading, place: Place) -> Place | None:
    """One operation taken back, if that changes no difference of logits."""
    found = None if isinstance(place.atom, jex.Literal) else reading.equation(place)
    if found is None:
        return None
    _, equation = found
    kind, inputs = equation.primitive.name, equation.invars
    if kind in ("exp", "log"):
        return reading.source(place._replace(atom=inputs[0]))
    pairs = {"div": [inputs], "sub": [inputs], "mul": [inputs, inputs[::-1]]}
    for whole, other in pairs.get(kind, ()):
        if isinstance(whole, jex.Literal) or whole.aval.shape != place.atom.aval.shape:
            continue
        shift, at = (
            place._replace(atom=other),
            reading.source(place._replace(atom=whole)),
        )
        if not _same_for_all(reading, shift, place.atom.aval.shape[-1:]):
            continue
        if (
            _comes_of(reading, at, ("exp",))
            if kind != "sub"
            else _comes_of(reading, reading.source(shift), SHIFTS)
        ):
            return at
    return None


def _comes_of(reading: Reading, place: Place, kinds: tuple[str, ...]) -> bool:
    found = None if isinstance(place.atom, jex.Literal) else reading.equation(place)
    return found is not None and found[1].primitive.name in kinds


def _same_for_all(reading: Reading, place: Place, classes: tuple[int, ...]) -> bool:
    """Whether a value is one for each image, the same for all classes."""
    while True:
        shape = getattr(place.atom.aval, "shape", ())
        if shape[-1:] != classes or classes == (1,):
            return shape == () or shape[-1:] == (1,)
        found = (
            reading.equation(place) if not isinstance(place.atom, jex.Literal) else None
        )
        if found is None:
            return False
        _, equation = found
        if equation.primitive.name == "broadcast_in_dim":
            like = equation.invars[0].aval.shape
            kept = equation.params["broadcast_dimensions"]
            last = len(shape) - 1
            return last not in kept or like[kept.index(last)] == 1
        before = reading.source(place)
        if before == place:
            return False
        place = before


def _passes(equation: Any) -> bool:
    """Whether an equation gives what it gets, in as many numbers and as exactly."""
    kind = equation.primitive.name
    if kind in UNCHANGED:
        return len(equation.outvars) == 1
    if kind not in ("convert_element_type", *SHAPED):
        return False
    given, gives = equation.invars[0].aval, equation.outvars[0].aval
    if kind == "convert_element_type":
        return all(jnp.issubdtype(a.dtype, jnp.floating) for a in (given, gives))
    return [n for n in given.shape if n != 1] == [n for n in gives.shape if n != 1]


def _at_least_as_wide(equation: Any) -> bool:
    """Whether an equation does not round what it gets to fewer bits."""
    if equation.primitive.name != "convert_element_type":
        return True
    given, gives = equation.invars[0].aval.dtype, equation.outvars[0].aval.dtype
    return jnp.promote_types(given, gives) == gives


def _evaluated(
    closed: Any, leaves: list[Any], calls: tuple[int, ...], atom: Any
) -> list[Any]:
    """A value of a program; what calls hold is opened where it lies in them only."""
    jaxpr = closed.jaxpr
    if not calls:
        target = jaxpr.replace(outvars=[atom])
        return jex.jaxpr_as_fun(jex.ClosedJaxpr(target, closed.consts))(*leaves)
    equation = jaxpr.eqns[calls[0]]
    target = jaxpr.replace(outvars=list(equation.invars), eqns=jaxpr.eqns[: calls[0]])
    given = jex.jaxpr_as_fun(jex.ClosedJaxpr(target, closed.consts))(*leaves)
    body = _closed_body(equation)
    return _evaluated(body, given, calls[1:], atom)


def _body(equation: Any) -> Any:
    return _closed_body(equation).jaxpr


def _closed_body(equation: Any) -> Any:
    params = equation.params
    body = next(params[n] for n in ("jaxpr", "call_jaxpr", "fun_jaxpr") if n in params)
    return body if hasattr(body, "consts") else jex.ClosedJaxpr(body, ())
