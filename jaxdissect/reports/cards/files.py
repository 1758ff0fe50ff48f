"""Unit cards kept in a file."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin

from jaxdissect.base import BadInput
from jaxdissect.reports.cards.parts import UnitCard


def save_cards(path: Path, cards: Sequence[UnitCard]) -> None:
    """Write cards as JSON, from which `load_cards` makes the same cards again.

    Args:
        path: where to, such as `cards.json`.
        cards: of any number of units.

    Raises:
        ValueError: a number that is not finite; nothing is written.

    >>> import tempfile
    >>> card = UnitCard(0, "roof", "part", 0.1, True, 1.0, "data:,", ("farm",), ())
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_cards(Path(folder) / "cards.json", [card])
    ...     load_cards(Path(folder) / "cards.json") == [card]
    True
    """
    entries = [
        {**card._asdict(), "ranking": [match._asdict() for match in card.ranking]}
        for card in cards
    ]
    path.write_text(json.dumps(entries, indent=1, allow_nan=False) + "\n", "utf-8")


def load_cards(path: Path) -> list[UnitCard]:
    """Read cards that `save_cards` wrote.

    Raises:
        BadInput: there is no such file, or it is damaged or holds something else.
    """
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(entries, list):
            raise ValueError("it is not a list")
        return [_named_tuple(entry, UnitCard) for entry in entries]
    except OSError as error:
        raise BadInput(
            f"cannot read unit cards from {path}: {error.strerror}"
        ) from None
    except (ValueError, RecursionError) as error:
        raise BadInput(
            f"{path} is damaged or no file of unit cards as `save_cards` writes it: "
            f"{error}"
        ) from None


def _named_tuple(entry: Any, kind: Any) -> Any:
    if not isinstance(entry, dict) or set(entry) != set(kind._fields):
        raise ValueError(f"an entry has other fields than {', '.join(kind._fields)}")
    hints = kind.__annotations__
    return kind(**{name: _value(entry[name], hints[name], name) for name in entry})


def _value(value: Any, hint: Any, name: str) -> Any:
    """A value of JSON as the type of its field says."""
    if isinstance(hint, UnionType):
        if value is None:
            return None
        hint = get_args(hint)[0]
    if get_origin(hint) is tuple and isinstance(value, list):
        return tuple(_value(part, get_args(hint)[0], name) for part in value)
    if hasattr(hint, "_fields"):
        return _named_tuple(value, hint)
    infinite = isinstance(value, float) and not math.isfinite(value)
    if infinite or type(value) not in ({int, float} if hint is float else {hint}):
        raise ValueError(f"a `{name}` has a value that cannot be")
    return value
