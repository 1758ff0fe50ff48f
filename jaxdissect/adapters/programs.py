"""A network's program: the steps from images to outputs, and the layers on the way.

Every step knows the values it needs. So half a network is the steps that its result
needs and no others, and the same walk tells what goes around a layer.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.ad_checkpoint import checkpoint_name

Leaves = Mapping[str, Any]
"""{name: array}, the variables of a network."""

Run = Callable[[Leaves, Array], Any]
"""(leaves, images) -> outputs, with `marked` layers on the way."""

MARK = "layer:"


class Step(NamedTuple):
    """A few values from a few others, all by number."""

    function: Callable[..., Sequence[Array]]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


class Mark(NamedTuple):
    """A value with a name.

    Attributes:
        path: names of the modules that lead to it, joined by dots.
        kind: the module's class, or the nonlinearity.
        like: its shape and type.
        value: its number.
        inside: the primitive whose program it is in, out of reach; "" if in none.
    """

    path: str
    kind: str
    like: jax.ShapeDtypeStruct
    value: int
    inside: str = ""


class Program(NamedTuple):
    """Steps in order; values are numbered in the order in which they come about.

    Attributes:
        steps: all of them.
        constants: {value: array}.
        leaves: {name of a variable: value}.
        images: the value that the images are.
        like: the images' shape and type.
        outputs: values.
        results: shapes of the outputs, arranged as they are returned.
        marks: the layers, in order.
    """

    steps: Sequence[Step]
    constants: Mapping[int, Any]
    leaves: Mapping[str, int]
    images: int
    like: jax.ShapeDtypeStruct
    outputs: Sequence[int]
    results: Any
    marks: Sequence[Mark]


def key_name(keys: Any) -> str:
    """Where in a pytree a leaf is, joined by dots.

    >>> tree = {"params": {"Conv_0": [1.0]}}
    >>> [(keys, _)] = jax.tree_util.tree_leaves_with_path(tree)
    >>> key_name(keys)
    'params.Conv_0.0'
    """
    return jax.tree_util.keystr(keys, simple=True, separator=".")


def marked(path: str, kind: str, outputs: Any) -> Any:
    """The outputs of a module, unchanged, as a layer of the program being traced.

    Of several arrays each is a layer; what cannot be maps of units is none.

    >>> jax.make_jaxpr(lambda x: marked("conv", "Conv", x))(jnp.ones((1, 2))).eqns[0]
    a:f32[1,2] = name[name=layer:Conv:conv] b
    """

    def mark(keys: Any, leaf: Any) -> Any:
        if not (isinstance(leaf, Array) and leaf.ndim >= 2):
            return leaf
        if not jnp.issubdtype(leaf.dtype, jnp.floating):
            return leaf
        name = ".".join(filter(None, (path, key_name(keys))))
        return checkpoint_name(leaf, f"{MARK}{kind}:{name}")

    return jax.tree_util.tree_map_with_path(mark, outputs)


def needed(
    program: Program, targets: Sequence[int], given: frozenset[int]
) -> tuple[list[Step], set[int]]:
    """The steps from given values to the targets, and what else they start from."""
    wanted, steps = set(targets) - given, []
    for step in reversed(program.steps):
        if not wanted.isdisjoint(step.outputs):
            steps.append(step)
            wanted = (wanted - set(step.outputs)) | (set(step.inputs) - given)
    return steps[::-1], wanted


def compute(
    program: Program, targets: Sequence[int], given: Mapping[int, Any]
) -> list[Any]:
    """The targets' values from the given ones, by no more steps than that takes."""
    steps, _ = needed(program, targets, frozenset(given))
    values = {**program.constants, **given}
    last = {value: n for n, step in enumerate(steps) for value in step.inputs}
    for n, step in enumerate(steps):
        results = step.function(*(values[value] for value in step.inputs))
        values.update(zip(step.outputs, results, strict=True))
        # Not all maps of a batch fit into memory at once.
        for value in set(step.inputs) - set(targets):
            if last[value] == n:
                del values[value]
    return [values[target] for target in targets]


def depending(program: Program, value: int) -> set[int]:
    """Every value that follows from the given one, and itself."""
    found = {value}
    for step in program.steps:
        if not found.isdisjoint(step.inputs):
            found.update(step.outputs)
    return found


def tracing(
    trace: Callable[[Leaves, Any], Program],
) -> Callable[[Leaves, Any], Program]:
    """(leaves, images) -> program, traced once for all arrays of the same shapes."""

    @functools.cache
    def of_shapes(leaves: tuple, images: Any, precision: Any) -> Program:
        del precision  # the precision of products is part of the program
        return trace(dict(leaves), images)

    def program(leaves: Leaves, images: Any) -> Program:
        shapes, like = jax.eval_shape(lambda *given: given, dict(leaves), images)
        precision = jax.config.jax_default_matmul_precision  # type: ignore[attr-defined]
        return of_shapes(tuple(shapes.items()), like, precision)

    return program
