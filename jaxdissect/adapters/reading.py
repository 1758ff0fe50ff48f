"""Reading a network's program off one trace of it."""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import jax
import jax.extend.core as jex

from jaxdissect.adapters.programs import MARK, Leaves, Mark, Program, Run, Step

CALLS = ("jit", "pjit", "closed_call", "core_call", "remat", "remat2", "checkpoint")
"""Primitives that do no more than run the program in them."""


class Pages(NamedTuple):
    """What has been read so far."""

    numbers: Iterator[int]
    steps: list[Step]
    constants: dict[int, Any]
    marks: list[Mark]


def read_program(run: Run, leaves: Leaves, images: Any) -> Program:
    """Trace a network.

    Args:
        run: the network.
        leaves: its variables, or their shapes.
        images: [B H W c], or their shape.

    Returns:
        Its program, in which calls that contain layers are inlined. After a layer, a
        nonlinearity of `jax.nn` is a layer, too, and so is what the network's code
        calls by a name with `jax.ad_checkpoint.checkpoint_name`.

    >>> import jax.numpy as jnp
    >>> from jaxdissect.adapters.programs import marked
    >>> def run(leaves, images):
    ...     return jax.nn.relu(marked("scale", "Scale", leaves["a"] * images))
    >>> program = read_program(run, {"a": jnp.ones(3)}, jnp.ones((1, 2, 2, 3)))
    >>> [mark.path for mark in program.marks], len(program.steps)
    (['scale', 'scale.relu'], 3)
    """
    closed, shapes = jax.make_jaxpr(run, return_shape=True)(dict(leaves), images)
    pages = Pages(itertools.count(), [], {}, [])
    inputs = [next(pages.numbers) for _ in closed.jaxpr.invars]
    outputs = _read(closed, inputs, pages)
    return Program(
        pages.steps,
        pages.constants,
        # A dict's leaves come in the order of their names.
        dict(zip(sorted(leaves), inputs[:-1], strict=True)),
        inputs[-1],
        jax.ShapeDtypeStruct(images.shape, images.dtype),
        outputs,
        shapes,
        pages.marks,
    )


def _read(closed: Any, inputs: Sequence[int], pages: Pages) -> list[int]:
    """Append the steps of a program; the numbers of its outputs."""
    jaxpr = closed.jaxpr
    # Numbers and not variables, because a program called twice has the same variables.
    values = dict(zip(jaxpr.invars, inputs, strict=True))

    def value(atom: Any) -> int:
        if isinstance(atom, jex.Literal):
            number = next(pages.numbers)
            pages.constants[number] = atom.val
            return number
        return values[atom]

    for variable, constant in zip(jaxpr.constvars, closed.consts, strict=True):
        values[variable] = next(pages.numbers)
        pages.constants[values[variable]] = constant
    for equation in jaxpr.eqns:
        hidden = [mark for inner in _nested(equation) for mark in _names(inner)]
        if equation.primitive.name == "name":
            outputs = [value(equation.invars[0])]
            pages.marks.append(_mark(equation, outputs[0]))
        elif hidden and equation.primitive.name in CALLS:
            atoms = [value(atom) for atom in equation.invars]
            outputs = _read(_body(equation), atoms, pages)
        else:
            inside = equation.primitive.name
            pages.marks.extend(mark._replace(inside=inside) for mark in hidden)
            outputs = _append(equation, jaxpr, values, pages)
        values.update(zip(equation.outvars, outputs, strict=True))
    return [value(atom) for atom in jaxpr.outvars]


def _append(equation: Any, jaxpr: Any, values: Any, pages: Pages) -> list[int]:
    """One step, by itself a program of one equation."""
    variables = [v for v in equation.invars if not isinstance(v, jex.Literal)]
    variables = list(dict.fromkeys(variables))
    alone = jaxpr.replace(
        constvars=[], invars=variables, outvars=equation.outvars, eqns=[equation]
    )
    inputs = tuple(values[variable] for variable in variables)
    outputs = [next(pages.numbers) for _ in equation.outvars]
    function = jex.jaxpr_as_fun(jex.ClosedJaxpr(alone, ()))
    pages.steps.append(Step(function, inputs, tuple(outputs)))
    kind = _nonlinearity(equation)
    before = [mark for mark in pages.marks if kind and mark.value in inputs]
    if before:
        # The last is the outermost module that ends there.
        path, like = f"{before[-1].path}.{kind}", before[-1].like
        pages.marks.append(Mark(path, kind, like, outputs[0]))
    return outputs


def _nonlinearity(equation: Any) -> str:
    """The function of `jax.nn` that an equation is, of one array; "" if none."""
    arrays = [atom.aval.shape for atom in equation.invars if atom.aval.shape]
    if arrays != [out.aval.shape for out in equation.outvars]:
        return ""
    names = [equation.params.get("name"), equation.primitive.name]
    for inner in _nested(equation):
        names += [nested.params.get("name") for nested in inner.eqns]
    names = ["sigmoid" if name == "logistic" else name for name in names]
    return next((n for n in names if isinstance(n, str) and hasattr(jax.nn, n)), "")


def _mark(equation: Any, value: int) -> Mark:
    """The layer that a `name` equation makes of a value."""
    name, aval = equation.params["name"], equation.outvars[0].aval
    kind, path = "named", name
    if name.startswith(MARK):
        kind, path = name.removeprefix(MARK).split(":", 1)
    return Mark(path, kind, jax.ShapeDtypeStruct(aval.shape, aval.dtype), value)


def _names(jaxpr: Any) -> Iterator[Mark]:
    """All layers in a program and in the programs in it, without their values."""
    for equation in jaxpr.eqns:
        if equation.primitive.name == "name":
            yield _mark(equation, -1)
        for inner in _nested(equation):
            yield from _names(inner)


def _nested(equation: Any) -> Iterator[Any]:
    for value in equation.params.values():
        for each in value if isinstance(value, tuple | list) else [value]:
            inner = getattr(each, "jaxpr", each)
            if hasattr(inner, "eqns"):
                yield inner


def _body(equation: Any) -> Any:
    params = equation.params
    body = params["jaxpr"] if "jaxpr" in params else params["call_jaxpr"]
    return body if hasattr(body, "jaxpr") else jex.ClosedJaxpr(body, ())
