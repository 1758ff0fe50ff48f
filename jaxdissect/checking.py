"""Whether arguments are what they are said to be; what is not is refused by name.

Values are looked at once, where they come in: one `isfinite` over what is in memory
anyway. Within a compiled program nothing is known of values, so only their types and
shapes are looked at there.
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxdissect.base import AnyArray
from jaxdissect.errors import BadInput


def is_traced(values: Any) -> bool:
    """Whether this is a value inside a compiled program, of which nothing is known.

    >>> is_traced(np.zeros(1)), jax.eval_shape(lambda x: x * is_traced(x), 1.0).shape
    (False, ())
    """
    return isinstance(values, jax.core.Tracer)


def check_shape(name: str, values: Any, shape: str, **sizes: int) -> None:
    """Refuse an array of other axes, or of another size along one of them.

    Args:
        name: of the argument.
        values: the array, or anything with a shape.
        shape: letters of its axes, such as "B H W U".
        sizes: {letter: size that it must have}.

    Raises:
        BadInput: naming what was found and what is allowed.

    >>> check_shape("acts", np.zeros((2, 3)), "B U", U=4)
    Traceback (most recent call last):
    ...
    jaxdissect.errors.BadInput: `acts` has the shape (2, 3); it must be [B U] with U 4
    """
    letters = shape.split()
    found = tuple(np.shape(values))
    fits = len(found) == len(letters) and all(
        sizes.get(letter, size) == size
        for letter, size in zip(letters, found, strict=True)
    )
    if not fits:
        asked = ", ".join(f"{letter} {size}" for letter, size in sizes.items())
        raise BadInput(
            f"`{name}` has the shape {found}; it must be [{shape}]"
            + (f" with {asked}" if asked else "")
        )


def check_not_empty(name: str, values: AnyArray, shape: str) -> None:
    """Refuse an array that has nothing along one of its axes.

    >>> check_not_empty("acts", np.zeros((0, 3)), "B U")
    Traceback (most recent call last):
    ...
    jaxdissect.errors.BadInput: `acts` has the shape (0, 3); no axis of [B U] may be ...
    """
    if 0 in np.shape(values):
        found = tuple(np.shape(values))
        raise BadInput(
            f"`{name}` has the shape {found}; no axis of [{shape}] may be empty"
        )


def check_real(name: str, values: AnyArray) -> None:
    """Refuse values that are no finite real numbers; integers are.

    Raises:
        BadInput: booleans, complex numbers or other things, infinities, no numbers.

    >>> check_real("acts", np.array([1.0, np.nan]))
    Traceback (most recent call last):
    ...
    jaxdissect.errors.BadInput: `acts` holds nan; all values must be finite
    """
    kind = _dtype(values)
    if not (jnp.issubdtype(kind, jnp.floating) or jnp.issubdtype(kind, jnp.integer)):
        raise BadInput(f"`{name}` is {kind}; it must be of real numbers")
    if is_traced(values) or jnp.issubdtype(kind, jnp.integer):
        return
    if not _all_finite(values):
        host = np.asarray(values, np.float64)
        found = host[~np.isfinite(host)][0]
        raise BadInput(f"`{name}` holds {found}; all values must be finite")


def check_numbers(name: str, values: AnyArray, number: int | None = None) -> None:
    """Refuse what is not integers, or not numbers of one of some things from 0.

    Args:
        name: of the argument.
        values: such as classes.
        number: how many things there are; None where that is not known.

    Raises:
        BadInput: naming the first that is out of range.

    >>> check_numbers("classes", np.array([0, 3]), 3)
    Traceback (most recent call last):
    ...
    jaxdissect.errors.BadInput: `classes` has 3; allowed are 0 to 2
    """
    kind = _dtype(values)
    if not jnp.issubdtype(kind, jnp.integer):
        raise BadInput(f"`{name}` is {kind}; it must be of integers")
    if is_traced(values):
        return
    host = np.asarray(values)
    most = np.inf if number is None else number
    wrong = host[(host < 0) | (host >= most)]
    if wrong.size:
        allowed = "at least 0" if number is None else f"0 to {number - 1}"
        raise BadInput(f"`{name}` has {wrong[0]}; allowed are {allowed}")


def check_choice(name: str, value: object, allowed: Sequence[str]) -> None:
    """Refuse a word that is none of those allowed.

    >>> check_choice("rule", "<", (">", ">="))
    Traceback (most recent call last):
    ...
    jaxdissect.errors.BadInput: `rule` is '<'; it must be '>' or '>='
    """
    if value not in allowed:
        words = " or ".join(map(repr, allowed))
        raise BadInput(f"`{name}` is {value!r}; it must be {words}")


def check_number(name: str, value: Any, least: int = 1) -> None:
    """Refuse what is no whole number, or too small a one.

    >>> check_number("num_images", 0)
    Traceback (most recent call last):
    ...
    jaxdissect.errors.BadInput: `num_images` is 0; it must be a whole number from 1 on
    """
    if not isinstance(value, int | np.integer) or value < least:
        raise BadInput(
            f"`{name}` is {value}; it must be a whole number from {least} on"
        )


def _dtype(values: Any) -> Any:
    return values.dtype if hasattr(values, "dtype") else np.asarray(values).dtype


def _all_finite(values: AnyArray) -> bool:
    if isinstance(values, Array):
        return bool(_finite_on_device(values))
    # Without a mask of all values in memory: both ends of what is no number are none.
    values = np.asarray(values)
    return values.size == 0 or bool(
        np.isfinite(values.min()) & np.isfinite(values.max())
    )


_finite_on_device = jax.jit(lambda values: jnp.isfinite(values).all())
