"""What tells one network from another: a hash of all it computes with.

Networks that are traced to the same steps on the same constants and parameters have one
digest, in any process; names of files, comments and addresses of objects do not count.
"""

import dataclasses
import functools
import hashlib
import re
import sys
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import Enum
from typing import Any

import jax
import jax.extend.core as jex
import jax.numpy as jnp
import numpy as np

from jaxdissect.base import Params
from jaxdissect.networks.running import run, turned
from jaxdissect.networks.stages import Network

ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")

Seen = dict[int, Any]
"""Objects met before, by identity; held, so that no other takes their place."""

Words = Iterator[bytes]


def network_digest(network: Network, params: Params, example: Any) -> str:
    """SHA-256 of a network: its stages, what each computes, and its parameters.

    Args:
        network: the table of stages.
        params: {stage: variables}.
        example: images [B H W c] or their shape, which is part of the network.

    Raises:
        BadInput: the images are too small for the network.

    >>> from jaxdissect import adapters
    >>> images = np.ones((1, 8, 8, 3), np.float32)
    >>> def scaled(factor):
    ...     return adapters.chain({"scaled": lambda v, x: factor * x}, {}, images)
    >>> two, again, three = (network_digest(*scaled(n), images) for n in (2, 2, 3))
    >>> two == again, two == three
    (True, False)
    """
    sha, seen = hashlib.sha256(), Seen()
    for keys, leaf in jax.tree_util.tree_leaves_with_path(params):
        array = leaf if hasattr(leaf, "dtype") else np.asarray(leaf)
        _update(sha, (jax.tree_util.keystr(keys).encode(), *_words(array, seen)))
    _stages(sha, network, params, jax.ShapeDtypeStruct(example.shape, example.dtype))
    return sha.hexdigest()


def program_digest(function: Callable[..., Any], *arguments: Any) -> str:
    """SHA-256 of what a function computes, and of its gradient.

    The traced program counts: its operations, their settings, shapes and types, the
    programs in it and the values of all constants; what callbacks into Python do counts
    by their code and what they hold. Of the arguments only shapes and types do. The
    gradient is traced, too, because a rule for it need not follow from the function.

    Args:
        function: traceable.
        *arguments: pytrees of arrays or their shapes; gradients are of the last one.

    >>> double = program_digest(lambda x: 2.0 * x, np.ones(3, np.float32))
    >>> double == program_digest(lambda y: 2.0 * y, np.ones(3, np.float32))
    True
    >>> double == program_digest(lambda x: 3.0 * x, np.ones(3, np.float32))
    False
    """
    sha, seen = hashlib.sha256(), Seen()
    _update(sha, _program(jax.make_jaxpr(function)(*arguments), seen))
    try:
        backward = jax.make_jaxpr(_gradient(function))(*arguments)
    except Exception:  # not every program has a gradient, for many reasons
        sha.update(b"no gradient")
    else:
        _update(sha, _program(backward, seen))
    return sha.hexdigest()


def _stages(sha: Any, network: Network, params: Params, like: Any) -> None:
    for stage in network:
        variables = params.get(stage.name, {})
        after = jax.eval_shape(lambda p, x, s=stage: run((s,), p, x)[0], params, like)
        computed = program_digest(stage.apply, variables, like)
        _update(sha, (stage.name.encode(), computed.encode()))
        if stage.branch:
            _stages(sha, stage.branch, turned(variables), like)
        like = after


def _gradient(function: Callable[..., Any]) -> Callable[..., Any]:
    def gradient(*arguments: Any) -> Any:
        *fixed, last = arguments
        outputs, pull = jax.vjp(functools.partial(function, *fixed), last)
        return pull(jax.tree.map(jnp.ones_like, outputs))

    return gradient


def _update(sha: Any, words: Iterable[bytes]) -> None:
    for word in words:
        sha.update(b"%d:" % len(word))
        sha.update(word)


