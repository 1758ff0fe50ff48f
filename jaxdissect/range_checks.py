"""A config held against the types and ranges of its fields, before anything starts.

Python checks neither, so a config file may put anything anywhere. One walk over the
declared types (nested configs, tuples, choices, `X | None`, ranges of
`annotated_types`) names the first setting that cannot be.
"""

import dataclasses
import math
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import annotated_types as at

from jaxdissect.errors import BadInput
from jaxdissect.ranges import Distinct, InfinityAllowed

Fault = tuple[str, Any, str]
"""(name of a setting, what it is, what it must be)."""

PLAIN = {
    bool: "True or False",
    int: "a whole number",
    float: "a number",
    str: "a text",
    Path: "a Path",
}
"""Types of single settings, in words."""


def check(config: Any, where: str = "") -> None:
    """Refuse a config with a setting of another type or out of its range.

    Args:
        config: a dataclass; its fields' annotations are the rule.
        where: begins the message, the file's name for instance.

    Raises:
        BadInput: naming the first such setting, what it is and what it must be.

    >>> from jaxdissect.experiments import NetworkSettings, TrainSettings
    >>> check(TrainSettings(network=NetworkSettings(width=-1.0)))
    Traceback (most recent call last):
    jaxdissect.errors.BadInput: `network.width` is -1.0; it must be a number in (0, 16]
    """
    for name, found, allowed in _faults("", config, type(config)):
        raise BadInput(f"{where}`{name}` is {_shown(found)}; it must be {allowed}")


def read(kind: Any, settings: Any, where: str, name: str) -> Any:
    """A config from plain data, as JSON has it: lists are tuples.

    Args:
        kind: a dataclass without nested ones.
        settings: should be {field: value}; fields that are missing have their defaults.
        where: begins the message.
        name: of the settings.

    Raises:
        BadInput: a setting that the config does not have, or that cannot be.

    >>> from jaxdissect.experiments import NetworkSettings
    >>> read(NetworkSettings, {"hidden": [64], "width": 1}, "", "network").hidden
    (64,)
    """
    fields = {field.name: field for field in dataclasses.fields(kind)}
    if not isinstance(settings, dict):
        raise BadInput(f"{where}`{name}` is {_shown(settings)}; it must be an object")
    for unknown in settings.keys() - fields.keys():
        raise BadInput(
            f"{where}`{name}` has {unknown!r}; it may have {', '.join(fields)}"
        )
    hints = get_type_hints(kind, include_extras=True)
    values = {key: _tupled(value) for key, value in settings.items()}
    for key, value in values.items():
        for below, found, allowed in _faults(f"{name}.{key}", value, hints[key]):
            raise BadInput(f"{where}`{below}` is {_shown(found)}; it must be {allowed}")
    for key, field in fields.items():
        if key not in values and field.default is field.default_factory:
            raise BadInput(f"{where}`{name}.{key}` is missing")
    return kind(**{key: _as(value, hints[key]) for key, value in values.items()})


def _tupled(value: Any) -> Any:
    return tuple(map(_tupled, value)) if isinstance(value, list) else value


def _as(value: Any, hint: Any) -> Any:
    """What was checked, whole numbers made floats where floats are declared."""
    kind, parts = get_origin(hint), get_args(hint)
    if kind is Annotated:
        return _as(value, parts[0])
    if kind in (Union, types.UnionType) and len(parts) == 2:  # `X | None`
        return None if value is None else _as(value, parts[0])
    if kind is tuple and parts[1:] != (Ellipsis,):
        return tuple(map(_as, value, parts))
    return float(value) if hint is float else value


def _faults(name: str, value: Any, hint: Any) -> Iterator[Fault]:
    kind, parts = get_origin(hint), get_args(hint)
    if kind is Annotated:
        yield from _annotated(name, value, parts[0], _constraints(hint))
    elif kind in (Union, types.UnionType):
        yield from _union(name, value, hint, parts)
    elif dataclasses.is_dataclass(hint):
        yield from _config(name, value, hint)
    elif kind is tuple:
        yield from _tuple(name, value, hint, parts)
    elif not _is(value, hint):
        yield name, value, _words(hint)


def _config(name: str, value: Any, hint: Any) -> Iterator[Fault]:
    if type(value) is not hint:
        yield name, value, _words(hint)
        return
    hints = get_type_hints(hint, include_extras=True)
    for field in dataclasses.fields(hint):
        below = f"{name}.{field.name}" if name else field.name
        yield from _faults(below, getattr(value, field.name), hints[field.name])


def _annotated(
    name: str, value: Any, base: Any, constraints: list[Any]
) -> Iterator[Fault]:
    words = _words(base, constraints)
    wrong = list(_faults(name, value, base))
    for place, found, allowed in wrong:
        yield place, found, words if place == name else allowed
    if not wrong and not (
        (base is not float or _is_finite(value, constraints))
        and all(_holds(value, constraint) for constraint in constraints)
    ):
        yield name, value, words


