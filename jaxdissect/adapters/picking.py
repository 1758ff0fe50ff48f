"""Which of the arrays a model returns is meant, where it returns several."""

from collections.abc import Sequence
from typing import Any

import jax

from jaxdissect.adapters.programs import Program, key_name
from jaxdissect.errors import BadInput

Which = str | int | None
"""The key of an output (`"logits"`, nested `"head.logits"`), or its number."""


def picked(results: Any, outputs: Which, source: str) -> int:
    """The number of the array meant, among the leaves of what a model returns.

    Args:
        results: what it returns, arrays or their shapes.
        outputs: which one; None where there is only one.
        source: who returns it, for messages.

    Raises:
        BadInput: there is no such output, or several of which none is named.

    >>> picked({"features": jax.numpy.ones(3), "logits": jax.numpy.ones(2)},
    ...        "logits", "the model")
    1
    """
    found = jax.tree_util.tree_leaves_with_path(results)
    names = [key_name(keys) for keys, _ in found]
    if outputs is None and len(found) == 1:
        return 0
    if isinstance(outputs, bool) or not isinstance(outputs, str | int | None):
        raise BadInput(
            f"`outputs` is {outputs!r}; it must be the key or the number of an output"
        )
    if str(outputs) in names:
        return names.index(str(outputs))
    if isinstance(outputs, int) and 0 <= outputs < len(names):
        return outputs
    several = f"{source} returns {_listed(names, found)}"
    if outputs is None:
        example = f", such as outputs={_example(names)}" if names else ""
        raise BadInput(f"{several}; `outputs` picks one{example}")
    raise BadInput(f"`outputs` is {outputs!r}, but {several}")


def pick(results: Any, outputs: Which, source: str) -> Any:
    """The array meant.

    >>> pick((1.0, 2.0), 1, "the model")
    2.0
    """
    return jax.tree.leaves(results)[picked(results, outputs, source)]


def with_output(program: Program, outputs: Which) -> Program:
    """The program of one of its outputs only."""
    number = picked(program.results, outputs, "the model")
    return program._replace(
        outputs=[program.outputs[number]],
        results=jax.tree.leaves(program.results)[number],
    )


def _listed(names: Sequence[str], found: Sequence[Any]) -> str:
    shown = [
        f"{name or 'one array'} of shape {list(leaf.shape)}"
        for name, (_, leaf) in zip(names, found, strict=True)
    ]
    if len(shown) < 2:
        return shown[0] if shown else "no array"
    return f"{len(shown)} arrays, {', '.join(shown[:-1])} and {shown[-1]}"


def _example(names: Sequence[str]) -> str:
    """How to name one, the likeliest."""
    likely = [name for name in names if "logit" in name] or list(names)
    return likely[0] if likely[0].isdigit() else repr(likely[0])
