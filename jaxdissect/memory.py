"""What a program needs in memory, read off the program itself."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np


def intermediate_bytes(function: Callable[..., Any], *arguments: Any) -> float:
    """Bytes of all arrays a function computes, as if none were freed or fused.

    An upper bound that leaves room for the copies a compiler makes.

    Args:
        function: of arrays and pytrees of arrays; traced, never run.
        *arguments: its arguments, or their shapes as `jax.ShapeDtypeStruct`.

    >>> intermediate_bytes(lambda x: (x + 1) * 2, np.zeros(3, np.float32))
    24.0
    """
    return _bytes_of(jax.make_jaxpr(function)(*arguments).jaxpr)


def _bytes_of(jaxpr) -> float:
    """Inside nested calls too."""
    total = 0.0
    for equation in jaxpr.eqns:
        nested = [
            closed.jaxpr
            for value in equation.params.values()
            for closed in (value if isinstance(value, tuple | list) else [value])
            if hasattr(closed, "jaxpr")
        ]
        total += sum(_bytes_of(inner) for inner in nested)
        # A loop also stacks what its passes return.
        if not nested or equation.primitive.name in ("scan", "while"):
            avals = [variable.aval for variable in equation.outvars]
            total += sum(float(np.prod(a.shape)) * a.dtype.itemsize for a in avals)
    return total
