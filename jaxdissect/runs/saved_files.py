"""What runs leave for other runs, read back: every value is looked at before its use.

A reader says what a file must hold; what it holds else is one sentence with the file
and the key, whether it was cut short, changed by hand or by a failing disk.
"""

import json
import math
import zipfile
import zlib
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import numpy as np
from annotated_types import Interval

from jaxdissect.errors import BadInput

MAX_BYTES = 2**31
"""A file of text larger than this is none of ours."""


@contextmanager
def advising(advice: str) -> Iterator[None]:
    """Add what to do to whatever is said of a file in here.

    >>> with advising("dissect again"):
    ...     raise BadInput("iou.npz is damaged")
    Traceback (most recent call last):
    ...
    jaxdissect.errors.BadInput: iou.npz is damaged; dissect again
    """
    try:
        yield
    except BadInput as error:
        raise BadInput(f"{error}; {advice}") from None


def read_text(path: Path) -> str:
    """The text of a file.

    Raises:
        BadInput: it cannot be read, or is no UTF-8.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise BadInput(f"{path} is damaged: it is too large")
        return path.read_bytes().decode("utf-8")
    except OSError as error:
        reason = error.strerror or str(error)
        raise BadInput(f"cannot read {path}: {reason}") from None
    except UnicodeDecodeError as error:
        raise BadInput(f"{path} is damaged: byte {error.start} is no UTF-8") from None


def parse(text: str, where: str) -> Any:
    """A value of JSON; NaN and infinities are none.

    Raises:
        BadInput: it is no JSON.
    """
    try:
        return json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{where} is damaged: it is no JSON ({error})") from None


def read_object(path: Path) -> dict[str, Any]:
    """The object in a file of JSON.

    Raises:
        BadInput: the file cannot be read, or holds something else.
    """
    found = parse(read_text(path), str(path))
    if not isinstance(found, dict):
        raise BadInput(f"{path} is damaged: it must hold an object, not {_kind(found)}")
    return found


def field(found: Mapping[str, Any], key: str, hint: Any, path: Path) -> Any:
    """What an object has under a key, as the type says.

    Args:
        found: of JSON.
        key: with dots, for objects in it.
        hint: int, float, str, bool, dict, tuple[...], Literal, a NamedTuple, one of
            these with an `Interval` of `annotated_types`, or one of these or None.
        path: of the file, for the message.

    Raises:
        BadInput: it is missing or of another type; numbers must be finite.

    >>> field({"config": {"seed": 3}}, "config.seed", int, Path("run.json"))
    3
    >>> field({"config": {"seed": "x"}}, "config.seed", int, Path("run.json"))
    Traceback (most recent call last):
    ...
    jaxdissect.errors.BadInput: run.json: `config.seed` is 'x'; it must be a whole ...
    """
    value: Any = found
    for part in key.split("."):
        if not isinstance(value, dict) or part not in value:
            raise BadInput(f"{path}: `{key}` is missing")
        value = value[part]
    return typed(value, hint, key, path)


def typed(value: Any, hint: Any, name: str, path: Path) -> Any:
    """A value of JSON as a type says.

    Raises:
        BadInput: it is of another type.
    """
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        if value is None and type(None) in get_args(hint):
            return None
        return typed(value, get_args(hint)[0], name, path)
    if origin is Annotated:
        return _in_range(typed(value, hint.__origin__, name, path), hint, name, path)
    if origin is tuple and isinstance(value, list):
        inner = get_args(hint)[0]
        return tuple(typed(part, inner, name, path) for part in value)
    if origin is Literal and isinstance(value, str) and value in get_args(hint):
        return value
    if hasattr(hint, "_fields"):
        return _named_tuple(value, hint, name, path)
    if hint is float and type(value) is int and abs(value) < 2**53:
        value = float(value)
    fits = type(value) is hint and not (hint is float and not math.isfinite(value))
    if not fits or (hint is int and abs(value) >= 2**63):
        shown = repr(value)
        shown = shown if len(shown) <= 60 else f"{shown[:57]}..."
        raise BadInput(f"{path}: `{name}` is {shown}; it must be {_allowed(hint)}")
    return value


def _in_range(value: Any, hint: Any, name: str, path: Path) -> Any:
    for bounds in hint.__metadata__:
        assert isinstance(bounds, Interval)
        low = -math.inf if bounds.ge is None else bounds.ge
        high = math.inf if bounds.le is None else bounds.le
        if not low <= value <= high:
            allowed = f"at least {low}" if bounds.le is None else f"in [{low}, {high}]"
            raise BadInput(f"{path}: `{name}` is {value}; it must be {allowed}")
    return value


def _named_tuple(value: Any, kind: Any, name: str, path: Path) -> Any:
    if not isinstance(value, dict):
        raise BadInput(f"{path}: `{name}` is {_kind(value)}; it must be an object")
    unknown = sorted(value.keys() - set(kind._fields))
    if unknown:
        raise BadInput(f"{path}: `{name}` has an unknown key {unknown[0][:60]!r}")
    return kind(**fields_of(value, kind, path, f"{name}."))


def fields_of(
    found: Mapping[str, Any], kind: Any, path: Path, prefix: str = ""
) -> dict[str, Any]:
    """The values that a NamedTuple is made of; those with a default may be missing.

    Raises:
        BadInput: another is missing, or one is of another type.
    """
    values, hints = {}, kind.__annotations__
    for name in kind._fields:
        if name in found:
            values[name] = typed(found[name], hints[name], prefix + name, path)
        elif name not in kind._field_defaults:
            raise BadInput(f"{path}: `{prefix}{name}` is missing")
    return values


def read_arrays(
    path: Path, names: Mapping[str, str], optional: Collection[str] = ()
) -> dict[str, np.ndarray]:
    """Arrays of an .npz file, by name.

    Args:
        path: of the file.
        names: {name: kinds of its values, of "f", "i", "u", "b", "U"}; all are needed.
        optional: those that files of before may lack, and then are not returned.

    Raises:
        BadInput: the file cannot be read, or an array is missing, of another kind or
            has values that are not finite.
    """
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            if not isinstance(file, np.lib.npyio.NpzFile):
                raise ValueError("it holds one array without a name")
            names = {
                name: kinds
                for name, kinds in names.items()
                if name in file.files or name not in optional
            }
            for name in names:
                if name not in file.files:
                    raise BadInput(f"{path}: the array `{name}` is missing")
            found = {name: file[name] for name in names}
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror or error}") from None
    except UNREADABLE as error:
        raise BadInput(f"{path} is damaged ({_first_line(error)})") from None
    for name, kinds in names.items():
        array = found[name]
        if not isinstance(array, np.ndarray):  # numpy gives what is no array as bytes
            raise BadInput(f"{path} is damaged: `{name}` is no array")
        if array.dtype.kind not in kinds:
            raise BadInput(f"{path}: the array `{name}` has values of {array.dtype}")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise BadInput(f"{path}: the array `{name}` has values that are not finite")
    return found


UNREADABLE = (
    ValueError,
    KeyError,
    TypeError,
    EOFError,
    SyntaxError,
    RuntimeError,
    MemoryError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What numpy raises at an .npz file in which bytes are missing or have flipped."""


def check_shape(
    array: np.ndarray, shape: tuple[int | None, ...], name: str, path: Path
) -> None:
    """Refuse an array of another shape; None fits any length.

    Raises:
        BadInput: naming file, array and shapes.
    """
    fits = array.ndim == len(shape) and all(
        wanted in (None, length)
        for wanted, length in zip(shape, array.shape, strict=True)
    )
    if not fits:
        wanted = ", ".join("any" if n is None else str(n) for n in shape)
        raise BadInput(
            f"{path}: the array `{name}` has shape {array.shape}; it must be ({wanted})"
        )


_NAMES = {
    int: "a whole number",
    float: "a finite number",
    str: "text",
    bool: "true or false",
    dict: "an object",
    list: "a list",
}


def _allowed(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return " or ".join(map(repr, get_args(hint)))
    return "a list" if get_origin(hint) is tuple else _NAMES[hint]


def _kind(value: Any) -> str:
    return _NAMES.get(type(value), "null")


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no number")