def _program(program: Any, seen: Seen) -> Words:
    """The words of a program; variables are numbered as they come about."""
    closed = hasattr(program, "consts")
    jaxpr = program.jaxpr if closed else program
    numbers: dict[Any, int] = {}

    def atom(value: Any) -> Words:
        if isinstance(value, jex.Literal):
            yield from _words(value.val, seen)
        else:
            yield b"%d" % numbers.setdefault(value, len(numbers))
        yield str(value.aval).encode()

    for variable in (*jaxpr.invars, *jaxpr.constvars):
        yield from atom(variable)
    for constant in program.consts if closed else ():
        yield from _words(constant, seen)
    for equation in jaxpr.eqns:
        yield equation.primitive.name.encode()
        for name, value in sorted(equation.params.items()):
            yield name.encode()
            yield from _words(value, seen)
        for value in (*equation.invars, *equation.outvars):
            yield from atom(value)
    for value in jaxpr.outvars:
        yield from atom(value)


def _words(value: Any, seen: Seen) -> Words:
    """What an object of any kind says about itself that is the same everywhere."""
    if isinstance(value, jax.Array | np.ndarray | np.generic):
        yield from _array(value)
    elif hasattr(value, "eqns") or hasattr(getattr(value, "jaxpr", None), "eqns"):
        yield from _program(value, seen)
    elif isinstance(
        value, Enum | np.dtype | str | bytes | int | float | complex | None
    ):
        yield f"{type(value).__name__} {value!r}".encode()
    elif isinstance(value, types.CodeType):
        yield from (value.co_code, *_words((value.co_consts, value.co_names), seen))
    elif isinstance(value, tuple):
        yield b"tuple"
        for item in value:
            yield from _words(item, seen)
    elif id(value) in seen:
        yield b"again"
    else:
        seen[id(value)] = value
        yield type(value).__qualname__.encode()
        yield from _held(value, seen)


def _array(value: Any) -> Words:
    if jax.dtypes.issubdtype(value.dtype, jax.dtypes.prng_key):
        yield str(value.dtype).encode()
        value = jax.random.key_data(value)
    array = np.ascontiguousarray(value)
    yield f"{array.dtype}{np.shape(value)}".encode()
    plain = not array.dtype.hasobject
    yield array.tobytes() if plain else repr(array.tolist()).encode()


def _held(value: Any, seen: Seen) -> Words:
    """Objects by what they hold; those of packages by name."""
    if isinstance(value, Mapping):
        for pair in value.items():
            yield from _words(pair, seen)
    elif isinstance(value, list):
        yield from _words(tuple(value), seen)
    elif isinstance(value, set | frozenset):
        yield from sorted(b"".join(_words(item, {})) for item in value)
    elif isinstance(value, functools.partial):
        yield from _words((value.func, value.args, value.keywords), seen)
    elif isinstance(value, types.MethodType):
        yield from _words((value.__func__, value.__self__), seen)
    elif isinstance(value, types.FunctionType):
        yield from _function(value, seen)
    elif isinstance(value, type) and not _of_package(value):
        members = {n: f for n, f in vars(value).items() if callable(f)}
        yield from _words(members, seen)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in dataclasses.fields(value)]
        yield from _words(tuple(getattr(value, name) for name in names), seen)
    elif hasattr(value, "__dict__") and not _of_package(type(value)):
        yield from _words((type(value), vars(value)), seen)
    else:
        yield ADDRESS.sub("", repr(value)).encode()


def _function(value: types.FunctionType, seen: Seen) -> Words:
    """A function by its code, what it holds, and what it names in its module."""
    yield value.__qualname__.encode()
    held = [_content(cell) for cell in value.__closure__ or ()]
    yield from _words(held, seen)
    if _of_package(value):
        return
    yield from _words((value.__code__, value.__defaults__, value.__kwdefaults__), seen)
    names = _names(value.__code__)
    for name in sorted(names & value.__globals__.keys()):
        used = value.__globals__[name]
        if not isinstance(used, types.ModuleType):
            yield from _words(used, seen)
        elif not _of_package(used):
            named = {n: vars(used)[n] for n in sorted(names & vars(used).keys())}
            yield from _words(named, seen)


def _names(code: types.CodeType) -> set[str]:
    inner = [c for c in code.co_consts if isinstance(c, types.CodeType)]
    return set(code.co_names).union(*map(_names, inner))


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not filled yet
        return None


def _of_package(value: Any) -> bool:
    """Whether something is of Python's or of an installed package."""
    is_module = isinstance(value, types.ModuleType)
    name = value.__name__ if is_module else value.__module__
    root = str(name).partition(".")[0]
    if root in (*sys.stdlib_module_names, "jaxdissect"):
        return True
    file = str(getattr(sys.modules.get(root), "__file__", None))
    return "site-packages" in file or "dist-packages" in file
