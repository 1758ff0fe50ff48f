"""What a page says of a layer: the headline numbers and a card per unit."""

from jaxdissect.reports.cards.files import load_cards, save_cards
from jaxdissect.reports.cards.making import headline, unit_cards
from jaxdissect.reports.cards.parts import MAX_Q, NOT_TESTED, Headline, Match, UnitCard

__all__ = [
    "MAX_Q",
    "NOT_TESTED",
    "Headline",
    "Match",
    "UnitCard",
    "headline",
    "load_cards",
    "save_cards",
    "unit_cards",
]