def _union(name: str, value: Any, hint: Any, parts: tuple[Any, ...]) -> Iterator[Fault]:
    tried = [list(_faults(name, value, part)) for part in parts]
    if all(tried):
        # Of `X | None` with an X that is wrong inside, the place inside is said.
        inside = next((t for t in tried if t[0][0] != name), None)
        yield from inside or [(name, value, _words(hint))]


def _tuple(name: str, value: Any, hint: Any, parts: tuple[Any, ...]) -> Iterator[Fault]:
    any_length = len(parts) == 2 and parts[1] is Ellipsis
    if type(value) is not tuple or not (any_length or len(value) == len(parts)):
        yield name, value, _words(hint)
        return
    of_each = parts[:1] * len(value) if any_length else parts
    for i, (item, part) in enumerate(zip(value, of_each, strict=True)):
        yield from _faults(f"{name}[{i}]", item, part)


def _is(value: Any, hint: Any) -> bool:
    """Whether a single value is of a plain type, a choice or None."""
    if get_origin(hint) is Literal:
        return any(type(value) is type(x) and value == x for x in get_args(hint))
    if hint is float:  # whole numbers will do, as everywhere in Python
        return isinstance(value, int | float) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if hint in (str, Path):
        return isinstance(value, hint) and "\0" not in str(value)
    return isinstance(value, hint)


def _is_finite(value: Any, constraints: list[Any]) -> bool:
    infinite = isinstance(value, float) and math.isinf(value)
    if infinite and any(isinstance(c, InfinityAllowed) for c in constraints):
        return True
    return abs(value) <= sys.float_info.max  # exact for whole numbers of any size


def _constraints(hint: Any) -> list[Any]:
    found: list[Any] = []
    for item in hint.__metadata__:
        found += item if isinstance(item, at.GroupedMetadata) else [item]
    return found


def _holds(value: Any, constraint: Any) -> bool:
    match constraint:
        case at.Ge(bound):
            return value >= bound
        case at.Gt(bound):
            return value > bound
        case at.Le(bound):
            return value <= bound
        case at.Lt(bound):
            return value < bound
        case at.MinLen(length):
            return len(value) >= length
        case Distinct():
            return len(set(value)) == len(value)
    return True


def _words(hint: Any, constraints: list[Any] | None = None) -> str:
    """What a setting must be, in words.

    >>> _words(tuple[float, float] | None)
    'a tuple (a number, a number) or None'
    """
    kind, parts = get_origin(hint), get_args(hint)
    if kind is Annotated:
        return _words(parts[0], _constraints(hint))
    if kind in (Union, types.UnionType):
        return " or ".join("None" if p is type(None) else _words(p) for p in parts)
    if kind is Literal:
        return f"one of {', '.join(map(repr, parts))}"
    if kind is tuple and parts[1:] == (Ellipsis,):
        return f"a tuple{_length(constraints or [])}, of each {_words(parts[0])}"
    if kind is tuple:
        return f"a tuple ({', '.join(map(_words, parts))})"
    return f"{PLAIN.get(hint, f'a {hint.__name__}')}{_range(constraints or [])}"


def _length(constraints: list[Any]) -> str:
    least = [c.min_length for c in constraints if isinstance(c, at.MinLen)]
    once = any(isinstance(c, Distinct) for c in constraints)
    return (f" of {least[0]} or more" if least else "") + (
        " without repeats" if once else ""
    )


def _range(constraints: list[Any]) -> str:
    low, high = "(-inf", "inf)"
    for constraint in constraints:
        match constraint:
            case at.Ge(bound):
                low = f"[{_plain(bound)}"
            case at.Gt(bound):
                low = f"({_plain(bound)}"
            case at.Le(bound):
                high = f"{_plain(bound)}]"
            case at.Lt(bound):
                high = f"{_plain(bound)})"
            case InfinityAllowed():
                high = "inf]"
    return "" if (low, high) == ("(-inf", "inf)") else f" in {low}, {high}"


def _plain(bound: Any) -> str:
    return str(int(bound)) if bound == int(bound) else f"{bound:g}"


def _shown(value: Any) -> str:
    """A value as a message shows it; a stranger's own words are not asked for.

    >>> _shown(3), _shown([1]), _shown(10**30000), _shown(object())
    ('3', 'a list', 'a number of some 30001 digits', 'a object')
    """
    if isinstance(value, int) and value.bit_length() > 128:
        return f"a number of some {int(value.bit_length() * 0.30103) + 1} digits"
    if value is None or type(value) in (bool, int, float, str):
        return repr(value)
    if isinstance(value, Path):
        return f"a path, {str(value)!r}"
    if type(value) is tuple:
        comma = "," if len(value) == 1 else ""
        return f"({', '.join(map(_shown, value))}{comma})"
    return f"a {type(value).__name__}"
