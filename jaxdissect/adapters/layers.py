"""Which layers a Flax model has, and where it can be cut in two."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from flax import linen as nn
from jaxtyping import Float

from jaxdissect.adapters.models import (
    Model,
    check_example,
    linen_model,
    linen_shapes,
    map_shape,
    nnx_model,
)
from jaxdissect.adapters.picking import Which, with_output
from jaxdissect.adapters.programs import Mark, Program, depending, needed
from jaxdissect.base import AnyArray
from jaxdissect.errors import BadInput


class Layer(NamedTuple):
    """A place in a model that has a name.

    Attributes:
        path: names of the modules that lead to it, joined by dots.
        kind: the module's class, or the nonlinearity that follows it.
        shape: of its activations on the example, [B H W U] where they are maps.
        calls: how often the model calls it for one batch.
        obstacle: why the model cannot be cut there; "" where it can.
    """

    path: str
    kind: str
    shape: tuple[int, ...]
    calls: int
    obstacle: str

    @property
    def cut(self) -> bool:
        """Whether the model can be cut there."""
        return not self.obstacle


def list_layers(
    model: Any,
    example: Float[AnyArray, "B ..."],
    *,
    outputs: Which = None,
    **call: Any,
) -> tuple[Layer, ...]:
    """What a Flax model's layers are called, and where it can be cut.

    A layer is what a module in it returns, or a nonlinearity of `jax.nn` right after
    (`Conv_0.relu`), or what the model's code itself calls by a name with
    `jax.ad_checkpoint.checkpoint_name`. It is a clean cut if everything the outputs owe
    to the images passes through it, in one call.

    Args:
        model: a Linen module, or an NNX one, which is run in evaluation mode.
        example: images [B H W c], or whatever the model takes; only shape and type
            matter.
        outputs: which output is meant, where the model returns several and cuts are
            to be those of one (`linen_network`); by default all are.
        **call: further arguments of the model's `__call__`, such as `train=False`.

    Returns:
        The layers, in the order in which they are computed.

    Raises:
        BadInput: the model runs as in training, or the example is no batch.

    >>> import jax.numpy as jnp
    >>> class Net(nn.Module):
    ...     @nn.compact
    ...     def __call__(self, x):
    ...         x = nn.relu(nn.Conv(4, (3, 3))(x))
    ...         x = x + nn.Conv(4, (3, 3))(x)
    ...         return nn.Dense(5)(x.mean((1, 2)))
    >>> print(layer_table(list_layers(Net(), jnp.zeros((1, 8, 8, 3)))))
    layer        kind   shape          cut
    Conv_0       Conv   1 x 8 x 8 x 4  yes
    Conv_0.relu  relu   1 x 8 x 8 x 4  yes
    Conv_1       Conv   1 x 8 x 8 x 4  a connection from 'Conv_0.relu' goes around it
    Dense_0      Dense  1 x 1 x 1 x 5  yes
    """
    program = model_program(any_model(model, example, call), example)
    chosen = program if outputs is None else with_output(program, outputs)
    return tuple(program_layers(chosen))


def layer_table(layers: Sequence[Layer]) -> str:
    """A table of layers, for people.

    >>> print(layer_table([Layer("conv1", "Conv", (1, 8, 8, 4), 1, "")]))
    layer  kind  shape          cut
    conv1  Conv  1 x 8 x 8 x 4  yes
    """
    rows = [("layer", "kind", "shape", "cut")]
    for path, kind, shape, _, obstacle in layers:
        rows.append((path, kind, " x ".join(map(str, shape)), obstacle or "yes"))
    widths = [max(len(row[n]) for row in rows) for n in range(3)] + [0]
    return "\n".join(
        "  ".join(cell.ljust(n) for cell, n in zip(row, widths, strict=True))
        for row in rows
    )


def any_model(model: Any, example: Any, call: Mapping[str, Any]) -> Model:
    """A Linen or NNX model, its variables perhaps only shapes."""
    if isinstance(model, nn.Module):
        return linen_model(model, linen_shapes(model, example, call), call)
    return nnx_model(model, call)


def model_program(model: Model, example: Any) -> Program:
    """The program for the example and the model's own variables.

    Raises:
        BadInput: the example is no batch, or the model runs as in training.
    """
    check_example(example)
    return model.program(model.leaves(model.variables), example)


def program_layers(program: Program) -> list[Layer]:
    """Every layer of a program once, in order."""
    follows = depending(program, program.images)
    paths = list(dict.fromkeys(mark.path for mark in program.marks))
    return [_layer(program, path, follows) for path in paths]


def cut_value(program: Program, path: str) -> int:
    """The value of a layer that is a clean cut.

    Raises:
        BadInput: unknown layer, or no clean cut.
    """
    layers = program_layers(program)
    numbers = {layer.path: n for n, layer in enumerate(layers)}
    if path not in numbers:
        near = difflib.get_close_matches(path, numbers, n=3, cutoff=0.0)
        raise BadInput(
            f"`path` is {path!r}; the nearest layers are {', '.join(near) or 'none'}, "
            "and `list_layers` shows all"
        )
    place = numbers[path]
    if obstacle := layers[place].obstacle:
        before = [layer.path for layer in layers[:place] if layer.cut][-1:]
        after = [layer.path for layer in layers[place:] if layer.cut][:1]
        near = [f"{p!r} before" for p in before] + [f"{p!r} after it" for p in after]
        raise BadInput(
            f"`path` is {path!r}, where the model cannot be cut: {obstacle}; the "
            f"nearest clean cuts are {' and '.join(near) or 'none'}"
        )
    return mark_of(program, path).value


def mark_of(program: Program, path: str) -> Mark:
    """A layer's first call."""
    return next(mark for mark in program.marks if mark.path == path)


def _layer(program: Program, path: str, follows: set[int]) -> Layer:
    marks = [mark for mark in program.marks if mark.path == path]
    first, shape = marks[0], marks[0].like.shape
    if 2 <= len(shape) <= 4:
        shape = map_shape(shape)
    if first.inside:
        obstacle = f"it is out of reach inside a `{first.inside}`"
    elif len(marks) > 1:
        obstacle = f"it is called {len(marks)} times"
    elif len(shape) != 4 or shape[0] != program.like.shape[0]:
        obstacle = f"its shape {shape} is not one map for each image and unit"
    elif first.value not in follows:
        obstacle = "it does not depend on the images"
    else:
        obstacle = _around(program, first.value, follows)
    return Layer(path, first.kind, shape, len(marks), obstacle)


def _around(program: Program, value: int, follows: set[int]) -> str:
    """What reaches the outputs from the images, but not through a value."""
    steps, others = needed(program, program.outputs, frozenset([value]))
    used = {*program.outputs}.union(*(step.inputs for step in steps))
    if value not in used:
        return "the outputs do not depend on it"
    if program.images not in others:
        return ""
    before, _ = needed(program, [value], frozenset())
    both = follows & used & set().union(*(step.inputs for step in before))
    names = [mark.path for mark in program.marks if mark.value in both]
    source = repr(names[-1]) if names else "the images"
    return f"a connection from {source} goes around it"
