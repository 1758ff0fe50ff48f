"""Unit cards kept in a file."""

import json
from collections.abc import Sequence
from pathlib import Path

from jaxdissect.base import BadInput
from jaxdissect.reports import saved_files
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
    entries = saved_files.parse(saved_files.read_text(path), str(path))
    cards = [
        saved_files.typed(entry, UnitCard, f"unit {number}", path)
        for number, entry in enumerate(saved_files.typed(entries, list, "cards", path))
    ]
    for card in cards:
        ends = [end for end in (card.low, card.high) if end is not None]
        if len(ends) == 1 or ends != sorted(ends):
            raise BadInput(
                f"{path}: the interval of unit {card.unit} is from {card.low} to "
                f"{card.high}; it must have two ends in order, or none"
            )
    return cards
